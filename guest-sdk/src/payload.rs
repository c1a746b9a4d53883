//! What a handler takes: an event's payload, read as the type it names.

use serde::de::DeserializeOwned;

use crate::{Error, Result, json};

/// A type that an event's payload can be read as, and so the first parameter
/// of a handler: [`Json`], `String` or `Vec<u8>`.
#[diagnostic::on_unimplemented(
    message = "a payload cannot be read as `{Self}`",
    label = "not a payload",
    note = "take `Json<T>` for a type of your own, `String` for UTF-8 text, `Vec<u8>` for bytes"
)]
pub trait FromPayload: Sized {
    /// Reads the payload.
    ///
    /// # Errors
    ///
    /// If the bytes are not what the type needs. The handler is not called
    /// then, and the event ends as the manifest's `on_error` says.
    fn from_payload(payload: Vec<u8>) -> Result<Self>;
}

/// A payload read as JSON.
///
/// As a parameter it is a pattern: `Json(call): Json<ToolCall>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(
    /// What was read.
    pub T,
);

// === impl FromPayload ===

impl FromPayload for Vec<u8> {
    fn from_payload(payload: Vec<u8>) -> Result<Self> {
        Ok(payload)
    }
}

impl FromPayload for String {
    fn from_payload(payload: Vec<u8>) -> Result<Self> {
        Self::from_utf8(payload).map_err(|error| {
            Error::msg(format!(
                "the payload is not UTF-8: the byte at {} is invalid",
                error.utf8_error().valid_up_to()
            ))
        })
    }
}

impl<T: DeserializeOwned> FromPayload for Json<T> {
    fn from_payload(payload: Vec<u8>) -> Result<Self> {
        json::read(&payload)
            .map(Self)
            .map_err(|error| Error::msg(format!("the payload does not fit: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Call {
        args: Vec<String>,
    }

    #[test]
    fn payloads_are_read_as_the_parameter_says() {
        let call = br#"{"args": ["ls"]}"#.to_vec();
        let read = Call {
            args: vec!["ls".into()],
        };

        assert_eq!(Json::<Call>::from_payload(call.clone()), Ok(Json(read)));
        assert_eq!(Vec::from_payload(call.clone()), Ok(call.clone()));
        assert_eq!(
            String::from_payload(call.clone()),
            Ok(String::from_utf8(call).unwrap())
        );
    }

    #[test]
    fn an_error_says_where_the_payload_is_wrong() {
        let cases: [(&[u8], &str); 4] = [
            (
                b"{}",
                "the payload does not fit: missing field `args` at line 1 column 2",
            ),
            (
                br#"{"args": ["ls", 7]}"#,
                "the payload does not fit: `args[1]`: invalid type: integer `7`, \
                 expected a string at line 1 column 17",
            ),
            (
                b"{\"args\": []} x",
                "the payload does not fit: trailing characters at line 1 column 14",
            ),
            (
                b"",
                "the payload does not fit: EOF while parsing a value at line 1 column 0",
            ),
        ];
        for (payload, want) in cases {
            let error = Json::<Call>::from_payload(payload.to_vec()).unwrap_err();
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error() {
        let error = String::from_payload(b"ab\xff".to_vec()).unwrap_err();

        assert_eq!(
            error.to_string(),
            "the payload is not UTF-8: the byte at 2 is invalid"
        );
    }
}
