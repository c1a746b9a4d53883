use super::*;

/// A machine with nothing: each case says what is different.
fn bare() -> Facts {
    Facts {
        kind: ToolchainKind::Auto,
        needed: Version::new(1, 95, 0),
        target_installed: false,
        rustup: Attempt::Impossible("it is not installed"),
        sysroot_fresh: false,
        system_rustc: None,
        system_source: false,
        linker: true,
        install: Attempt::Impossible("only root may install packages"),
    }
}

fn version(minor: u64) -> Option<Version> {
    Some(Version::new(1, minor, 0))
}

#[test]
fn the_first_way_that_is_open_is_taken() {
    use ToolchainKind::{Auto, Debian, Rustup};
    let failed = || Attempt::Failed("no network".into());
    let cases: Vec<(&str, Facts, Next)> = vec![
        (
            "the compiler in use can do it",
            Facts {
                target_installed: true,
                sysroot_fresh: true,
                ..bare()
            },
            Next::UsePlain,
        ),
        (
            "the target is there, but Debian's way is asked for",
            Facts {
                kind: Debian,
                target_installed: true,
                sysroot_fresh: true,
                ..bare()
            },
            Next::UseSysroot,
        ),
        (
            "rustup is asked first",
            Facts {
                rustup: Attempt::Untried,
                install: Attempt::Untried,
                ..bare()
            },
            Next::AddTarget,
        ),
        (
            "a cached sysroot spares asking rustup",
            Facts {
                rustup: Attempt::Untried,
                sysroot_fresh: true,
                ..bare()
            },
            Next::UseSysroot,
        ),
        (
            "rustup's way does not use the cached sysroot",
            Facts {
                kind: Rustup,
                rustup: Attempt::Untried,
                sysroot_fresh: true,
                ..bare()
            },
            Next::AddTarget,
        ),
        (
            "rustup failed, packages can be installed",
            Facts {
                rustup: failed(),
                install: Attempt::Untried,
                ..bare()
            },
            Next::InstallPackages,
        ),
        (
            "packages are there",
            Facts {
                rustup: failed(),
                system_rustc: version(96),
                system_source: true,
                ..bare()
            },
            Next::BuildSysroot,
        ),
        (
            "Debian's way does not ask rustup",
            Facts {
                kind: Debian,
                rustup: Attempt::Untried,
                install: Attempt::Untried,
                ..bare()
            },
            Next::InstallPackages,
        ),
        (
            "the source is missing",
            Facts {
                system_rustc: version(96),
                install: Attempt::Untried,
                ..bare()
            },
            Next::InstallPackages,
        ),
        (
            "the compiler is too old, and a newer one may be had",
            Facts {
                system_rustc: version(85),
                system_source: true,
                install: Attempt::Untried,
                ..bare()
            },
            Next::InstallPackages,
        ),
        (
            "the oldest compiler that does",
            Facts {
                kind: Auto,
                system_rustc: version(95),
                system_source: true,
                ..bare()
            },
            Next::BuildSysroot,
        ),
    ];
    for (name, facts, want) in cases {
        assert_eq!(facts.next(), want, "case: {name}");
    }
}

#[test]
fn giving_up_says_why_each_way_is_closed() {
    use ToolchainKind::{Debian, Rustup};
    let cases: Vec<(&str, Facts, &[&str])> = vec![
        (
            "nothing is there",
            bare(),
            &[
                "rustup: it is not installed",
                "Debian's compiler: /usr/bin/rustc is not there",
                "apt-get: only root may install packages",
            ],
        ),
        (
            "only rustup's way is allowed",
            Facts {
                kind: Rustup,
                rustup: Attempt::Failed("no network".into()),
                install: Attempt::Untried,
                ..bare()
            },
            &["rustup: no network"],
        ),
        (
            "rustup said yes and the target is still not there",
            Facts {
                kind: Rustup,
                rustup: Attempt::Done,
                ..bare()
            },
            &["rustup: the target was added, but not to the compiler in use"],
        ),
        (
            "packages were installed and are too old",
            Facts {
                kind: Debian,
                system_rustc: version(85),
                system_source: true,
                install: Attempt::Done,
                ..bare()
            },
            &[
                "Debian's compiler: /usr/bin/rustc is 1.85.0, and guests need 1.95.0 or later",
                "apt-get: rustc-web and rust-web-src were installed, and that was not enough",
            ],
        ),
        (
            "the source is missing and cannot be installed",
            Facts {
                kind: Debian,
                system_rustc: version(96),
                install: Attempt::Failed("dpkg was interrupted".into()),
                ..bare()
            },
            &[
                "Debian's compiler: its library source is not there",
                "apt-get: dpkg was interrupted",
            ],
        ),
        (
            "without a linker nothing is installed",
            Facts {
                kind: Debian,
                linker: false,
                install: Attempt::Untried,
                ..bare()
            },
            &[
                "Debian's compiler: no `rust-lld` to link with, neither in the sysroot of the \
                 compiler in use nor on the PATH",
            ],
        ),
    ];
    for (name, facts, want) in cases {
        let Next::GiveUp(reasons) = facts.next() else {
            panic!("case: {name}: got {:?}", facts.next());
        };
        assert_eq!(reasons, want, "case: {name}");
    }
}
