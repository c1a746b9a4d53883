  (import "capsule:host/types@0.1.0" (instance $types
    (type $shape (variant
      (case "continue" (option (list u8)))
      (case "final" (list u8))
      (case "deny" string)
      (case "skip")))
    (export "verdict" (type (eq $shape)))))
  (alias export $types "verdict" (type $answer))
  (import "capsule:host/bus@0.1.0" (instance $bus
    (export "verdict" (type $verdict (eq $answer)))
    (type $refusals (variant
      (case "bad-topic" string)
      (case "not-granted")
      (case "too-many-hops")
      (case "too-often")
      (case "full" string)
      (case "too-large" string)
      (case "closed")))
    (export "refusal" (type $refusal (eq $refusals)))
    (type $causes (enum "trap" "timeout" "memory" "stack" "output" "unavailable" "quarantined"
      "guest" "would-block" "full" "late" "not-needed"))
    (export "cause" (type $cause (eq $causes)))
    (type $none (record (field "cause" $cause) (field "message" string)))
    (export "no-reply" (type $no-reply (eq $none)))
    (type $said (record
      (field "capsule" string)
      (field "action" string)
      (field "answer" (result $verdict (error $no-reply)))))
    (export "reply" (type $reply (eq $said)))
    (export "publish" (func
      (param "topic" string) (param "payload" (list u8))
      (result (result (error $refusal)))))
    (export "trigger" (func
      (param "topic" string) (param "payload" (list u8))
      (param "deadline-ms" u32) (param "quorum" (option u32))
      (result (result (list $reply) (error $refusal)))))))
  ;; Hands out memory from 64 KiB to 4 MiB, and then the same again: a call
  ;; never needs as much.
  (core module $memory
    (memory (export "memory") 64)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $given i32)
      (if (i32.gt_u (i32.add (global.get $next) (local.get $size)) (i32.const 4194000))
        (then (global.set $next (i32.const 65536))))
      (local.set $given (global.get $next))
      (global.set $next
        (i32.and (i32.add (i32.add (global.get $next) (local.get $size)) (i32.const 7)) (i32.const -8)))
      (local.get $given)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $publish
    (canon lower (func $bus "publish") (memory $memory) (realloc $realloc)))
  (core func $trigger
    (canon lower (func $bus "trigger") (memory $memory) (realloc $realloc)))
  (core instance $host
    (export "publish" (func $publish))
    (export "trigger" (func $trigger))
    (export "realloc" (func $realloc))
    (export "memory" (memory $memory)))
