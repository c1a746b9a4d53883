//! Programs that run other programs, and how their arguments are read.

use crate::shell::Word;

/// How a program that runs another one reads its own arguments.
struct Reads {
    name: &'static str,
    /// Short options that take a value.
    letters: &'static str,
    /// Long options that take a value, with blanks between them.
    longs: &'static str,
    /// Arguments of its own that stand before the command.
    own: usize,
}

const fn reads(
    name: &'static str,
    letters: &'static str,
    longs: &'static str,
    own: usize,
) -> Reads {
    Reads {
        name,
        letters,
        longs,
        own,
    }
}

const SUDO: &str = "user group prompt close-from command-timeout other-user role type chdir \
                    chroot host";
const XARGS: &str = "arg-file delimiter max-lines max-args max-procs max-chars process-slot-var";

/// Programs whose remaining arguments are a command.
const WRAPPERS: &[Reads] = &[
    reads("sudo", "ugpCTUrtDRh", SUDO, 0),
    reads("doas", "uCa", "", 0),
    reads("pkexec", "", "user", 0),
    reads("runuser", "ugGs", "user group supp-group shell", 0),
    reads("setpriv", "", "reuid regid groups inh-caps", 0),
    reads("env", "uC", "unset chdir", 0),
    reads("xargs", "aEeIiLlnPsd", XARGS, 0),
    reads("timeout", "ks", "kill-after signal", 1),
    reads("nice", "n", "adjustment", 0),
    reads("ionice", "cn", "class classdata", 0),
    reads(
        "chrt",
        "TPD",
        "sched-runtime sched-period sched-deadline",
        1,
    ),
    reads("taskset", "", "", 1),
    reads("prlimit", "", "", 0),
    reads("stdbuf", "ioe", "input output error", 0),
    reads("unbuffer", "", "", 0),
    reads("time", "fo", "format output", 0),
    reads("exec", "a", "", 0),
    reads("chroot", "", "", 1),
    reads("nsenter", "tSG", "target setuid setgid", 0),
    reads("flock", "wE", "timeout wait conflict-exit-code", 1),
    reads("strace", "eopsuEa", "", 0),
    reads("watch", "nq", "interval", 0),
    reads("parallel", "jSaIN", "jobs sshlogin arg-file", 0),
    reads("ssh", "bcDEeFIiJLlmOopQRSWw", "", 1),
    reads("nohup", "", "", 0),
    reads("setsid", "", "", 0),
    reads(
        "systemd-run",
        "pEMHu",
        "property setenv machine host unit",
        0,
    ),
    reads("command", "", "", 0),
    reads("builtin", "", "", 0),
    reads("busybox", "", "", 0),
    reads("toybox", "", "", 0),
    reads("unshare", "", "", 0),
    reads("fakeroot", "", "", 0),
    reads("caffeinate", "tw", "", 0),
];

/// Programs that are no wrappers, and take values all the same.
const OTHERS: &[Reads] = &[reads(
    "git",
    "Cc",
    "git-dir work-tree namespace exec-path",
    0,
)];

/// Programs that read a script: from `-c`, or from their input.
const SHELLS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh",
];
/// Programs that run what they read, in another language.
const INTERPRETERS: &[&str] = &["python*", "perl", "ruby", "node", "php", "deno", "bun"];
/// Programs whose output nobody has read, or that make another text of it.
const SOURCES: &[&str] = &[
    "curl", "wget", "fetch", "aria2c", "http", "https", "nc", "ncat", "socat", "base64", "base32",
    "xxd", "openssl", "gunzip", "zcat", "bzcat", "xzcat", "zstdcat", "gpg", "uudecode", "tr",
    "rev", "sed", "awk",
];

pub(crate) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

pub(crate) fn is_interpreter(name: &str) -> bool {
    let versioned = |known: &str| known.strip_suffix('*').is_some_and(|k| name.starts_with(k));
    is_shell(name)
        || INTERPRETERS
            .iter()
            .any(|known| *known == name || versioned(known))
}

/// Whether it takes the program that it runs from its input.
pub(crate) fn reads_program(name: &str, words: &[Word]) -> bool {
    let is_input = |word: &Word| matches!(word.text.as_str(), "-" | "-u" | "/dev/stdin");
    if is_shell(name) {
        let given = operands(words);
        scripts(name, words).is_empty()
            && (given.first().is_none_or(|word| is_input(word))
                || words.iter().any(|word| word.text == "-s"))
    } else {
        is_interpreter(name) && words.iter().all(is_input)
    }
}

