//! The `[config]` table of the capsule's manifest.

use serde::de::DeserializeOwned;

use crate::{Error, Result, host, json};

/// The `[config]` table of the capsule's manifest, as
/// [`Capsule::start`](crate::Capsule::start) gets it.
#[derive(Debug)]
pub struct Config {
    table: host::Table,
}

// === impl Config ===

impl Config {
    pub(crate) fn new(table: host::Table) -> Self {
        Self { table }
    }

    /// The whole table as a type of the capsule's own.
    ///
    /// Give it `#[serde(deny_unknown_fields)]`: a misspelt key is then an
    /// error and not a rule that silently does nothing.
    ///
    /// # Errors
    ///
    /// If the table does not fit the type; the message names the key.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        json::read(self.table.all().as_bytes())
            .map_err(|error| Error::msg(format!("[config]: {error}")))
    }

    /// One key of the table, `None` where it is not set.
    ///
    /// # Errors
    ///
    /// If the key is set to something that does not fit the type; the message
    /// names the key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(text) = self.table.get(key) else {
            return Ok(None);
        };
        json::read(text.as_bytes())
            .map(Some)
            .map_err(|error| Error::msg(format!("[config] {key}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        blocked: Vec<String>,
    }

    fn config(table: serde_json::Value) -> Config {
        Config::new(host::Table::new(&table).unwrap())
    }

    #[test]
    fn a_table_is_read_whole_or_by_key() {
        let config = config(json!({"blocked": ["rm -rf"]}));
        let blocked = vec!["rm -rf".to_owned()];

        assert_eq!(config.get("blocked"), Ok(Some(blocked.clone())));
        assert_eq!(config.get::<u8>("absent"), Ok(None));
        assert_eq!(config.parse(), Ok(Settings { blocked }));
    }

    #[test]
    fn errors_name_the_key() {
        let cases = [
            (json!({}), "[config]: missing field `blocked`"),
            (
                json!({"blocked": [1]}),
                "[config]: `blocked[0]`: invalid type: integer `1`, expected a string",
            ),
            (
                json!({"blocked": [], "bloked": []}),
                "[config]: `bloked`: unknown field `bloked`, expected `blocked`",
            ),
        ];
        for (table, want) in cases {
            let error = config(table).parse::<Settings>().unwrap_err().to_string();
            assert!(error.starts_with(want), "got {error}");
        }
        let error = config(json!({"limit": "many"}))
            .get::<u8>("limit")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("[config] limit: invalid type: string \"many\", expected u8"),
            "got {error}"
        );
    }
}
