    ;; Answers with a list of 1 GiB.
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (i32.store8 (i32.const 4) (i32.const 1))
      (i32.store (i32.const 8) (i32.const 0))
      (i32.store (i32.const 12) (i32.const 0x40000000))
      (i32.const 0))
