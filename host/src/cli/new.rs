//! `capsule new`: a capsule to begin with.

use std::path::{Path, PathBuf};

use anyhow::Result;
use capsule_build::{SdkSource, new};

use super::{args::NewArgs, command::Done, output};

/// The SDK of the checkout that this binary was built from. A binary that was
/// moved to another machine does not find it there and uses the published one.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk");

/// Makes the capsule and says what to do next.
pub(super) fn run(args: &NewArgs) -> Result<Done> {
    let dir = args
        .dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(&args.name));
    let sdk = match &args.sdk {
        Some(path) => SdkSource::Path(path.canonicalize()?),
        None => match Path::new(CHECKOUT).canonicalize() {
            Ok(path) => SdkSource::Path(path),
            Err(_) => SdkSource::Version,
        },
    };
    new(&args.name, &dir, &sdk)?;
    let dir = dir.display();
    output::text(&format!(
        "made the capsule {name} in {dir}\n\n  \
         cargo test --manifest-path {dir}/Cargo.toml   its test, natively\n  \
         capsule build {dir} --out capsules   the capsule, in capsules/{name}\n  \
         capsule check capsules   whether a host would take it",
        name = args.name
    ))?;
    Ok(Done::Well)
}
