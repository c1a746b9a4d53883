//! What answers for a capsule that could not be loaded.

use capsule_core::hook::{Call, ErrorKind, Hook, HookError, HookFuture};

/// Fails every call, so that the capsule's guards deny and its other
/// interceptors let pass, each seen in the outcome.
#[derive(Debug)]
pub(super) struct Failed {
    message: String,
}

// === impl Failed ===

impl Failed {
    /// Fails with `reason`.
    pub(super) fn new(reason: &str) -> Self {
        Self {
            message: format!("the capsule is not loaded: {reason}"),
        }
    }
}

impl Hook for Failed {
    fn call<'a>(&'a self, _call: Call<'a>) -> HookFuture<'a> {
        let error = HookError::new(ErrorKind::Unavailable, self.message.clone());
        HookFuture::ready(Err(error))
    }
}
