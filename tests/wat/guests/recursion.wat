    ;; Calls itself without end.
    (func $deeper (param i32) (result i32)
      (i32.add (call $deeper (local.get 0)) (i32.const 1)))
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (call $deeper (i32.const 0)))
