//! Writes files whole or not at all, and only if they change.

use std::{fs, io, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

/// Makes `path` hold `bytes`; returns whether it held something else before.
///
/// A reader sees the old file or the new one: the bytes go to a file beside
/// it that then takes its name. A file that is as it should be is left
/// alone, so that whoever watches the directory sees no change.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    // Temporary files are private; these are for the host to read.
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_if_it_changes_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/module.wasm");
        assert!(write_if_changed(&path, b"one").unwrap(), "it was not there");
        let first = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!write_if_changed(&path, b"one").unwrap(), "it is the same");
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), first);
        assert!(write_if_changed(&path, b"two").unwrap(), "it differs");
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn others_may_read_it_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("module.wasm");
        write_if_changed(&path, b"one").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
