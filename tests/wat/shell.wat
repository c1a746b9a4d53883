;; A capsule around the module whose fields stand in the place of GUEST. Where
;; the component has IMPORTS, they define the core instance `$host`, which the
;; module gets as its ARGUMENTS. The module exports `memory`, `cabi_realloc` and
;; `hook`, which returns the address of a result<verdict, string>:
;;
;;   0   u8   0 ok, 1 err (its string at 4)
;;   4   u8   0 continue, 1 final, 2 deny, 3 skip
;;   8   u8   of continue: 0 none, 1 some (its list at 12)
;;   8   u32  of final and deny: address, and at 12 length
;;
;; Nothing but zeroes is `continue(none)`.
(component
  IMPORTS
  (core module $guest
    GUEST
  )
  (core instance $guest (instantiate $guest ARGUMENTS))

  (type $verdict (variant
    (case "continue" (option (list u8)))
    (case "final" (list u8))
    (case "deny" string)
    (case "skip")))
  (func $hook
    (param "action" string) (param "payload" (list u8))
    (result (result $verdict (error string)))
    (canon lift (core func $guest "hook")
      (memory (core memory $guest "memory")) (realloc (core func $guest "cabi_realloc"))))

  ;; An interface can only be exported by a component that names its types.
  (component $interface
    (type $shape (variant
      (case "continue" (option (list u8)))
      (case "final" (list u8))
      (case "deny" string)
      (case "skip")))
    (import "verdict" (type $verdict (eq $shape)))
    (import "hook" (func $hook
      (param "action" string) (param "payload" (list u8))
      (result (result $verdict (error string)))))
    (export $exported "verdict" (type $verdict))
    (export "hook" (func $hook) (func
      (param "action" string) (param "payload" (list u8))
      (result (result $exported (error string))))))
  (instance $interceptor (instantiate $interface
    (with "verdict" (type $verdict))
    (with "hook" (func $hook))))
  (export "capsule:host/interceptor@0.1.0" (instance $interceptor))
)
