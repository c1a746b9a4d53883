//! Looks at a payload's first byte and lets it pass.

use extism_pdk::{FnResult, plugin_fn};

/// No payload of a measurement begins with it.
const REFUSED: u8 = 0xff;

/// The answer is empty where the payload may pass, and says why not where it
/// may not.
#[plugin_fn]
pub fn look(payload: Vec<u8>) -> FnResult<&'static str> {
    Ok(match payload.first() {
        Some(&REFUSED) => "refused by its first byte",
        _ => "",
    })
}