/// Arguments that are command lines: `sh -c "…"`, `env -S "…"`.
pub(crate) fn scripts<'a>(name: &str, words: &'a [Word]) -> Vec<&'a str> {
    let (letter, long) = match name {
        "su" | "runuser" | "script" | "flock" => ('c', "--command"),
        "env" => ('S', "--split-string"),
        name if is_shell(name) => ('c', "--command"),
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    let mut is_script = false;
    for word in words {
        let text = word.text.as_str();
        if is_script && !is_option(word) {
            found.push(text);
        } else if let Some(value) = text.strip_prefix(long) {
            is_script = true;
            found.extend(value.strip_prefix('='));
        } else if is_option(word)
            && !text.starts_with("--")
            && let Some((_, value)) = text.split_once(letter)
        {
            is_script = true;
            found.extend(Some(value).filter(|value| !value.is_empty()));
        }
    }
    found
}

pub(crate) fn is_source(name: &str) -> bool {
    SOURCES.contains(&name)
}

/// The name behind a path: `/bin/rm` is `rm`.
pub(crate) fn base(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The command that `name` would run, if it is known to run one.
pub(crate) fn wrapped<'a>(name: &str, words: &'a [Word]) -> Option<&'a [Word]> {
    let wrapper = WRAPPERS.iter().find(|known| known.name == name)?;
    // `command -v rm` only says where it is.
    if name == "command"
        && words
            .first()
            .is_some_and(|w| matches!(w.text.as_str(), "-v" | "-V"))
    {
        return None;
    }
    let rest = skip_assignments(wrapper.skip_options(words));
    rest.get(wrapper.own..)
}

/// Arguments of `name` from the first one on that is no option.
pub(crate) fn after_options<'a>(name: &str, words: &'a [Word]) -> &'a [Word] {
    let plain = reads("", "", "", 0);
    let known = OTHERS
        .iter()
        .find(|known| known.name == name)
        .unwrap_or(&plain);
    known.skip_options(words)
}

/// Arguments that are no options: all behind `--`, and before it those
/// without a dash.
pub(crate) fn operands(words: &[Word]) -> Vec<&Word> {
    let end = words
        .iter()
        .position(|word| word.text == "--")
        .unwrap_or(words.len());
    let is_operand = |(i, word): &(usize, &Word)| *i > end || (*i < end && !is_option(word));
    words
        .iter()
        .enumerate()
        .filter(is_operand)
        .map(|(_, word)| word)
        .collect()
}

/// A command without the `NAME=value` before it.
pub(crate) fn skip_assignments(words: &[Word]) -> &[Word] {
    words.get(assignments(words).len()..).unwrap_or_default()
}

/// The `NAME=value` before a command.
pub(crate) fn assignments(words: &[Word]) -> &[Word] {
    let is_assignment = |word: &Word| {
        let name = word
            .text
            .split_once('=')
            .map_or("", |(name, _)| name.trim_end_matches('+'));
        let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        start
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_[]".contains(c))
    };
    let count = words.iter().take_while(|word| is_assignment(word)).count();
    words.get(..count).unwrap_or_default()
}

/// The words as one text again, without their quotes.
pub(crate) fn joined(words: &[Word]) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

fn is_option(word: &Word) -> bool {
    word.text.starts_with('-') && word.text.len() > 1
}

// === impl Reads ===

impl Reads {
    fn skip_options<'a>(&self, words: &'a [Word]) -> &'a [Word] {
        let mut at = 0;
        while let Some(word) = words.get(at).filter(|word| is_option(word)) {
            at += 1;
            if word.text == "--" {
                break;
            }
            at += usize::from(self.takes_value(&word.text));
        }
        words.get(at..).unwrap_or_default()
    }

    /// Whether the option's value is the next word: `-u root`, not `-uroot`.
    fn takes_value(&self, option: &str) -> bool {
        match option.strip_prefix("--") {
            Some(long) => self.longs.split(' ').any(|known| known == long),
            None => option
                .char_indices()
                .find(|(_, c)| self.letters.contains(*c))
                .is_some_and(|(i, c)| i + c.len_utf8() == option.len()),
        }
    }
}
