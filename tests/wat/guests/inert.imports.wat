  (import "wasi:io/error@0.2.0" (instance $io-error
    (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $io-failure))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "error" (type $failure (eq $io-failure)))
    (export "input-stream" (type $input (sub resource)))
    (type $shape (variant (case "last-operation-failed" (own $failure)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $shape)))
    (export "[method]input-stream.blocking-read" (func
      (param "self" (borrow $input)) (param "len" u64)
      (result (result (list u8) (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input-stream))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (export "input-stream" (type $input (eq $input-stream)))
    (export "get-stdin" (func (result (own $input))))))
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))
    (export "initial-cwd" (func (result (option string))))))
  (import "wasi:filesystem/types@0.2.0" (instance $files
    (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $file))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (export "descriptor" (type $descriptor (eq $file)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $codes (enum "unknown" "access-denied" "not-supported" "invalid-argument"
      "out-of-memory" "timeout" "concurrency-conflict" "not-in-progress" "would-block"
      "invalid-state" "new-socket-limit" "address-not-bindable" "address-in-use"
      "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
      "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type (eq $codes)))
    (type $families (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $families)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/instance-network@0.2.0" (instance $instance-network
    (export "network" (type $n (eq $net)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (export "network" (type $n (eq $net)))
    (export "error-code" (type $e (eq $code)))
    (export "resolve-address-stream" (type $addresses (sub resource)))
    (export "resolve-addresses" (func
      (param "network" (borrow $n)) (param "name" string)
      (result (result (own $addresses) (error $e)))))))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $tcp-socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $tcp-create
    (export "error-code" (type $e (eq $code)))
    (export "ip-address-family" (type $f (eq $family)))
    (export "tcp-socket" (type $socket (eq $tcp-socket)))
    (export "create-tcp-socket" (func
      (param "address-family" $f) (result (result (own $socket) (error $e)))))))
  (import "wasi:sockets/udp@0.2.0" (instance $udp
    (export "udp-socket" (type (sub resource)))))
  (alias export $udp "udp-socket" (type $udp-socket))
  (import "wasi:sockets/udp-create-socket@0.2.0" (instance $udp-create
    (export "error-code" (type $e (eq $code)))
    (export "ip-address-family" (type $f (eq $family)))
    (export "udp-socket" (type $socket (eq $udp-socket)))
    (export "create-udp-socket" (func
      (param "address-family" $f) (result (result (own $socket) (error $e)))))))
  (core module $memory
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $arguments
    (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc)))
  (core func $cwd
    (canon lower (func $environment "initial-cwd") (memory $memory) (realloc $realloc)))
  (core func $directories
    (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core func $stdin (canon lower (func $stdin "get-stdin")))
  (core func $read
    (canon lower (func $streams "[method]input-stream.blocking-read")
      (memory $memory) (realloc $realloc)))
  (core func $network (canon lower (func $instance-network "instance-network")))
  (core func $resolve
    (canon lower (func $lookup "resolve-addresses") (memory $memory)))
  (core func $tcp (canon lower (func $tcp-create "create-tcp-socket") (memory $memory)))
  (core func $udp (canon lower (func $udp-create "create-udp-socket") (memory $memory)))
  (core instance $host
    (export "arguments" (func $arguments))
    (export "cwd" (func $cwd))
    (export "directories" (func $directories))
    (export "stdin" (func $stdin))
    (export "read" (func $read))
    (export "network" (func $network))
    (export "resolve" (func $resolve))
    (export "tcp" (func $tcp))
    (export "udp" (func $udp))
    (export "memory" (memory $memory)))
