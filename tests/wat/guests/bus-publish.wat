    ;; Publishes its payload on the topic that its action names, each `-` of
    ;; which is a `.`: as often as the payload's first byte says, if that is an
    ;; ASCII digit, or once. Lets the event go on; if it was refused, answers
    ;; instead with the number of the last refusal as an ASCII digit.
    (import "host" "publish" (func $publish (param i32 i32 i32 i32 i32)))
    (import "host" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "memory" (memory 64))
    (export "memory" (memory 0))
    (export "cabi_realloc" (func $realloc))
    (func $topic (param $at i32) (param $left i32)
      (loop $next
        (if (local.get $left) (then
          (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2d))
            (then (i32.store8 (local.get $at) (i32.const 0x2e))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $next)))))
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (local $left i32)
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 16))
      (call $topic (local.get $action) (local.get $action-len))
      (local.set $left (i32.sub (i32.load8_u (local.get $payload)) (i32.const 0x30)))
      (if (i32.gt_u (local.get $left) (i32.const 9)) (then (local.set $left (i32.const 1))))
      (loop $again
        ;; A result<_, refusal> at 200: 0 or 1 there, and the refusal's case at 204.
        (call $publish
          (local.get $action) (local.get $action-len) (local.get $payload) (local.get $payload-len)
          (i32.const 200))
        (if (i32.load8_u (i32.const 200)) (then
          (i32.store8 (i32.const 300) (i32.add (i32.load8_u (i32.const 204)) (i32.const 0x30)))
          (i32.store8 (i32.const 4) (i32.const 1))
          (i32.store (i32.const 8) (i32.const 300))
          (i32.store (i32.const 12) (i32.const 1))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
      (i32.const 0))
