//! What becomes of an event.

use serde::Serialize;

use crate::{Error, Result};

/// The answer of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let the event go on. `None` keeps the payload as it came, which is also
    /// the cheapest answer; `Some` replaces it for the stages behind, even
    /// with an empty one.
    Continue(Option<Vec<u8>>),
    /// End the chain and answer the publisher with these bytes.
    Final(Vec<u8>),
    /// End the chain and refuse the event, for this reason.
    Deny(String),
    /// Not mine: the event goes on, and the skip is recorded.
    Skip,
}

/// What a handler may return: [`Verdict`] or `Result<Verdict>`.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "return `Verdict` or `Result<Verdict>`"
)]
pub trait IntoVerdict {
    /// The verdict, or why there is none.
    ///
    /// # Errors
    ///
    /// The handler's own.
    fn into_verdict(self) -> Result<Verdict>;
}

// === impl Verdict ===

impl Verdict {
    /// Lets the event go on with the payload it has.
    pub fn unchanged() -> Self {
        Self::Continue(None)
    }

    /// Lets the event go on with this payload in place of its own.
    pub fn replace(payload: impl Into<Vec<u8>>) -> Self {
        Self::Continue(Some(payload.into()))
    }

    /// Lets the event go on with `payload` as JSON in place of its own.
    ///
    /// # Errors
    ///
    /// If `payload` cannot be written as JSON (a map whose keys are not
    /// strings, a `Serialize` that fails).
    pub fn replace_json(payload: &impl Serialize) -> Result<Self> {
        Ok(Self::replace(serde_json::to_vec(payload)?))
    }

    /// Ends the chain and answers the publisher with these bytes.
    pub fn answer(response: impl Into<Vec<u8>>) -> Self {
        Self::Final(response.into())
    }

    /// Ends the chain and answers the publisher with `response` as JSON.
    ///
    /// # Errors
    ///
    /// As for [`replace_json`](Self::replace_json).
    pub fn answer_json(response: &impl Serialize) -> Result<Self> {
        Ok(Self::answer(serde_json::to_vec(response)?))
    }

    /// Refuses the event, for this reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny(reason.into())
    }

    /// Says that the event is none of this capsule's business.
    pub fn skip() -> Self {
        Self::Skip
    }
}

// === impl IntoVerdict ===

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Result<Verdict> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoVerdict for Result<Verdict, E> {
    fn into_verdict(self) -> Result<Verdict> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_replacement_is_not_unchanged() {
        assert_eq!(Verdict::replace([]), Verdict::Continue(Some(Vec::new())));
        assert_ne!(Verdict::replace([]), Verdict::unchanged());
    }

    #[test]
    fn json_is_written_compactly() {
        let value = json!({"a": [1, 2]});

        assert_eq!(
            Verdict::replace_json(&value),
            Ok(Verdict::replace(r#"{"a":[1,2]}"#))
        );
        assert_eq!(
            Verdict::answer_json(&value),
            Ok(Verdict::answer(r#"{"a":[1,2]}"#))
        );
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        let keyed_by_pairs = std::collections::HashMap::from([((1, 2), 3)]);

        let error = Verdict::replace_json(&keyed_by_pairs).unwrap_err();

        assert_eq!(error.to_string(), "key must be a string");
    }
}
