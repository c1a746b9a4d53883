//! Knows secrets by their form. It works on bytes: all that it looks for is
//! ASCII, and every search from one place is bounded.

use serde::Deserialize;

use crate::card;

/// Most bytes of a token that are looked at before it is known to be one.
const LOOK: usize = 128;
/// Most bytes of a URL that may stand before its host: tokens are passwords.
const MOST_PASSWORD: usize = 2048;

/// What a secret is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    PrivateKey,
    Jwt,
    AwsKey,
    GithubToken,
    GitlabToken,
    SlackToken,
    StripeKey,
    GoogleKey,
    OpenaiKey,
    NpmToken,
    UrlPassword,
    Email,
    Card,
}

/// What to look for, and what to leave.
#[derive(Debug)]
pub(crate) struct Finder {
    pub(crate) kinds: Option<Vec<Kind>>,
    pub(crate) allow: Vec<String>,
    pub(crate) allow_email_domains: Vec<String>,
}

/// A token: a prefix, and a number of bytes of a set behind it.
struct Token {
    kind: Kind,
    prefix: &'static str,
    set: fn(u8) -> bool,
    least: usize,
    /// Exactly the least.
    exact: bool,
}

const fn token(kind: Kind, prefix: &'static str, set: fn(u8) -> bool, least: usize) -> Token {
    Token {
        kind,
        prefix,
        set,
        least,
        exact: false,
    }
}

const fn exact(kind: Kind, prefix: &'static str, set: fn(u8) -> bool, least: usize) -> Token {
    Token {
        kind,
        prefix,
        set,
        least,
        exact: true,
    }
}

const TOKENS: &[Token] = &[
    exact(Kind::AwsKey, "AKIA", is_upper, 16),
    exact(Kind::AwsKey, "ASIA", is_upper, 16),
    token(Kind::GithubToken, "ghp_", is_alnum, 36),
    token(Kind::GithubToken, "gho_", is_alnum, 36),
    token(Kind::GithubToken, "ghu_", is_alnum, 36),
    token(Kind::GithubToken, "ghs_", is_alnum, 36),
    token(Kind::GithubToken, "ghr_", is_alnum, 36),
    token(Kind::GithubToken, "github_pat_", is_name, 22),
    token(Kind::GitlabToken, "glpat-", is_url, 20),
    token(Kind::SlackToken, "xoxb-", is_url, 10),
    token(Kind::SlackToken, "xoxp-", is_url, 10),
    token(Kind::SlackToken, "xoxa-", is_url, 10),
    token(Kind::SlackToken, "xoxr-", is_url, 10),
    token(Kind::SlackToken, "xoxs-", is_url, 10),
    token(Kind::SlackToken, "xoxe-", is_url, 10),
    token(Kind::SlackToken, "xoxc-", is_url, 10),
    token(Kind::SlackToken, "xoxd-", is_url, 10),
    token(Kind::SlackToken, "xapp-", is_url, 10),
    token(Kind::SlackToken, "hooks.slack.com/services/", is_path, 20),
    token(Kind::StripeKey, "sk_live_", is_alnum, 16),
    token(Kind::StripeKey, "sk_test_", is_alnum, 16),
    token(Kind::StripeKey, "rk_live_", is_alnum, 16),
    token(Kind::StripeKey, "rk_test_", is_alnum, 16),
    token(Kind::StripeKey, "whsec_", is_alnum, 24),
    exact(Kind::GoogleKey, "AIza", is_url, 35),
    token(Kind::GoogleKey, "ya29.", is_url, 20),
    token(Kind::GoogleKey, "GOCSPX-", is_url, 24),
    token(Kind::OpenaiKey, "sk-", is_url, 20),
    token(Kind::NpmToken, "npm_", is_alnum, 36),
];

/// Names of pictures look like addresses: `logo@2x.png`.
const NO_DOMAINS: &[&str] = &["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css"];

fn is_alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn is_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn is_name(b: u8) -> bool {
    is_alnum(b) || b == b'_'
}

fn is_url(b: u8) -> bool {
    is_name(b) || b == b'-'
}

