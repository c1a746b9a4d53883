    ;; Replaces the payload by itself.
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (i32.store8 (i32.const 8) (i32.const 1))
      (i32.store (i32.const 12) (local.get $payload))
      (i32.store (i32.const 16) (local.get $payload-len))
      (i32.const 0))
