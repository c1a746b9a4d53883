//! Replaces secrets in payloads by `[redacted:kind]`: keys and tokens, private
//! keys, passwords in URLs, e-mail addresses, card numbers.
//!
//! In JSON it looks into every string but the keys of objects, and leaves all
//! other bytes as they are: no number, no order, no white space changes. Any
//! other payload is text. It knows secrets by their form alone: one without a
//! form of its own, like most passwords, stays.
//!
//! Out of scope: keys of objects and JSON numbers; what is encoded (base64,
//! compression, UTF-16, percent signs, escapes within escapes); what is split
//! over strings, or by characters that do not belong to it; JSON Web Tokens
//! that are encrypted or begin with white space; addresses without a domain
//! name in ASCII, or with blanks.

mod card;
mod find;
mod json;

#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;
use serde::Deserialize;

use self::find::{Finder, Kind};

/// The manifest's `[config]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What to look for; everything unless said otherwise.
    kinds: Option<Vec<Kind>>,
    /// Texts that are no secrets, letter by letter.
    allow: Vec<String>,
    /// Domains whose addresses may stay, with those below them.
    allow_email_domains: Vec<String>,
}

/// The scrubber. It keeps nothing from one event to the next.
#[derive(Debug)]
pub struct SecretScrub {
    finder: Finder,
}

// === impl SecretScrub ===

#[capsule]
impl SecretScrub {
    fn new(config: &Config) -> Result<Self> {
        let Settings {
            kinds,
            allow,
            allow_email_domains,
        } = config.parse()?;
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::msg(
                "[config] kinds: it is empty; leave it out to look for everything",
            ));
        }
        if let Some(domain) = allow_email_domains
            .iter()
            .find(|d| d.contains('@') || !d.contains('.'))
        {
            return Err(Error::msg(format!(
                "[config] allow_email_domains: `{domain}` is no domain"
            )));
        }
        Ok(Self {
            finder: Finder {
                kinds,
                allow,
                allow_email_domains,
            },
        })
    }

    #[action]
    fn scrub(&mut self, payload: Vec<u8>, cx: &Context) -> Result<Verdict> {
        let mut found = Vec::new();
        let scrubbed = if json::is_json(&payload) {
            json::map_strings(&payload, |text| self.finder.redact(text, &mut found))?
        } else {
            // Readers that are less strict may still find JSON in it, and in
            // its strings letters that are written as escapes.
            let text = self.finder.redact(&payload, &mut found);
            let seen = text.as_deref().unwrap_or(&payload);
            json::map_strings(seen, |text| self.finder.redact(text, &mut found))?.or(text)
        };
        let Some(scrubbed) = scrubbed else {
            return Ok(Verdict::unchanged());
        };
        // Kinds only: a log is no place for what was just taken out.
        let kinds: Vec<&str> = found.iter().map(|kind| kind.name()).collect();
        info!("redacted in {}: {}", cx.topic(), kinds.join(", "));
        Ok(Verdict::replace(scrubbed))
    }
}