fn is_path(b: u8) -> bool {
    is_url(b) || b == b'/'
}

fn is_local(b: u8) -> bool {
    is_alnum(b) || b".!#$%&'*+/=?^_`{|}~-".contains(&b)
}

fn is_domain(b: u8) -> bool {
    is_alnum(b) || b == b'.' || b == b'-'
}

fn run(text: &[u8], from: usize, set: fn(u8) -> bool) -> usize {
    text.iter().skip(from).take_while(|b| set(**b)).count()
}

fn run_back(text: &[u8], to: usize, most: usize, set: fn(u8) -> bool) -> usize {
    let before = text.get(..to).unwrap_or_default();
    before
        .iter()
        .rev()
        .take(most)
        .take_while(|b| set(**b))
        .count()
}

// === impl Kind ===

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::Jwt => "jwt",
            Self::AwsKey => "aws-key",
            Self::GithubToken => "github-token",
            Self::GitlabToken => "gitlab-token",
            Self::SlackToken => "slack-token",
            Self::StripeKey => "stripe-key",
            Self::GoogleKey => "google-key",
            Self::OpenaiKey => "openai-key",
            Self::NpmToken => "npm-token",
            Self::UrlPassword => "url-password",
            Self::Email => "email",
            Self::Card => "card",
        }
    }
}

// === impl Finder ===

impl Finder {
    /// `text` without its secrets, whose kinds go to `found`; `None` if it
    /// has none.
    pub(crate) fn redact(&self, text: &[u8], found: &mut Vec<Kind>) -> Option<Vec<u8>> {
        let mut redacted = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        while at < text.len() {
            let Some((kind, start, end)) =
                secret(text, at, copied).filter(|hit| self.counts(text, *hit))
            else {
                at += 1;
                continue;
            };
            redacted.extend_from_slice(text.get(copied..start).unwrap_or_default());
            redacted.extend_from_slice(format!("[redacted:{}]", kind.name()).as_bytes());
            found.push(kind);
            copied = end;
            at = end;
        }
        if copied == 0 {
            return None;
        }
        redacted.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(redacted)
    }

    fn counts(&self, text: &[u8], (kind, start, end): (Kind, usize, usize)) -> bool {
        let value = text.get(start..end).unwrap_or_default();
        let allowed = |domain: &String| {
            let (value, domain) = (value.to_ascii_lowercase(), domain.to_ascii_lowercase());
            let rest = value.strip_suffix(domain.as_bytes());
            rest.is_some_and(|rest| rest.ends_with(b"@") || rest.ends_with(b"."))
        };
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind))
            && !self.allow.iter().any(|text| text.as_bytes() == value)
            && !(kind == Kind::Email && self.allow_email_domains.iter().any(allowed))
    }
}

/// The secret that is recognised at `at`, with where it starts and ends. It
/// may start before `at`, though not before `floor`.
fn secret(text: &[u8], at: usize, floor: usize) -> Option<(Kind, usize, usize)> {
    let rest = text.get(at..)?;
    let before = at.checked_sub(1).and_then(|i| text.get(i)).copied();
    match rest.first()? {
        b'-' => Some((Kind::PrivateKey, at, at + private_key(rest)?)),
        b'@' => email(text, at, floor),
        b':' if rest.starts_with(b"://") => url_password(text, at + 3),
        b'0'..=b'9' if before.is_none_or(|b| !is_url(b) && b != b'.' && b != b'/') => {
            Some((Kind::Card, at, at + card::find(rest)?))
        }
        _ if before.is_some_and(is_alnum) && !ends_escape(text, at) => None,
        b'e' if rest.starts_with(b"eyJ") => Some((Kind::Jwt, at, at + jwt(rest)?)),
        _ => {
            let (kind, length) = TOKENS
                .iter()
                .find_map(|token| Some((token.kind, token.find(rest)?)))?;
            Some((kind, at, at + length))
        }
    }
}

