//! What the instances of a capsule are made from.

use std::sync::{Arc, OnceLock, atomic::AtomicUsize};

use wasmtime::component::InstancePre;

use crate::{
    bindings::CapsulePre,
    cache,
    machines::{Machine, Machines},
    processors::PerProcessor,
    state::{Shared, State},
};

/// Machine code that is copied to other engines, in bytes, data included. No
/// setting: a larger component takes so long to instantiate that sharing an
/// engine does not matter, and the copies would take much time and memory,
/// which no budget counts.
const COPIED_BYTES: usize = 1 << 20;

/// What instances that are made on one processor have in common. Each counts
/// its references to it, and threads that count the same wait for each other.
pub(crate) struct Home {
    code: Code,
    pub(crate) shared: Arc<Shared>,
    /// Instances of it that are alive.
    pub(crate) live: Arc<AtomicUsize>,
}

/// A component in one of the engines; its instances belong to the same one.
#[derive(Clone)]
enum Code {
    /// In the engine that it was compiled for.
    First(CapsulePre<State>),
    /// In another. Copied when it is first wanted: most capsules of a host are
    /// asked by few threads, and none while the host starts.
    Copy {
        first: CapsulePre<State>,
        machine: Arc<Machine>,
        copy: Arc<OnceLock<CapsulePre<State>>>,
    },
}

// === impl Home ===

impl Home {
    /// Those of all processors, for a component that is linked with the first
    /// engine.
    ///
    /// # Errors
    ///
    /// It is no capsule.
    pub(crate) fn all(
        machines: &Machines,
        linked: InstancePre<State>,
        shared: &Shared,
    ) -> wasmtime::Result<PerProcessor<Self>> {
        let first = CapsulePre::new(linked)?;
        let codes: Vec<_> = machines.all().map(|on| Code::new(&first, on)).collect();
        Ok(PerProcessor::new(|nth| Self {
            #[expect(clippy::indexing_slicing, reason = "the index is a remainder")]
            code: codes[nth % codes.len()].clone(),
            shared: Arc::new(shared.clone()),
            live: Arc::default(),
        }))
    }

    /// What instances are made from, which may have to be copied first: that was
    /// seen to take 0.2 to 1.5 ms for components of 20 to 200 KiB.
    pub(crate) fn code(&self) -> &CapsulePre<State> {
        self.code.get()
    }

    /// The engine that instances made here are in.
    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        match &self.code {
            Code::First(first) => first.engine(),
            Code::Copy { machine, copy, .. } => match copy.get() {
                Some(code) => code.engine(),
                None => &machine.wasmtime,
            },
        }
    }
}

// === impl Code ===

impl Code {
    fn new(first: &CapsulePre<State>, machine: &Arc<Machine>) -> Self {
        let code = first.instance_pre().component().image_range();
        let is_large = code.end.addr() - code.start.addr() > COPIED_BYTES;
        if is_large || wasmtime::Engine::same(first.engine(), &machine.wasmtime) {
            return Self::First(first.clone());
        }
        Self::Copy {
            first: first.clone(),
            machine: Arc::clone(machine),
            copy: Arc::default(),
        }
    }

    fn get(&self) -> &CapsulePre<State> {
        match self {
            Self::First(first) => first,
            Self::Copy {
                first,
                machine,
                copy,
            } => copy.get_or_init(|| {
                copied(first, machine).unwrap_or_else(|e| {
                    tracing::warn!(
                        "the code of a capsule cannot be copied, so that threads share its \
                         engine: {e:#}"
                    );
                    first.clone()
                })
            }),
        }
    }
}

fn copied(first: &CapsulePre<State>, machine: &Machine) -> wasmtime::Result<CapsulePre<State>> {
    let component = cache::copy(&machine.wasmtime, first.instance_pre().component())?;
    // Now, so that what is lacking for it is lacking here.
    component.initialize_copy_on_write_image()?;
    CapsulePre::new(machine.linker.instantiate_pre(&component)?)
}

#[cfg(test)]
mod tests {
    use wasmtime::{Config, Engine, component::Component};

    use super::*;
    use crate::{config::EngineConfig, engine, guests};

    struct Loaded {
        engine: engine::Engine,
        code: CapsulePre<State>,
    }

    impl Loaded {
        /// The guest `pass`, and `more` bytes.
        fn with(more: usize) -> Self {
            let engine = engine::Engine::new(EngineConfig {
                max_instances: 1,
                ..EngineConfig::default()
            })
            .unwrap();
            let data = format!("(data \"{}\")", "x".repeat(more));
            let wasm = guests::bytes(&guests::shell("", &(guests::fields("pass") + &data)));
            let first = engine.0.machines.first();
            let component = Component::new(&first.wasmtime, wasm).unwrap();
            let linked = first.linker.instantiate_pre(&component).unwrap();
            let code = CapsulePre::new(linked).unwrap();
            Self { engine, code }
        }

        /// The engine that an instance belongs to that is made for `machine`.
        fn on(&self, machine: Machine) -> Engine {
            let code = Code::new(&self.code, &Arc::new(machine));
            let one = code.get().engine();
            assert!(Engine::same(one, code.clone().get().engine()));
            one.clone()
        }

        fn first(&self) -> &Engine {
            &self.engine.0.machines.first().wasmtime
        }

        fn other(&self) -> Machine {
            Machine::of(Engine::new(&crate::machines::settings(&self.engine.0.config)).unwrap())
                .unwrap()
        }
    }

    #[test]
    fn instances_belong_to_the_engine_they_are_made_for() {
        let small = Loaded::with(0);
        let other = small.other();
        let want = other.wasmtime.clone();
        assert!(Engine::same(&small.on(other), &want));
        let first = Machine::of(small.first().clone()).unwrap();
        assert!(Engine::same(&small.on(first), small.first()));
    }

    #[test]
    fn a_large_component_stays_in_the_first_engine() {
        let large = Loaded::with(COPIED_BYTES + 1);
        assert!(Engine::same(&large.on(large.other()), large.first()));
    }

    #[test]
    fn what_cannot_be_copied_stays_in_the_first_engine() {
        let small = Loaded::with(0);
        // It has other settings, and takes no code but its own.
        let other = Machine::of(Engine::new(&Config::new()).unwrap()).unwrap();
        assert!(Engine::same(&small.on(other), small.first()));
    }
}
