//! Counts what a request allocates that meets a WebAssembly guest, and prints
//! it as JSON. An example, since what only examples need is not compiled for the
//! programs of this package: the engine.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "the text of guests is made by what tests share"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is here for the text of one guest"
)]
#[path = "../../../tests/wat/mod.rs"]
mod wat;

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
};

use capsule_counts::Tally;
use capsule_host::{Draft, Host, Principal, Topic};
use tokio::runtime::Builder;

/// Enough to even out what is done once in many events.
const EVENTS: usize = 1024;

/// The capsules, by what their manifests say of instances.
const GUESTS: [(&str, &str, &str); 2] = [
    (
        "guest-principal",
        "principal",
        "a request with a guest that does nothing, in the instance that its principal has",
    ),
    (
        "guest-fresh",
        "fresh",
        "a request with a guest that does nothing, in an instance of its own",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut tallies = Vec::new();
    for (name, instance, about) in GUESTS {
        tallies.push(tally(name, instance, about)?);
    }
    writeln!(io::stdout(), "{}", serde_json::to_string(&tallies)?)?;
    Ok(())
}

fn tally(
    name: &'static str,
    instance: &str,
    about: &'static str,
) -> Result<Tally<'static>, Box<dyn Error>> {
    let capsules = tempfile::tempdir()?;
    let dir = capsules.path().join(name);
    fs::create_dir(&dir)?;
    fs::write(dir.join("guest.wasm"), wat::wasm("pass"))?;
    let manifest = format!(
        "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
         module = \"guest.wasm\"\n[runtime]\ninstance = \"{instance}\"\n\
         [[interceptor]]\nevent = \">\"\naction = \"act\"\non_error = \"deny\"\n"
    );
    fs::write(dir.join("Capsule.toml"), manifest)?;

    let runtime = Builder::new_current_thread().enable_time().build()?;
    let event = Draft::new(Topic::new("tool.execute.shell")?)
        .with_principal(Principal::new("alice")?)
        .with_payload(vec![b'x'; 64]);
    let host = {
        let _inside = runtime.enter();
        Host::builder()
            .capsules(capsules.path())
            .no_cache()
            .start()?
    };
    let requests = || {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                let outcome = host.request(event.clone()).await?;
                if !outcome.is_admitted() {
                    return Err(format!("not admitted: {outcome:?}").into());
                }
            }
            Ok(())
        })
    };
    requests()?;
    let mut done: Result<(), Box<dyn Error>> = Ok(());
    let info = allocation_counter::measure(|| done = requests());
    done?;
    runtime.block_on(host.shutdown());
    Ok(Tally {
        name,
        about,
        events: EVENTS,
        allocations: info.count_total,
        bytes: info.bytes_total,
    })
}
