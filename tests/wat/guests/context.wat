    ;; Answers with what its payload asks for by its first letter: the event's time, the
    ;; principal, the configuration's key `k`, the seconds of the wall clock,
    ;; the variables of its environment, or the principal as its start saw it.
    (import "host" "principal" (func $principal (param i32)))
    (import "host" "time-ms" (func $time-ms (result i64)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "now" (func $now (param i32)))
    (import "host" "environment" (func $environment (param i32)))
    (import "host" "memory" (memory 4))
    (export "memory" (memory 0))
    (data (i32.const 300) "k")
    (global $next (mut i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.xor (global.get $next) (i32.const 1)))
      (i32.add (i32.const 65536) (i32.mul (global.get $next) (i32.const 65536))))
    (func $start
      (call $principal (i32.const 400)))
    (start $start)
    (func $answer (param $address i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 4) (i32.const 1))
      (i32.store (i32.const 8) (local.get $address))
      (i32.store (i32.const 12) (local.get $length))
      (i32.const 0))
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (local $ask i32)
      (local.set $ask (i32.load8_u (local.get $payload)))
      (if (i32.eq (local.get $ask) (i32.const 0x70)) (then ;; p
        (call $principal (i32.const 200))
        (return (call $answer (i32.load (i32.const 204)) (i32.load (i32.const 208))))))
      (if (i32.eq (local.get $ask) (i32.const 0x63)) (then ;; c
        (call $get (i32.const 300) (i32.const 1) (i32.const 200))
        (return (call $answer (i32.load (i32.const 204)) (i32.load (i32.const 208))))))
      (if (i32.eq (local.get $ask) (i32.const 0x77)) (then ;; w
        (call $now (i32.const 200))
        (return (call $answer (i32.const 200) (i32.const 8)))))
      (if (i32.eq (local.get $ask) (i32.const 0x65)) (then ;; e
        (call $environment (i32.const 200))
        (return (call $answer (i32.const 204) (i32.const 4)))))
      (if (i32.eq (local.get $ask) (i32.const 0x74)) (then ;; t
        (i64.store (i32.const 200) (call $time-ms))
        (return (call $answer (i32.const 200) (i32.const 8)))))
      (call $answer (i32.const 400) (i32.const 1)))