/// Whether an escape ends before `at`, as in JSON that stands in a string:
/// the letter of `\n` or the digits of `\u000a` belong to no word.
fn ends_escape(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'%', a, b] => hex(&[*a, *b]),
        [.., b'\\', b'u', a, b, c, d] => hex(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// A private key in PEM, to its last line, or to the end where that is cut.
fn private_key(rest: &[u8]) -> Option<usize> {
    let label = rest.strip_prefix(b"-----BEGIN ")?;
    let end = label.windows(5).take(40).position(|w| w == b"-----")?;
    if !label.get(..end)?.ends_with(b"PRIVATE KEY") && !label.get(..end)?.ends_with(b"KEY BLOCK") {
        return None;
    }
    let last = rest.windows(9).position(|w| w == b"-----END ");
    let close = |last: usize| {
        let from = last + 9;
        rest.get(from..)?
            .windows(5)
            .position(|w| w == b"-----")
            .map(|i| from + i + 5)
    };
    Some(last.and_then(close).unwrap_or(rest.len()))
}

/// Three parts in base64url, the first two of them JSON objects.
fn jwt(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    for (start, least) in [("eyJ", 10), ("eyJ", 5), ("", 16)] {
        if !rest.get(at..)?.starts_with(start.as_bytes()) {
            return None;
        }
        let length = run(rest, at, is_url);
        if length < least {
            return None;
        }
        at += length;
        if least != 16 {
            if rest.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
    }
    Some(at)
}

/// The password of `scheme://user:password@host`, which may hold an `@` too.
fn url_password(text: &[u8], from: usize) -> Option<(Kind, usize, usize)> {
    let rest = text.get(from..)?;
    let end = |b: &u8| {
        matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>') || b.is_ascii_whitespace()
    };
    let seen = rest.get(..rest.len().min(MOST_PASSWORD))?;
    let seen = seen.split(end).next()?;
    let length = seen.iter().rposition(|b| *b == b'@')?;
    let colon = seen.iter().position(|b| *b == b':')?;
    (colon + 1 < length).then_some((Kind::UrlPassword, from + colon + 1, from + length))
}

/// An e-mail address around the `@` at `at`.
fn email(text: &[u8], at: usize, floor: usize) -> Option<(Kind, usize, usize)> {
    let mut start = at - run_back(text, at, (at - floor).min(65), is_local);
    // `x=a@b.c` and `"a@b.c"`: what nobody starts an address with.
    while text
        .get(start)
        .is_some_and(|b| start < at && !is_alnum(*b) && *b != b'_' && *b != b'+')
    {
        start += 1;
    }
    if let Some(sign) = text
        .get(start..at)?
        .iter()
        .rposition(|b| matches!(b, b'=' | b'/' | b'\'' | b'`' | b'|' | b'&'))
    {
        start += sign + 1;
    }
    let local = text.get(start..at)?;
    // `git@github.com:x/y.git` and `https://token@host` are no addresses.
    let is_url = text.get(..start)?.ends_with(b"//") || local == b"git";
    if local.is_empty() || local.len() > 64 || is_url {
        return None;
    }
    let length = text
        .iter()
        .skip(at + 1)
        .take(254)
        .take_while(|b| is_domain(**b))
        .count();
    let domain = std::str::from_utf8(text.get(at + 1..at + 1 + length)?).ok()?;
    let domain = domain.trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let is_top = top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && !NO_DOMAINS.contains(&top);
    let labels = host
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-'));
    (is_top && labels).then_some((Kind::Email, start, at + 1 + domain.len()))
}

// === impl Token ===

impl Token {
    fn find(&self, rest: &[u8]) -> Option<usize> {
        let body = rest.strip_prefix(self.prefix.as_bytes())?;
        let length = body
            .iter()
            .take(LOOK)
            .take_while(|b| (self.set)(**b))
            .count();
        let seen = body.get(..length)?;
        // `sk-` also starts words: a key has capitals and digits.
        let random = self.kind != Kind::OpenaiKey
            || (seen.iter().any(u8::is_ascii_digit) && seen.iter().any(u8::is_ascii_uppercase));
        let fits = length >= self.least
            && (!self.exact
                || (length == self.least && !body.get(length).is_some_and(|b| is_alnum(*b))));
        (fits && random).then(|| self.prefix.len() + run(body, 0, self.set))
    }
}
