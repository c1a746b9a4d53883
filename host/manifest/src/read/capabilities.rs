//! The `[capabilities]` table.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
};

use capsule_core::types::Pattern;

use super::{pattern, section::Section, value::Value};
use crate::{
    Capabilities, Dir,
    keys::{
        ACCESS, ALLOWED_HOSTS, CAPABILITIES, CAPABILITIES_TABLE, CLOCK, DIR_TABLE, DIRS, ENV,
        GUEST, HOST, KV, Key, LOG, PUBLISH, PUBLISH_PER_SECOND, TRIGGER,
    },
    problem::quoted,
};

/// Reads the table below `root`; the defaults where there is none.
pub(super) fn read(root: &Section<'_>) -> Capabilities {
    let default = Capabilities::default();
    let value = root.get(CAPABILITIES);
    let Some(table) = value.and_then(|value| Section::new(&CAPABILITIES_TABLE, &value)) else {
        return default;
    };
    Capabilities {
        log: table.flag(LOG, default.log),
        clock: table.flag(CLOCK, default.clock),
        kv: table.flag(KV, default.kv),
        publish: texts(&table, PUBLISH, published),
        trigger: texts(&table, TRIGGER, published),
        publish_per_second: table
            .number(PUBLISH_PER_SECOND)
            .unwrap_or(default.publish_per_second),
        env: texts(&table, ENV, variable),
        dirs: dirs(&table),
        allowed_hosts: texts(&table, ALLOWED_HOSTS, host),
    }
}

/// The strings in the list of `key`, each read by `read`; none may stand
/// there twice.
fn texts<T>(table: &Section<'_>, key: Key, read: impl Fn(&Value<'_>, &str) -> Option<T>) -> Vec<T> {
    let mut seen = HashMap::new();
    let mut all = Vec::new();
    for value in table.list(key) {
        let Some(text) = value.text() else { continue };
        if let Some(first) = seen.insert(text, value.path.clone()) {
            value.refuse(
                format!("{} is {first} already", quoted(text)),
                "remove one of the two",
            );
        }
        all.extend(read(&value, text));
    }
    all
}

fn published(value: &Value<'_>, text: &str) -> Option<Pattern> {
    let pattern = pattern::read(value, text)?;
    if pattern::is_reserved(&pattern) {
        value.refuse(
            format!(
                "{} is for the host's own events, which no capsule publishes",
                quoted(text)
            ),
            "choose a topic that does not begin with `host`",
        );
        return None;
    }
    Some(pattern)
}

fn variable(value: &Value<'_>, text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let valid = !text.is_empty()
        && text.chars().all(allowed)
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if !valid {
        value.refuse_for_example(format!(
            "must be the name of an environment variable, of A-Z a-z 0-9 _, not {}",
            quoted(text)
        ));
    }
    valid.then(|| text.to_owned())
}

/// The directories; a capsule can see only one at a place.
fn dirs(table: &Section<'_>) -> Vec<Dir> {
    let mut places = HashSet::new();
    let mut dirs = Vec::new();
    for value in table.list(DIRS) {
        let Some(dir) = dir(&value) else { continue };
        if !places.insert(dir.guest.clone()) {
            value.refuse(
                format!(
                    "{} is the place of another directory already",
                    quoted(&dir.guest)
                ),
                "give it a `guest` of its own",
            );
        }
        dirs.push(dir);
    }
    dirs
}

fn dir(value: &Value<'_>) -> Option<Dir> {
    let table = Section::new(&DIR_TABLE, value)?;
    let host = table.require(HOST).and_then(|value| absolute(&value));
    let guest = table.require(GUEST).and_then(|value| absolute(&value));
    let access = table.word(ACCESS);
    Some(Dir {
        host: host?,
        guest: guest?,
        access,
    })
}

/// A path from the root that says where it leads.
fn absolute(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(char::is_control);
    let valid = text == "/"
        || text
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(plain));
    if !valid {
        value.refuse_for_example(format!(
            "must be an absolute path without `.`, `..` and empty names, not {}",
            quoted(text)
        ));
    }
    valid.then(|| text.to_owned())
}

fn host(value: &Value<'_>, text: &str) -> Option<String> {
    let valid = is_host(text);
    if !valid {
        value.refuse_for_example(format!(
            "must be a host name or address in lower case, with or without `:port`, not {}",
            quoted(text)
        ));
    }
    valid.then(|| text.to_owned())
}

fn is_host(text: &str) -> bool {
    if text.contains(char::is_uppercase) {
        return false;
    }
    // An IPv6 address has colons of its own: before a port it is in brackets.
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_valid = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(is_label),
    };
    host_is_valid && port.is_none_or(is_port)
}

/// Whether `text` may stand between the dots of a host's name.
fn is_label(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` is 1 to 65535, with neither sign nor zeros before it.
fn is_port(text: &str) -> bool {
    text.starts_with(|c: char| matches!(c, '1'..='9')) && text.parse::<u16>().is_ok()
}
