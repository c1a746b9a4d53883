//! Counts instructions: valgrind runs a program, and says how many there were.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

/// The function that callgrind counts in.
const COUNTED: &str = "capsule_counts::paths::counted";

/// Has glibc copy and compare with nothing that some x86-64 processor lacks: a
/// count must be the same on all of them.
const TUNABLES: &str = "glibc.cpu.hwcaps=\
    -AVX512F,-AVX512VL,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM";

/// How many instructions `program PATH` takes inside of the function that is
/// counted. What `callgrind_annotate` reads is left in `out`.
///
/// # Errors
///
/// The program fails under valgrind, or nothing is counted.
pub(crate) fn count(program: &Path, path: &str, out: &Path) -> Result<u64> {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg(path)
        // What else is in it moves the stack, and with it the seed of hashes.
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("GLIBC_TUNABLES", TUNABLES)
        .output()
        .context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "valgrind failed on the path `{path}`:\n{said}"
    );
    let total = collected(&said)
        .with_context(|| format!("valgrind has no total for the path `{path}`:\n{said}"))?;
    ensure!(
        total > 0,
        "nothing was counted on the path `{path}`: is there no `{COUNTED}` any more?"
    );
    Ok(total)
}

/// The total in what valgrind says at its end: `==PID== Collected : N`, and
/// further numbers where it counts more than instructions.
fn collected(message: &str) -> Option<u64> {
    message.lines().find_map(|line| {
        let (_, counts) = line.split_once("Collected :")?;
        counts.split_whitespace().next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_what_valgrind_says() {
        let said = "==17428== Callgrind, a call-graph generating cache profiler\n\
                    ==17428== \n\
                    ==17428== Events    : Ir\n\
                    ==17428== Collected : 42726689\n\
                    ==17428== \n\
                    ==17428== I   refs:      42,726,689\n";
        let cases = [
            ("as it is", said.to_owned(), Some(42_726_689)),
            (
                "caches too",
                said.replace("42726689", "42726689 7 3"),
                Some(42_726_689),
            ),
            ("nothing counted", said.replace("42726689", "0"), Some(0)),
            ("no number", said.replace("42726689", "many"), None),
            ("no line", said.replace("Collected", "Events"), None),
            ("silence", String::new(), None),
        ];
        for (name, said, want) in cases {
            assert_eq!(collected(&said), want, "case: {name}");
        }
    }
}
