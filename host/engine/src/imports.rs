//! Whether a component imports and exports what it may and must.

use capsule_core::text::printable;
use wasmtime::{
    Engine,
    component::types::{Component, ComponentItem},
};

use crate::{bindings::capsule::host::types::Verdict, load::LoadError, spec::CapsuleSpec};

/// The package of the contract.
const PACKAGE: &str = "capsule:host/";
/// Its version that this host speaks. Later patches only add to it.
const VERSION: &str = "0.1.0";
const TRACK: &str = "0.1.";
const INTERCEPTOR: &str = "capsule:host/interceptor";
const HOOK: &str = "hook";
/// Names from the component that a message repeats, and their bytes.
const NAMES: usize = 8;
const NAME_BYTES: usize = 100;

/// What is linked of WASI, without its version, which is any 0.2.
const WASI: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Checks every import against what there is and what is granted.
pub(crate) fn check_imports(
    engine: &Engine,
    component: &Component,
    spec: &CapsuleSpec,
) -> Result<(), LoadError> {
    for (name, item) in component.imports(engine) {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let is_interface = matches!(item.ty, ComponentItem::ComponentInstance(_));
        let unknown = || LoadError::UnknownImport {
            import: shown(name),
        };
        if let Some(short) = interface.strip_prefix(PACKAGE).filter(|_| is_interface) {
            if !matches!(short, "types" | "context" | "config" | "log" | "bus") {
                return Err(unknown());
            }
            if !compatible(version) {
                return Err(LoadError::WrongVersion {
                    found: shown(name),
                    wanted: format!("{interface}@{VERSION}"),
                });
            }
            if let Some(remedy) = missing_grant(short, spec) {
                return Err(LoadError::NotGranted {
                    import: shown(name),
                    remedy,
                });
            }
        } else if !is_interface || !version.starts_with("0.2.") || !WASI.contains(&interface) {
            return Err(unknown());
        }
    }
    Ok(())
}

/// Whether it imports anything of WASI.
pub(crate) fn wants_wasi(engine: &Engine, component: &Component) -> bool {
    component
        .imports(engine)
        .any(|(name, _)| name.starts_with("wasi:"))
}

/// What would grant the interface, if it needs to be granted and is not.
fn missing_grant(interface: &str, spec: &CapsuleSpec) -> Option<&'static str> {
    match interface {
        "log" if !spec.grants.log => Some("[capabilities] log = true"),
        "bus" if spec.outlet.is_none() => {
            Some(r#"[capabilities] publish = ["TOPIC"], or trigger = ["TOPIC"]"#)
        }
        _ => None,
    }
}

/// Checks that the hook is there and has the contract's type.
pub(crate) fn check_exports(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let wanted = || format!("{INTERCEPTOR}@{VERSION}");
    let mut found = Vec::new();
    let mut other_version = None;
    for (name, item) in component.exports(engine) {
        if let Some(version) = name
            .strip_prefix(INTERCEPTOR)
            .and_then(|rest| rest.strip_prefix('@'))
        {
            if compatible(version) {
                return check_hook(engine, component, &item.ty);
            }
            other_version = Some(shown(name));
        }
        if found.len() < NAMES {
            found.push(shown(name));
        }
    }
    Err(match other_version {
        Some(found) => LoadError::WrongVersion {
            found,
            wanted: wanted(),
        },
        None => LoadError::MissingExport {
            wanted: wanted(),
            found,
        },
    })
}

fn check_hook(
    engine: &Engine,
    component: &Component,
    interceptor: &ComponentItem,
) -> Result<(), LoadError> {
    let wrong = |reason: String| LoadError::WrongHook { reason };
    let ComponentItem::ComponentInstance(interceptor) = interceptor else {
        return Err(wrong("the interceptor is not an interface".into()));
    };
    let Some(hook) = interceptor.get_export(engine, HOOK) else {
        return Err(wrong("there is none".into()));
    };
    let ComponentItem::ComponentFunc(hook) = hook.ty else {
        return Err(wrong("it is not a function".into()));
    };
    if hook.async_() {
        return Err(wrong("it is an async function".into()));
    }
    hook.typecheck::<(&str, &[u8]), (Result<Verdict, String>,)>(&component.instance_type())
        .map_err(|e| wrong(format!("{e:#}")))
}

fn compatible(version: &str) -> bool {
    version
        .strip_prefix(TRACK)
        .is_some_and(|patch| patch.parse::<u64>().is_ok())
}

fn shown(name: &str) -> String {
    printable(name, NAME_BYTES).into_owned()
}
