//! Capsules written as component text: `guests/<name>.wat` holds the fields of
//! a module, `shell.wat` the component around it, and `guests/<name>.imports.wat`
//! what it imports; where that is missing, the one of the name up to its first
//! `-`.

use std::{fs, path::Path};

/// Guests that fail by themselves, and the family of their failure.
pub const FAILING: [(&str, &str); 17] = [
    ("recursion", "stack"),
    ("memory", "memory"),
    ("memories", "memory"),
    ("table", "memory"),
    ("trap", "trap"),
    ("trap-start", "trap"),
    ("trap-realloc", "trap"),
    ("realloc-outside", "output"),
    ("result-outside", "output"),
    ("result-crooked", "output"),
    ("list-outside", "output"),
    ("list-gigabyte", "output"),
    ("list-large", "output"),
    ("utf8", "output"),
    ("discriminant", "output"),
    ("fail", "guest"),
    ("fail-badly", "output"),
];

/// Guests that never answer.
pub const ENDLESS: [&str; 2] = ["loop", "loop-start"];

fn read(name: &str) -> Option<String> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|dir| fs::read_to_string(dir.join("tests/wat").join(name)).ok())
}

/// The fields of the module of `guests/<guest>.wat`.
pub fn fields(guest: &str) -> String {
    read(&format!("guests/{guest}.wat")).unwrap_or_else(|| panic!("no guest {guest}"))
}

/// The text of the capsule around `guests/<guest>.wat`.
pub fn text(guest: &str) -> String {
    let family = guest.split('-').next().unwrap_or(guest);
    let imports = [guest, family]
        .iter()
        .find_map(|name| read(&format!("guests/{name}.imports.wat")));
    shell(&imports.unwrap_or_default(), &fields(guest))
}

/// A capsule with these imports around a module with these fields, and an
/// allocator unless they have their own.
pub fn shell(imports: &str, fields: &str) -> String {
    let allocator = if fields.contains("cabi_realloc") {
        String::new()
    } else {
        read("allocator.wat").expect("the allocator exists")
    };
    let arguments = if imports.contains("$host") {
        r#"(with "host" (instance $host))"#
    } else {
        ""
    };
    let shell = read("shell.wat").expect("the shell exists");
    let (head, component) = shell.split_once("(component").expect("a component");
    let component = component
        .replace("IMPORTS", imports)
        .replace("GUEST", &format!("{allocator}{fields}"))
        .replace("ARGUMENTS", arguments);
    format!("{head}(component{component}")
}

/// The bytes of a text.
pub fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The bytes of the capsule around `guests/<guest>.wat`.
pub fn wasm(guest: &str) -> Vec<u8> {
    bytes(&text(guest))
}
