use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::Silent;

const ABOUT: &str = "rustc 1.96.0 (built from a source tarball)\n\
                     binary: rustc\n\
                     host: x86_64-unknown-linux-gnu\n\
                     release: 1.96.0\n";

fn system(about: &str) -> SystemRustc {
    SystemRustc {
        version: Version::new(1, 96, 0),
        about: about.into(),
        host: "x86_64-unknown-linux-gnu".into(),
        root: "/usr".into(),
    }
}

/// Compiled libraries, as cargo leaves them, and a linker.
fn compiled(dir: &Path) -> (PathBuf, PathBuf) {
    let libraries = dir.join("deps");
    fs::create_dir(&libraries).unwrap();
    for name in [
        "libcore-1.rlib",
        "libcore-1.rmeta",
        "libseed-2.rlib",
        "core-1.d",
    ] {
        fs::write(libraries.join(name), name).unwrap();
    }
    let linker = dir.join("rust-lld");
    fs::write(&linker, "").unwrap();
    (libraries, linker)
}

/// Puts a sysroot in its place without compiling.
fn place(sysroot: &Sysroot, dir: &Path) {
    let (libraries, linker) = compiled(dir);
    let new = dir.join("new");
    sysroot.assemble(&libraries, Some(&linker), &new).unwrap();
    sysroot.replace(&new, &dir.join("old")).unwrap();
}

#[test]
fn fields_are_read_by_their_whole_name() {
    assert_eq!(field(ABOUT, "release"), Some("1.96.0"));
    assert_eq!(field(ABOUT, "host"), Some("x86_64-unknown-linux-gnu"));
    assert_eq!(field(ABOUT, "hos"), None);
}

#[test]
fn a_sysroot_holds_the_compiled_libraries_and_nothing_of_the_seed() {
    let (cache, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sysroot = Sysroot::new(cache.path(), system(ABOUT));
    place(&sysroot, work.path());

    let target = sysroot.dir.join("lib/rustlib/wasm32-unknown-unknown/lib");
    let names: Vec<_> = fs::read_dir(target)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["libcore-1.rlib"]);
}

#[test]
fn the_compiler_of_a_sysroot_runs_the_systems_on_it_whatever_the_path() {
    let (parent, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cache = parent.path().join("it's a cache");
    fs::create_dir(&cache).unwrap();
    let sysroot = Sysroot::new(&cache, system(ABOUT));
    place(&sysroot, work.path());

    let script = fs::read_to_string(sysroot.rustc()).unwrap();
    let dir = sysroot.dir.display().to_string().replace('\'', r"'\''");
    assert_eq!(
        script,
        format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot '{dir}' \"$@\"\n")
    );
    let mode = fs::metadata(sysroot.rustc()).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}

#[test]
fn a_sysroot_is_fresh_while_its_compiler_and_linker_are_the_same() {
    let (cache, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sysroot = Sysroot::new(cache.path(), system(ABOUT));
    assert!(!sysroot.is_fresh(), "before it is made");
    place(&sysroot, work.path());
    assert!(sysroot.is_fresh(), "after it was made");

    let newer = Sysroot::new(cache.path(), system(&ABOUT.replace("1.96.0", "1.97.0")));
    assert!(!newer.is_fresh(), "for another compiler");

    fs::remove_file(work.path().join("rust-lld")).unwrap();
    assert!(!sysroot.is_fresh(), "after its linker went");
}

#[test]
fn a_fresh_sysroot_is_not_built_again() {
    let (cache, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sysroot = Sysroot::new(cache.path(), system(ABOUT));
    place(&sysroot, work.path());
    let no_cargo = Path::new("/no/such/cargo");
    sysroot.build(no_cargo, None, true, &Silent).unwrap();
}

#[test]
fn a_build_removes_what_a_killed_one_left() {
    let cache = tempfile::tempdir().unwrap();
    let left = cache.path().join("building-1");
    fs::create_dir(&left).unwrap();
    let sysroot = Sysroot::new(cache.path(), system(ABOUT));
    let no_cargo = Path::new("/no/such/cargo");
    let error = sysroot.build(no_cargo, None, true, &Silent).unwrap_err();
    assert!(matches!(error, ToolchainError::Library(_)), "got {error}");
    assert!(!left.exists());
}

#[test]
fn a_cache_that_cannot_be_made_is_named() {
    let sysroot = Sysroot::new(Path::new("/proc/capsule"), system(ABOUT));
    let error = sysroot
        .build(Path::new("cargo"), None, true, &Silent)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write /proc/capsule: "),
        "got {error}"
    );
}
