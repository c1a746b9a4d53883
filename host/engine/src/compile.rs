//! From WebAssembly to machine code, under limits of size and time.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use capsule_core::text::printable;
use wasmparser::Parser;
use wasmtime::component::Component;

use crate::{cache::ModuleCache, engine::Inner, live::Counted, load::LoadError};

/// Bytes of a message of the compiler's: some lines of a log.
const MESSAGE_BYTES: usize = 512;

/// The component in `wasm`, from the cache where that has it.
pub(crate) fn component(
    engine: &Inner,
    wasm: &[u8],
    cache: Option<&ModuleCache>,
) -> Result<Component, LoadError> {
    let limit = engine.config.max_module_bytes;
    if wasm.len() > limit {
        let bytes = wasm.len();
        return Err(LoadError::TooLarge { bytes, limit });
    }
    if Parser::is_core_wasm(wasm) {
        return Err(LoadError::CoreModule);
    }
    if !Parser::is_component(wasm) {
        return Err(LoadError::NotWasm);
    }
    let Some(cache) = cache else {
        return compile(engine, wasm);
    };
    let name = ModuleCache::name(&engine.compatibility, wasm);
    if let Some(component) = cache.get(&engine.machines.first().wasmtime, &name) {
        return Ok(component);
    }
    let component = compile(engine, wasm)?;
    match component.serialize() {
        Ok(artefact) => cache.put(&name, &artefact),
        Err(e) => tracing::warn!("a compiled module cannot be kept: {e:#}"),
    }
    Ok(component)
}

fn compile(engine: &Inner, wasm: &[u8]) -> Result<Component, LoadError> {
    let limit = engine.config.compile_timeout;
    let running = Counted::new(&engine.compiling);
    if engine.compiling.load(Ordering::Relaxed) > engine.config.max_compiling {
        return Err(LoadError::Busy);
    }
    let (done, result) = mpsc::sync_channel(1);
    let compiler = engine.machines.first().wasmtime.clone();
    let bytes = Arc::<[u8]>::from(wasm);
    thread::Builder::new()
        .name("capsule-compile".into())
        .spawn(move || {
            let component = Component::from_binary(&compiler, &bytes);
            drop(running);
            // Nobody listens any more if the time was up.
            let _ = done.send(component);
        })
        .map_err(LoadError::Thread)?;
    match result.recv_timeout(limit) {
        Ok(component) => component.map_err(|e| LoadError::Invalid {
            reason: printable(&format!("{e:#}"), MESSAGE_BYTES).into_owned(),
        }),
        Err(RecvTimeoutError::Timeout) => Err(LoadError::CompileTimeout { limit }),
        Err(RecvTimeoutError::Disconnected) => Err(LoadError::CompilerPanicked),
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, time::Duration};

    use super::*;
    use crate::{config::EngineConfig, engine::Engine};

    fn engine(compile_timeout: Duration) -> Engine {
        Engine::new(EngineConfig {
            max_instances: 1,
            compile_timeout,
            ..EngineConfig::default()
        })
        .unwrap()
    }

    /// A component of one function so long that compiling it takes a second
    /// or more.
    fn long() -> Vec<u8> {
        let step = "(local.set 0 (call 0 (i32.load (i32.mul (local.get 0) (i32.const 7)))))\n";
        let steps = step.repeat(60_000);
        wat::parse_str(format!(
            "(component (core module (memory 1) \
             (func (param i32) (result i32) {steps} (local.get 0))))"
        ))
        .unwrap()
    }

    #[test]
    fn a_module_that_takes_too_long_to_compile_is_refused_by_the_limits_name() {
        let engine = engine(Duration::from_millis(1));
        let error = component(&engine.0, &long(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "compiling took longer than 1ms; raise `compile_timeout_ms` under [engine] in \
             host.toml, or make the module smaller"
        );
        let compiling = engine.0.compiling.load(Ordering::Relaxed);
        assert_eq!(compiling, 1, "it counts for as long as it goes on");
    }

    /// Rule: modules whose compilation outlives its time cannot take more than
    /// so many threads.
    #[test]
    fn no_more_is_compiled_while_too_much_is_under_way() {
        let engine = engine(Duration::from_secs(60));
        let compile = || component(&engine.0, &wat::parse_str("(component)").unwrap(), None);
        let under_way = || Counted::new(&engine.0.compiling);
        let max = engine.0.config.max_compiling;
        let mut others: Vec<_> = iter::repeat_with(under_way).take(max).collect();
        let error = compile().unwrap_err();
        assert_eq!(
            error.to_string(),
            "too many modules are being compiled at once; try again later"
        );
        others.pop();
        compile().unwrap();
    }
}
