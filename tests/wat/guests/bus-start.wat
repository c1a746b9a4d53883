    ;; Publishes when it is made, and answers with the refusal of that as an
    ;; ASCII digit.
    (import "host" "publish" (func $publish (param i32 i32 i32 i32 i32)))
    (import "host" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "memory" (memory 64))
    (export "memory" (memory 0))
    (export "cabi_realloc" (func $realloc))
    (data (i32.const 400) "audit.start")
    (func $start
      (call $publish
        (i32.const 400) (i32.const 11) (i32.const 400) (i32.const 11) (i32.const 200)))
    (start $start)
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (i32.store8 (i32.const 300) (i32.add (i32.load8_u (i32.const 204)) (i32.const 0x30)))
      (i32.store8 (i32.const 4) (i32.load8_u (i32.const 200)))
      (i32.store (i32.const 8) (i32.const 300))
      (i32.store (i32.const 12) (i32.const 1))
      (i32.const 0))
