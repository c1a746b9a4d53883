    ;; Triggers, with its payload, the topic that its action names, each `-` of
    ;; which is a `.`; waits as long as it may, or the milliseconds of a
    ;; payload such as `d50`, whose deadline has two digits; a payload `q1` is
    ;; a quorum of one digit. Answers with one line for each reply: capsule,
    ;; `=`, verdict and its bytes, or `!` and the message. A refusal is `?` and
    ;; its number as an ASCII digit.
    (import "host" "trigger" (func $trigger (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "host" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "memory" (memory 64))
    (export "memory" (memory 0))
    (export "cabi_realloc" (func $realloc))
    (data (i32.const 400) "=!?\n")
    (data (i32.const 416) "continue")
    (data (i32.const 432) "final")
    (data (i32.const 448) "deny")
    (data (i32.const 464) "skip")
    ;; Where the next byte of the answer goes; it begins at 1024.
    (global $end (mut i32) (i32.const 1024))
    (func $put (param $from i32) (param $length i32)
      (memory.copy (global.get $end) (local.get $from) (local.get $length))
      (global.set $end (i32.add (global.get $end) (local.get $length))))
    ;; The string or list whose address and length are at $at.
    (func $put-at (param $at i32)
      (call $put (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
    (func $topic (param $at i32) (param $left i32)
      (loop $next
        (if (local.get $left) (then
          (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2d))
            (then (i32.store8 (local.get $at) (i32.const 0x2e))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $next)))))
    (func $digit (param $at i32) (result i32)
      (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)))
    ;; A verdict: its case, and its bytes where it has some.
    (func $put-verdict (param $at i32)
      (local $case i32)
      (local.set $case (i32.load8_u (local.get $at)))
      (call $put
        (i32.add (i32.const 416) (i32.mul (local.get $case) (i32.const 16)))
        (i32.load8_u (i32.add (i32.const 480) (local.get $case))))
      (if (i32.eqz (local.get $case))
        (then (if (i32.load8_u offset=4 (local.get $at))
          (then (call $put-at (i32.add (local.get $at) (i32.const 8))))))
        (else (if (i32.lt_u (local.get $case) (i32.const 3))
          (then (call $put-at (i32.add (local.get $at) (i32.const 4))))))))
    ;; The lengths of those words.
    (data (i32.const 480) "\08\05\04\04")
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (local $reply i32) (local $left i32) (local $deadline i32) (local $has-quorum i32) (local $quorum i32)
      (global.set $end (i32.const 1024))
      (call $topic (local.get $action) (local.get $action-len))
      (if (i32.eq (i32.load8_u (local.get $payload)) (i32.const 0x64)) (then ;; d
        (local.set $deadline (i32.add
          (i32.mul (call $digit (i32.add (local.get $payload) (i32.const 1))) (i32.const 10))
          (call $digit (i32.add (local.get $payload) (i32.const 2)))))))
      (if (i32.eq (i32.load8_u (local.get $payload)) (i32.const 0x71)) (then ;; q
        (local.set $has-quorum (i32.const 1))
        (local.set $quorum (call $digit (i32.add (local.get $payload) (i32.const 1))))))
      ;; A result<list<reply>, refusal> at 200.
      (call $trigger
        (local.get $action) (local.get $action-len) (local.get $payload) (local.get $payload-len)
        (local.get $deadline) (local.get $has-quorum) (local.get $quorum) (i32.const 200))
      (if (i32.load8_u (i32.const 200))
        (then
          (i32.store8 (i32.const 300) (i32.add (i32.load8_u (i32.const 204)) (i32.const 0x30)))
          (call $put (i32.const 402) (i32.const 1))
          (call $put (i32.const 300) (i32.const 1)))
        (else
          (local.set $reply (i32.load (i32.const 204)))
          (local.set $left (i32.load (i32.const 208)))
          (block $done (loop $next
            (br_if $done (i32.eqz (local.get $left)))
            ;; A reply: capsule at 0, action at 8, a result<verdict, no-reply>
            ;; at 16 with its verdict at 20, or its message at 24.
            (call $put-at (local.get $reply))
            (if (i32.load8_u offset=16 (local.get $reply))
              (then
                (call $put (i32.const 401) (i32.const 1))
                (call $put-at (i32.add (local.get $reply) (i32.const 24))))
              (else
                (call $put (i32.const 400) (i32.const 1))
                (call $put-verdict (i32.add (local.get $reply) (i32.const 20)))))
            (call $put (i32.const 403) (i32.const 1))
            (local.set $reply (i32.add (local.get $reply) (i32.const 36)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $next)))))
      (i32.store8 (i32.const 0) (i32.const 0))
      (i32.store8 (i32.const 4) (i32.const 1))
      (i32.store (i32.const 8) (i32.const 1024))
      (i32.store (i32.const 12) (i32.sub (global.get $end) (i32.const 1024)))
      (i32.const 0))
