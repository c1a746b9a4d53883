  (import "capsule:host/context@0.1.0" (instance $context
    (export "principal" (func (result (option string))))
    (export "time-ms" (func (result u64)))))
  (import "capsule:host/config@0.1.0" (instance $config
    (export "get" (func (param "key" string) (result (option string))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $clock
    (type $shape (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $shape)))
    (export "now" (func (result $datetime)))))
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))
  (core module $memory
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $principal
    (canon lower (func $context "principal") (memory $memory) (realloc $realloc)))
  (core func $time-ms (canon lower (func $context "time-ms")))
  (core func $get (canon lower (func $config "get") (memory $memory) (realloc $realloc)))
  (core func $now (canon lower (func $clock "now") (memory $memory)))
  (core func $environment
    (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc)))
  (core instance $host
    (export "principal" (func $principal))
    (export "time-ms" (func $time-ms))
    (export "get" (func $get))
    (export "now" (func $now))
    (export "environment" (func $environment))
    (export "memory" (memory $memory)))
