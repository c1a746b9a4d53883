//! Where in the file system a word points.

use crate::shell::Word;

/// Trees in which nothing may be written, moved or deleted.
const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr",
    "/Library", "/System",
];
/// What grows inside a system tree and is the user's all the same.
const NOT_SYSTEM: &[&str] = &["/usr/local", "/usr/src"];
/// Places that are not to go as a whole; what is in them may. `*` is one name.
const WHOLE: &[&str] = &[
    "/",
    "~",
    "/home",
    "/home/*",
    "/root",
    "/Users",
    "/Users/*",
    "/var",
    "/var/lib",
    "/var/log",
    "/opt",
    "/srv",
    "/mnt",
    "/media",
    "/usr/local",
    "/dev",
];
/// Files in `/dev` that hold nothing.
const HARMLESS_DEVICES: &[&str] = &[
    "null", "zero", "full", "random", "urandom", "tty", "stdin", "stdout", "stderr",
];

/// A path as far as it is known before the shell expands it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Normalised: no `.`, no `x/..`, no slash at the end. The home directory
    /// is `~`, an unknown start `$`.
    path: String,
    /// The first name with a wildcard, of a child of `path`.
    wildcard: Option<String>,
    /// `path` with the wildcard, if nothing follows.
    child: Option<String>,
}

// === impl Place ===

impl Place {
    pub(crate) fn new(word: &Word) -> Self {
        let mut text = word.text.as_str();
        let mut start = "";
        for (prefix, meaning) in [
            ("${HOME}", "~"),
            ("$HOME", "~"),
            ("${PWD}", "."),
            ("$PWD", "."),
        ] {
            if let Some(rest) = text.strip_prefix(prefix)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                (start, text) = (meaning, rest);
            }
        }
        if start.is_empty() && text.starts_with('~') {
            // `~alice` is a home as well.
            start = "~";
            text = text
                .get(text.find('/').unwrap_or(text.len())..)
                .unwrap_or_default();
        }
        // `${x:?}` stops the shell when x is empty: it is a known start.
        if start.is_empty() && text.starts_with('$') && !text.contains(":?") {
            let braces = if text.starts_with("${") {
                text.find('}').unwrap_or(0)
            } else {
                0
            };
            let rest = text.get(braces..).unwrap_or_default();
            let end = rest.find('/').map_or(text.len(), |slash| braces + slash);
            // A variable of its own is somebody's directory; `$x/` is `/`
            // whenever x is empty, and what a command prints is anything.
            let guess = end < text.len() || text.starts_with("$()");
            start = if guess { "$" } else { "variable" };
            text = text.get(end..).unwrap_or_default();
        }
        let offset = word.text.len() - text.len();
        let wild = |at: &&usize| {
            let rest = word.text.get(**at..).unwrap_or_default();
            **at >= offset && !rest.starts_with('$')
        };
        let cut = word
            .live
            .iter()
            .find(wild)
            .map_or(text.len(), |at| at - offset);
        let (known, _) = text.split_at(cut);
        let folder = if cut < text.len() {
            known.rfind('/').map_or(0, |i| i + 1)
        } else {
            cut
        };
        let (known, rest) = text.split_at(folder);
        let name = rest.split('/').next().filter(|name| !name.is_empty());
        let path = normal(&format!("{start}{known}"));
        let is_last = |name: &&str| rest.trim_end_matches('/') == *name;
        Self {
            child: name.filter(is_last).map(|name| format!("{path}/{name}")),
            path,
            wildcard: name.map(str::to_owned),
        }
    }

    /// A device whose content would be lost.
    pub(crate) fn is_device(&self) -> bool {
        self.path.strip_prefix("/dev/").is_some_and(|name| {
            let folder = name.split('/').next().unwrap_or_default();
            !HARMLESS_DEVICES.contains(&name) && !matches!(folder, "fd" | "pts" | "shm")
        })
    }

    /// In a system tree, or all of one.
    pub(crate) fn is_system(&self) -> bool {
        let among = |trees: &[&str]| trees.iter().any(|tree| below(&self.path, tree));
        (among(SYSTEM) && !among(NOT_SYSTEM)) || (self.path == "/" && self.wildcard.is_some())
    }

    /// A place that is not to go as a whole, or everything in one.
    pub(crate) fn is_protected(&self, more: &[String]) -> bool {
        let all = self.is_all();
        let named = |pattern: &str| match pattern.strip_suffix("/**") {
            Some(tree) => below(&self.path, tree),
            None => {
                let child = self.child.as_ref();
                all && same(&self.path, pattern) || child.is_some_and(|path| same(path, pattern))
            }
        };
        // `/$x` is `/` whenever x is empty.
        let root = self.path.strip_prefix("/$");
        let is_root = root.is_some_and(|name| !name.contains('/') && !name.contains(":?"));
        is_root
            || self.is_system()
            || WHOLE.iter().any(|p| named(p))
            || more.iter().any(|p| named(p))
    }

    /// The working directory or one above it, or everything in it.
    pub(crate) fn is_here(&self) -> bool {
        self.is_all() && self.path.split('/').all(|name| name == "." || name == "..")
    }

    /// What only the shell knows, and what is `/` if it turns out empty.
    pub(crate) fn is_unknown(&self) -> bool {
        self.is_all() && self.path == "$"
    }

    /// No wildcard, or one like `*` that leaves nothing out.
    fn is_all(&self) -> bool {
        self.wildcard
            .as_ref()
            .is_none_or(|name| !name.contains(char::is_alphanumeric))
    }
}

fn below(path: &str, tree: &str) -> bool {
    path.strip_prefix(tree)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn same(path: &str, pattern: &str) -> bool {
    let (mut names, mut wanted) = (path.split('/'), pattern.split('/'));
    loop {
        match (names.next(), wanted.next()) {
            (None, None) => return true,
            (Some(name), Some(want)) if name == want || want == "*" => {}
            _ => return false,
        }
    }
}

fn normal(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if absolute => {}
            name => names.push(name),
        }
    }
    match (absolute, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}
