    ;; The same in four memories, each of which stays below the limit.
    (memory $b 1) (memory $c 1) (memory $d 1)
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (if (i32.eq (memory.grow (i32.const 320)) (i32.const -1)) (then unreachable))
      (if (i32.eq (memory.grow $b (i32.const 320)) (i32.const -1)) (then unreachable))
      (if (i32.eq (memory.grow $c (i32.const 320)) (i32.const -1)) (then unreachable))
      (if (i32.eq (memory.grow $d (i32.const 320)) (i32.const -1)) (then unreachable))
      (i32.const 0))
