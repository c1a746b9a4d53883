//! Whether a capsule is still the same.

use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// What a capsule was made from: the text of its manifest, and its module
/// where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    text: Digest,
    module: Option<Digest>,
}

// === impl Fingerprint ===

impl Fingerprint {
    /// Of a capsule whose manifest and module have these digests.
    pub(super) fn new(text: Digest, module: Option<Digest>) -> Self {
        Self { text, module }
    }
}

/// The SHA-256 of `bytes`.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}
