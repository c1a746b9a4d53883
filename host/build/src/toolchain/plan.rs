//! Which way leads to a compiler for guests: a pure decision over facts.

use semver::Version;

use super::{PACKAGES, ToolchainKind};

/// What is known about the machine, as far as it was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Which ways the caller allows.
    pub(crate) kind: ToolchainKind,
    /// The oldest compiler that guests build with.
    pub(crate) needed: Version,
    /// The compiler in use has the target's `core` library.
    pub(crate) target_installed: bool,
    /// What is known about rustup.
    pub(crate) rustup: Attempt,
    /// A sysroot made by the distribution's present compiler is in the cache.
    pub(crate) sysroot_fresh: bool,
    /// The version of the distribution's compiler.
    pub(crate) system_rustc: Option<Version>,
    /// The library source of that compiler is there.
    pub(crate) system_source: bool,
    /// Some `rust-lld` is there to link guests with.
    pub(crate) linker: bool,
    /// What is known about installing packages.
    pub(crate) install: Attempt,
}

/// A way that may be tried once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It cannot be tried, for this reason.
    Impossible(&'static str),
    /// It can be tried.
    Untried,
    /// It was tried and went through.
    Done,
    /// It was tried and failed, with this message.
    Failed(String),
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The compiler in use does it.
    UsePlain,
    /// The cached sysroot does it.
    UseSysroot,
    /// Ask rustup for the target.
    AddTarget,
    /// Install the distribution's compiler and library source.
    InstallPackages,
    /// Build the sysroot.
    BuildSysroot,
    /// Nothing is left to try.
    GiveUp(Vec<String>),
}

// === impl Facts ===

impl Facts {
    /// Decides what to do next. The caller does it, looks again, and asks
    /// again; each attempt is made at most once, so this ends.
    ///
    /// A cached sysroot goes before rustup, so that a machine where rustup
    /// cannot download asks it once and not before every build.
    pub(crate) fn next(&self) -> Next {
        let rustup = self.kind != ToolchainKind::Debian;
        let system = self.kind != ToolchainKind::Rustup;
        if rustup && self.target_installed {
            return Next::UsePlain;
        }
        if system && self.sysroot_fresh {
            return Next::UseSysroot;
        }
        if rustup && self.rustup == Attempt::Untried {
            return Next::AddTarget;
        }
        if system && self.can_build() {
            return Next::BuildSysroot;
        }
        if system && self.linker && self.install == Attempt::Untried {
            return Next::InstallPackages;
        }
        Next::GiveUp(self.reasons(rustup, system))
    }

    fn can_build(&self) -> bool {
        self.linker && self.system_source && self.recent_enough()
    }

    fn recent_enough(&self) -> bool {
        (self.system_rustc.as_ref()).is_some_and(|version| *version >= self.needed)
    }

    /// Why each allowed way is closed, in the order of trying.
    fn reasons(&self, rustup: bool, system: bool) -> Vec<String> {
        let mut reasons = Vec::new();
        if rustup {
            reasons.push(match &self.rustup {
                Attempt::Impossible(why) => format!("rustup: {why}"),
                Attempt::Failed(message) => format!("rustup: {message}"),
                Attempt::Done | Attempt::Untried => {
                    "rustup: the target was added, but not to the compiler in use".to_owned()
                }
            });
        }
        if !system {
            return reasons;
        }
        if !self.linker {
            reasons.push(
                "Debian's compiler: no `rust-lld` to link with, neither in the sysroot of the \
                 compiler in use nor on the PATH"
                    .to_owned(),
            );
            return reasons;
        }
        match &self.system_rustc {
            None => reasons.push("Debian's compiler: /usr/bin/rustc is not there".to_owned()),
            Some(found) if !self.recent_enough() => reasons.push(format!(
                "Debian's compiler: /usr/bin/rustc is {found}, and guests need {} or later",
                self.needed
            )),
            Some(_) if !self.system_source => {
                reasons.push("Debian's compiler: its library source is not there".to_owned());
            }
            Some(_) => {}
        }
        match &self.install {
            Attempt::Impossible(why) => reasons.push(format!("apt-get: {why}")),
            Attempt::Failed(message) => reasons.push(format!("apt-get: {message}")),
            Attempt::Done | Attempt::Untried => reasons.push(format!(
                "apt-get: {} were installed, and that was not enough",
                PACKAGES.join(" and ")
            )),
        }
        reasons
    }
}

#[cfg(test)]
mod tests;
