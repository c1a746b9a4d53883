  (import "capsule:host/log@0.1.0" (instance $log
    (type $shape (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $shape)))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (core module $memory (memory (export "memory") 4))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (core func $write (canon lower (func $log "write") (memory $memory)))
  (core instance $host
    (export "write" (func $write))
    (export "memory" (memory $memory)))
