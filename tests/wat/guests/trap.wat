    ;; Fails.
    (func $the_culprit unreachable)
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (call $the_culprit)
      (i32.const 0))
