    ;; Answers that it failed, in words that stand outside of its memory.
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (i32.store8 (i32.const 0) (i32.const 1))
      (i32.store (i32.const 4) (i32.const -4))
      (i32.store (i32.const 8) (i32.const 100))
      (i32.const 0))
