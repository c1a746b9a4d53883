//! The types and functions that wasmtime generates from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "capsule",
    // The one function that waits.
    imports: { "capsule:host/bus.trigger": async },
    exports: { default: async },
});
