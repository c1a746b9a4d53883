    ;; Refuses for a reason that is no text.
    (data (i32.const 200) "caf\e9")
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (i32.store8 (i32.const 4) (i32.const 2))
      (i32.store (i32.const 8) (i32.const 200))
      (i32.store (i32.const 12) (i32.const 4))
      (i32.const 0))
