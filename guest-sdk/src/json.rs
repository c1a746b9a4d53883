//! Reading JSON with errors that name the key.

use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// Reads one JSON value; the error starts with the path to what is wrong.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path();
        if path.iter().next().is_none() {
            Error::from(error.into_inner())
        } else {
            Error::msg(format!("`{path}`: {}", error.inner()))
        }
    })?;
    reader.end()?;
    Ok(value)
}
