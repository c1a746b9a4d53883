//! The binary `capsule`.

use std::process::ExitCode;

fn main() -> ExitCode {
    capsule_host::cli::main()
}
