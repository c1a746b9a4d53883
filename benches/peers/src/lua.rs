//! Lua 5.4, embedded.

use capsule_bench::BenchError;
use mlua::{Function, Lua};

/// Gives back nothing for what may pass, and why not for what may not.
const LOOK: &str = "function(payload) if payload:byte(1) == 255 then return 'refused' end end";

/// Calls one function of one VM again and again.
pub(crate) fn reused(
    payload: &[u8],
) -> Result<impl FnMut(u64) -> Result<(), BenchError>, BenchError> {
    let lua = Lua::new();
    let function = function(&lua)?;
    Ok(move |times| {
        for _ in 0..times {
            look(&lua, &function, payload)?;
        }
        Ok(())
    })
}

/// Makes a VM for each call.
pub(crate) fn fresh(payload: &[u8]) -> impl FnMut(u64) -> Result<(), BenchError> {
    move |times| {
        for _ in 0..times {
            let lua = Lua::new();
            look(&lua, &function(&lua)?, payload)?;
        }
        Ok(())
    }
}

fn function(lua: &Lua) -> Result<Function, BenchError> {
    lua.load(LOOK).eval().map_err(BenchError::peer("Lua"))
}

fn look(lua: &Lua, function: &Function, payload: &[u8]) -> Result<(), BenchError> {
    let call = || function.call::<Option<String>>(lua.create_string(payload)?);
    match call().map_err(BenchError::peer("Lua"))? {
        None => Ok(()),
        Some(reason) => Err(BenchError::unexpected(reason)),
    }
}
