//! Reading `host.toml`.

use std::{fs, io, path::Path, path::PathBuf};

use super::HostConfig;

/// Why a configuration file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration {path}: {error}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It says something the host does not understand.
    #[error("in {path}: {error}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        error: toml::de::Error,
    },
}

// === impl HostConfig ===

impl HostConfig {
    /// Reads the file at `path`. Relative paths in it are relative to the
    /// directory it is in.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the file, and the line if one is at fault.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            error,
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        for path in [&mut config.capsules, &mut config.cache_dir] {
            *path = path.take().map(|path| base.join(path));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use capsule_core::{
        broker::BrokerConfig, dispatch::DispatchConfig, mailbox::MailboxConfig,
        quarantine::QuarantineConfig,
    };
    use capsule_engine::EngineConfig;

    use super::*;

    fn read(text: &str) -> Result<HostConfig, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.toml");
        fs::write(&path, text).unwrap();
        HostConfig::read(&path).map_err(|error| {
            error
                .to_string()
                .replace(&dir.path().display().to_string(), "DIR")
        })
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        assert_eq!(read("").unwrap(), HostConfig::default());
        let config = read("keep_going = true\n[dispatch]\nlane_capacity = 8").unwrap();
        assert!(config.keep_going);
        assert_eq!(config.dispatch.lane_capacity.get(), 8);
        assert_eq!(config.dispatch.chain_deadline_ms.get(), 5000);
    }

    #[test]
    fn every_default_is_that_of_the_part_it_is_for() {
        let config = HostConfig::default();
        assert_eq!(config.engine.to_engine(), EngineConfig::default());
        assert_eq!(config.dispatch.to_dispatch(), DispatchConfig::default());
        let quarantine = Some(QuarantineConfig::default());
        assert_eq!(config.quarantine.to_quarantine(), quarantine);
        assert_eq!(config.queue.to_queue(), MailboxConfig::default());
        assert_eq!(config.hooks.to_broker(), BrokerConfig::default());
    }

    #[test]
    fn what_the_file_says_reaches_the_part_it_is_for() {
        let config = read(
            "[engine]\nmax_compiling = 3\ntick_ms = 4\nmax_wasm_stack_kib = 128\n\
             keep_resident_kib = 7\n[dispatch]\ntrigger_deadline_ms = 5\n\
             failure_log_interval_ms = 6\ncached_topics = 8\n[quarantine]\nmax_principals = 9",
        )
        .unwrap();
        let engine = config.engine.to_engine();
        assert_eq!(engine.max_compiling, 3);
        assert_eq!(engine.tick.as_millis(), 4);
        assert_eq!(engine.max_wasm_stack, 128 << 10);
        assert_eq!(engine.keep_resident, 7 << 10);
        let dispatch = config.dispatch.to_dispatch();
        assert_eq!(dispatch.trigger_deadline.as_millis(), 5);
        assert_eq!(dispatch.failure_log_interval.as_millis(), 6);
        assert_eq!(dispatch.cached_topics.get(), 8);
        let quarantine = config.quarantine.to_quarantine().unwrap();
        assert_eq!(quarantine.max_principals, 9);
    }

    #[test]
    fn the_documented_file_is_the_defaults() {
        let documented = include_str!("../../../docs/host.toml");
        assert_eq!(read(documented).unwrap(), HostConfig::default());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let unknown = read("[dispatch]\nlane_capacty = 8").unwrap_err();
        assert!(unknown.contains("in DIR/host.toml: "), "{unknown}");
        assert!(unknown.contains("line 2"), "{unknown}");
        assert!(unknown.contains("lane_capacty"), "{unknown}");
        let zero = read("[dispatch]\nlane_capacity = 0").unwrap_err();
        assert!(zero.contains("line 2"), "{zero}");
        let missing = HostConfig::read(Path::new("/nowhere/host.toml")).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot read the configuration /nowhere/host.toml: "),
        );
    }
}
