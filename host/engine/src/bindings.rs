//! The types and functions that wasmtime generates from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "capsule",
    exports: { default: async },
});
