    ;; The same with tables.
    (table $t 1 funcref)
    (func $hook (export "hook") (param $action i32) (param $action-len i32) (param $payload i32) (param $payload-len i32) (result i32)
      (loop $again
        (br_if $again
          (i32.ne (table.grow $t (ref.null func) (i32.const 1024)) (i32.const -1))))
      unreachable)
