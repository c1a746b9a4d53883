//! rhai, embedded.

use capsule_bench::BenchError;
use rhai::{Blob, Engine, Scope};

/// Whether it may pass.
const LOOK: &str = "fn look(payload) { payload[0] != 255 }";

/// Calls one function of one engine again and again.
pub(crate) fn reused(
    payload: &[u8],
) -> Result<impl FnMut(u64) -> Result<(), BenchError>, BenchError> {
    let engine = Engine::new();
    let script = engine.compile(LOOK).map_err(BenchError::peer("rhai"))?;
    let mut scope = Scope::new();
    Ok(move |times| {
        for _ in 0..times {
            let payload: Blob = payload.to_vec();
            let passes = engine.call_fn(&mut scope, &script, "look", (payload,));
            if !passes.map_err(BenchError::peer("rhai"))? {
                return Err(BenchError::unexpected("rhai refuses"));
            }
        }
        Ok(())
    })
}
