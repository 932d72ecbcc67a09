//! The one redactor that stands before every sink. Box `credentials.redaction`.
//!
//! It must never let a key through, ours or an upstream's: by form, and by value for those that
//! this process has resolved.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::Secret;
use parking_lot::RwLock;
use regex::Regex;

/// What stands in a key's place.
pub const REDACTED: &str = "[redacted]";

/// Shorter values are not looked for: they would blot out ordinary words.
const MIN_KNOWN_SECRET_BYTES: usize = 6;

/// Most values that are looked for; references in one configuration are far fewer.
const MAX_KNOWN_SECRETS: usize = 1024;

/// Ours, the Bastion API's, OpenAI's, and whatever is sent as a bearer credential. An id that is
/// cut off behind the environment is no secret: at least eight letters must follow.
const KEY_FORMS: &str =
    r"(?:bst|qbt)_[A-Za-z0-9_-]{8,}|\bsk-[A-Za-z0-9_-]{12,}|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}";

/// Finds keys in text and puts [`REDACTED`] in their place.
pub struct Redactor {
    /// None only if the pattern were broken; then everything is hidden.
    forms: Option<Regex>,
    known: RwLock<Vec<Secret>>,
    /// How often a secret was learnt.
    learnt: AtomicU64,
}

impl Default for Redactor {
    fn default() -> Redactor {
        let (forms, known) = (Regex::new(KEY_FORMS).ok(), RwLock::new(Vec::new()));
        Redactor { forms, known, learnt: AtomicU64::new(0) }
    }
}

impl Redactor {
    /// From here on this value is hidden wherever it shows up, whatever its form.
    pub fn hide(&self, secret: &Secret) {
        let mut known = self.known.write();
        let is_new = known.iter().all(|other| other.expose() != secret.expose());
        if secret.expose().len() >= MIN_KNOWN_SECRET_BYTES
            && is_new
            && known.len() < MAX_KNOWN_SECRETS
        {
            known.push(secret.clone());
            self.learnt.fetch_add(1, Ordering::Release);
        }
    }

    /// Changes when a secret is learnt: what was found clean before may be so no more.
    pub(crate) fn state(&self) -> u64 {
        self.learnt.load(Ordering::Acquire)
    }

    /// The text without keys; borrowed when it holds none.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(forms) = &self.forms else { return Cow::Borrowed(REDACTED) };
        let mut clean = forms.replace_all(text, REDACTED);
        for secret in self.known.read().iter() {
            if clean.contains(secret.expose()) {
                clean = Cow::Owned(clean.replace(secret.expose(), REDACTED));
            }
        }
        clean
    }

    /// Does the text hold a key?
    pub fn finds_key(&self, text: &str) -> bool {
        matches!(self.redact(text), Cow::Owned(_))
    }
}

#[cfg(test)]
mod tests {
    use bastion_types::{ApiKey, EnvironmentName};

    use super::*;

    #[test]
    fn no_key_of_any_kind_passes() {
        let redactor = Redactor::default();
        let ours = ApiKey::generate(&EnvironmentName::parse("prod").unwrap()).unwrap();
        redactor.hide(&Secret::new("correct horse battery".into()));
        for key in
            [ours.reveal(), "qbt_live_0123456789", "sk-proj-0123456789ab", "correct horse battery"]
        {
            let text = format!("{{\"why\":\"refused {key}\"}}");
            let clean = redactor.redact(&text);
            assert!(!clean.contains(key), "{clean}");
            assert!(clean.contains(REDACTED) && clean.ends_with("\"}"), "{clean}");
        }
        assert!(!redactor.redact("authorization: Bearer abcdefgh").contains("abcdefgh"));
    }

    #[test]
    fn plain_text_is_borrowed() {
        let redactor = Redactor::default();
        redactor.hide(&Secret::new("short".into()));
        for text in
            ["a short line about bst_ keys", "model gpt-oss-20b", "req_0123456789abcdefghijklmn"]
        {
            assert!(matches!(redactor.redact(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
