//! What the instances of a capsule are made from.

use std::sync::{Arc, atomic::AtomicUsize};

use wasmtime::component::InstancePre;

use crate::{
    bindings::CapsulePre,
    cache,
    engine::Inner,
    spec::InstanceMode,
    state::{Shared, State},
};

/// Machine code of which processors get their own, in bytes, data included. No
/// setting: a larger component takes so long to instantiate that it does not
/// matter, and the copies would take much memory.
const OWN_CODE_BYTES: usize = 1 << 20;
/// So many processors at most have code of their own: of hosts with many, most
/// share it, so that a capsule takes no more than a few MiB.
const OWN_CODES: usize = 4;

/// What instances that are made on one processor have in common. Each counts
/// its references to it, and threads that count the same wait for each other.
pub(crate) struct Home {
    pub(crate) pre: CapsulePre<State>,
    pub(crate) shared: Arc<Shared>,
    /// Instances of it that are alive.
    pub(crate) live: Arc<AtomicUsize>,
}

// === impl Home ===

impl Home {
    /// That of processor `nth`, for a component that is `linked`.
    ///
    /// Where instances are made for each call, a few processors have code of
    /// their own: an instance then gets memory that the same one used last, and
    /// has in its caches. Instances that are kept share the code, and so do
    /// large components.
    pub(crate) fn new(
        engine: &Inner,
        linked: &InstancePre<State>,
        shared: &Shared,
        nth: usize,
    ) -> wasmtime::Result<Self> {
        let component = linked.component();
        let code = component.image_range();
        let is_small = code.end.addr() - code.start.addr() <= OWN_CODE_BYTES;
        let is_fresh = shared.spec.instance == InstanceMode::Fresh;
        let pre = if (1..OWN_CODES).contains(&nth) && is_small && is_fresh {
            let own = cache::copy(&engine.wasmtime, component)?;
            engine.linker.instantiate_pre(&own)?
        } else {
            linked.clone()
        };
        Ok(Self {
            pre: CapsulePre::new(pre)?,
            shared: Arc::new(shared.clone()),
            live: Arc::default(),
        })
    }
}
