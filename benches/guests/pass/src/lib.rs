//! Looks at a payload's first byte and lets it pass: the least that a guard
//! does, so that what is measured is the way to it and back.

use capsule_sdk::prelude::*;

/// No payload of a measurement begins with it.
const REFUSED: u8 = 0xff;

#[derive(Default)]
struct Pass;

#[capsule]
impl Pass {
    #[action]
    fn look(&self, payload: Vec<u8>) -> Verdict {
        match payload.first() {
            Some(&REFUSED) => Verdict::deny("refused by its first byte"),
            _ => Verdict::unchanged(),
        }
    }
}
