    ;; Copies memory ten times, takes a page as often as its payload's first byte
    ;; says (an ASCII digit), and lets the event go on.
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (local $left i32)
      (local.set $left (i32.const 10))
      (loop $again
        (memory.copy (i32.const 256) (i32.const 1024) (i32.const 512))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
      (local.set $left (i32.sub (i32.load8_u (local.get $payload)) (i32.const 0x30)))
      (loop $again
        (drop (memory.grow (i32.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
      (i32.const 0))
