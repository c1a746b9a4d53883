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
