//! Panics on every event.

use capsule_sdk::prelude::*;

#[derive(Default)]
struct Panics;

#[capsule]
impl Panics {
    #[action]
    fn act(&mut self, payload: String) -> Verdict {
        panic!("cannot bear {payload}")
    }
}
