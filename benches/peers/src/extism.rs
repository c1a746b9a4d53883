//! Extism: a plugin in WebAssembly, called with bytes.

use std::{fs, path::Path};

use capsule_bench::BenchError;
use extism::{CompiledPlugin, Plugin, PluginBuilder};

/// A compiled plugin.
pub(crate) struct Extism(CompiledPlugin);

// === impl Extism ===

impl Extism {
    pub(crate) fn new(plugin: &Path) -> Result<Self, BenchError> {
        let what = format!("cannot read {}", plugin.display());
        let wasm = fs::read(plugin).map_err(BenchError::io(what))?;
        let compiled = CompiledPlugin::new(PluginBuilder::new(wasm));
        compiled.map(Self).map_err(BenchError::peer("Extism"))
    }

    /// Calls one plugin again and again.
    pub(crate) fn reused<'a>(
        &self,
        payload: &'a [u8],
    ) -> Result<impl FnMut(u64) -> Result<(), BenchError> + use<'a>, BenchError> {
        let mut plugin = self.plugin()?;
        Ok(move |times| {
            for _ in 0..times {
                look(&mut plugin, payload)?;
            }
            Ok(())
        })
    }

    /// Makes a plugin for each call.
    pub(crate) fn fresh(&self, payload: &[u8]) -> impl FnMut(u64) -> Result<(), BenchError> {
        move |times| {
            for _ in 0..times {
                look(&mut self.plugin()?, payload)?;
            }
            Ok(())
        }
    }

    fn plugin(&self) -> Result<Plugin, BenchError> {
        Plugin::new_from_compiled(&self.0).map_err(BenchError::peer("Extism"))
    }
}

fn look(plugin: &mut Plugin, payload: &[u8]) -> Result<(), BenchError> {
    let answer: &[u8] = plugin
        .call("look", payload)
        .map_err(BenchError::peer("Extism"))?;
    match answer {
        [] => Ok(()),
        other => Err(BenchError::unexpected(format!("Extism says {other:?}"))),
    }
}
