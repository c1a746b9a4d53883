//! The types and functions that wasmtime generates from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "capsule",
    // All can end the call, since each counts; one waits.
    imports: {
        "capsule:host/bus.trigger": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
