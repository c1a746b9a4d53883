//! The module cache trusts nothing but what it wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use capsule_engine::{CacheError, Engine, InstanceMode, ModuleCache};
use tempfile::TempDir;

use support::{ask, engine, spec, text, wasm};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "key")
        .collect();
    paths.sort();
    paths
}

/// Loads a guest through the cache, and checks that it works.
async fn load_through(engine: &Engine, cache: &ModuleCache, guest: &str) {
    let spec = spec(guest, InstanceMode::Fresh);
    let capsule = engine.load(&wasm(&text(guest)), spec, Some(cache)).unwrap();
    ask(&capsule, "alice", "{}").await.unwrap();
}

struct Cached {
    dir: TempDir,
    engine: Engine,
    cache: ModuleCache,
}

impl Cached {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let cache = ModuleCache::open(dir.path().join("cache")).unwrap();
        let engine = engine(2);
        Self { dir, engine, cache }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The only entry.
    fn entry(&self) -> PathBuf {
        let entries = entries(&self.path());
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    async fn load(&self, guest: &str) {
        load_through(&self.engine, &self.cache, guest).await;
    }
}

#[tokio::test]
async fn what_was_compiled_once_is_read_back() {
    let cached = Cached::new();
    cached.load("pass").await;
    let before = fs::metadata(cached.entry()).unwrap();
    // Another host on the same directory.
    let again = ModuleCache::open(cached.path()).unwrap();
    load_through(&engine(2), &again, "pass").await;
    let after = fs::metadata(cached.entry()).unwrap();
    assert_eq!(after.ino(), before.ino(), "the entry was not written anew");
    cached.load("echo").await;
    assert_eq!(entries(&cached.path()).len(), 2);
}

#[tokio::test]
async fn the_directory_and_its_key_are_the_hosts_alone() {
    let cached = Cached::new();
    cached.load("pass").await;
    assert_eq!(mode(&cached.path()), 0o700);
    assert_eq!(mode(&cached.path().join("key")), 0o600);
    assert_eq!(mode(&cached.entry()), 0o600);
}

#[tokio::test]
async fn a_damaged_entry_is_compiled_anew() {
    let cached = Cached::new();
    cached.load("pass").await;
    let path = cached.entry();
    let good = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        ("authenticator", flipped(0)),
        ("first byte", flipped(32)),
        ("middle", flipped(good.len() / 2)),
        ("last byte", flipped(good.len() - 1)),
        ("empty", Vec::new()),
        ("short", good[..31].to_vec()),
        ("authenticator alone", good[..32].to_vec()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("longer", [&good[..], &[0]].concat()),
        ("no authenticator", good[32..].to_vec()),
    ];
    for (name, bytes) in damaged {
        fs::write(&path, &bytes).unwrap();
        cached.load("pass").await;
        let now = fs::read(&path).unwrap();
        assert_ne!(now, bytes, "{name}: it is still there");
        let before = fs::metadata(&path).unwrap().ino();
        cached.load("pass").await;
        let after = fs::metadata(&path).unwrap().ino();
        assert_eq!(after, before, "{name}: the new one is good");
    }
}

#[tokio::test]
async fn an_entry_made_with_another_key_is_compiled_anew() {
    let (ours, theirs) = (Cached::new(), Cached::new());
    ours.load("pass").await;
    theirs.load("pass").await;
    assert_eq!(ours.entry().file_name(), theirs.entry().file_name());
    let foreign = fs::read(theirs.entry()).unwrap();
    fs::write(ours.entry(), &foreign).unwrap();
    ours.load("pass").await;
    assert_ne!(fs::read(ours.entry()).unwrap(), foreign);
}

#[tokio::test]
async fn an_entry_under_the_name_of_another_is_compiled_anew() {
    let cached = Cached::new();
    cached.load("pass").await;
    let pass = cached.entry();
    cached.load("deny").await;
    let deny = entries(&cached.path())
        .into_iter()
        .find(|path| *path != pass)
        .unwrap();
    let good = fs::read(&deny).unwrap();
    fs::copy(&pass, &deny).unwrap();
    cached.load("deny").await;
    assert_ne!(fs::read(&deny).unwrap(), fs::read(&pass).unwrap());
    assert_eq!(fs::read(&deny).unwrap().len(), good.len());
}

#[tokio::test]
async fn an_entry_that_is_a_link_is_not_followed() {
    let cached = Cached::new();
    cached.load("pass").await;
    let path = cached.entry();
    let elsewhere = cached.dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    cached.load("pass").await;
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    for forbidden in [0o777, 0o770, 0o702, 0o1777] {
        let dir = TempDir::new().unwrap();
        chmod(dir.path(), forbidden);
        let error = ModuleCache::open(dir.path()).unwrap_err();
        assert!(matches!(error, CacheError::Mode { .. }), "{error}");
        let message = error.to_string();
        for part in ["others could put code there", "chmod 0700"] {
            assert!(message.contains(part), "{message}");
        }
        let shown = dir.path().display().to_string();
        assert!(message.contains(&shown), "{message}");
    }
}

#[test]
fn a_directory_of_someone_else_is_refused() {
    let dir = TempDir::new().unwrap();
    // Only root can give a directory away; for everyone else `/` is foreign.
    let foreign = match std::os::unix::fs::chown(dir.path(), Some(65_534), None) {
        Ok(()) => dir.path(),
        Err(_) => Path::new("/"),
    };
    let error = ModuleCache::open(foreign).unwrap_err();
    assert!(matches!(error, CacheError::Owner { .. }), "{error}");
}

#[test]
fn a_link_or_a_file_in_the_place_of_the_directory_is_refused() {
    let dir = TempDir::new().unwrap();
    let (real, link, file) = (
        dir.path().join("real"),
        dir.path().join("link"),
        dir.path().join("file"),
    );
    ModuleCache::open(&real).unwrap();
    symlink(&real, &link).unwrap();
    fs::write(&file, "").unwrap();
    for path in [link, file] {
        let error = ModuleCache::open(&path).unwrap_err();
        assert!(matches!(error, CacheError::NotADirectory { .. }), "{error}");
    }
}

#[test]
fn a_key_that_others_can_read_or_that_is_none_is_refused() {
    let dir = TempDir::new().unwrap();
    chmod(dir.path(), 0o700);
    let key = dir.path().join("key");
    ModuleCache::open(dir.path()).unwrap();
    chmod(&key, 0o640);
    let error = ModuleCache::open(dir.path()).unwrap_err();
    assert!(matches!(error, CacheError::Mode { .. }), "{error}");
    chmod(&key, 0o600);
    for wrong in [&b"short"[..], &[7; 33]] {
        fs::write(&key, wrong).unwrap();
        let error = ModuleCache::open(dir.path()).unwrap_err();
        assert!(matches!(error, CacheError::Key { .. }), "{error}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_says_so() {
    let error = ModuleCache::open("/proc/capsule-cache").unwrap_err();
    assert!(matches!(error, CacheError::Open { .. }), "{error}");
    assert!(error.to_string().contains("/proc/capsule-cache"), "{error}");
}

#[tokio::test]
async fn a_cache_that_went_away_costs_only_time() {
    let cached = Cached::new();
    fs::remove_dir_all(cached.path()).unwrap();
    cached.load("pass").await;
    cached.load("pass").await;
}
