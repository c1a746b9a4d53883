//! `src/guest/bindings.rs` is what `wit/` says.
//!
//! It is generated once and checked in, because a capsule's first build takes
//! eight times as long when it compiles the generator. To write it anew:
//! `UPDATE_BINDINGS=1 cargo test -p capsule-sdk --test bindings`.

use std::{env, fs, path::Path};

use anyhow::Context as _;
use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::Opts;

#[test]
fn the_bindings_are_current() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = crate_dir.join("src/guest/bindings.rs");
    let generated = generate(&crate_dir.join("../wit")).unwrap();

    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&path, &generated).unwrap();
    }

    let checked_in = fs::read(&path).unwrap();
    assert!(
        checked_in == generated,
        "{} is not what wit/ and this wit-bindgen give.\n\
         Write it anew with `UPDATE_BINDINGS=1 cargo test -p capsule-sdk --test bindings` \
         and commit it.",
        path.display()
    );
}

fn generate(wit: &Path) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("capsule"))?;
    let options = Opts {
        format: true,
        generate_all: true,
        // The macro exports from the capsule's crate what is defined here.
        pub_export_macro: true,
        export_macro_name: Some("__export".to_owned()),
        default_bindings_module: Some("capsule_sdk::guest::bindings".to_owned()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().context("no file was generated")?;
    Ok(source.to_vec())
}
