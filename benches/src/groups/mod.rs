//! The groups, one file each.

pub(crate) mod chain;
pub(crate) mod checks;
pub(crate) mod fresh;
pub(crate) mod growth;
pub(crate) mod load;
pub(crate) mod lookup;
pub(crate) mod memory;
pub(crate) mod native;
pub(crate) mod publish;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod threads;
