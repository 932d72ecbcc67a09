//! `[limits]`: where rates and concurrency are counted.

use bastion_types::Span;

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::secret_reference::SecretReference;
use crate::tree::{Node, Origin};

/// The section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsSection {
    /// Which counter; default `local`.
    pub url: LimitsUrl,
    /// Where Redis' password is found, if it does not stand in a referenced URL.
    pub password: Option<SecretReference>,
    /// What the names of this deployment's keys in Redis begin with; default `bastion`.
    pub prefix: String,
    /// How long a call waits for Redis at most; 10 ms to 10 s, default 100 ms.
    pub timeout: Span,
    /// After which a slot comes back whose node was killed; 1 s to 10 m, default 15 s.
    pub lease: Span,
}

/// A place where rates and concurrency are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitsUrl {
    /// In this process.
    Local,
    /// In Redis, at this URL, in which there is no password.
    Redis(String),
    /// In Redis, at the URL behind this reference.
    Reference(SecretReference),
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "limits",
    Kind::Table(FIELDS),
    "its defaults",
    "where rates and concurrency are counted",
);

pub(crate) const URL: Field = Field::default(
    "url",
    Kind::Url,
    "local",
    "\"local\" counts in this process; redis:// or rediss:// counts for all nodes together",
);
const PASSWORD: Field = Field::absent(
    "password",
    Kind::Reference,
    "none, or as the URL behind a reference says",
    "a reference to Redis' password",
);
const PREFIX: Field = Field::default(
    "prefix",
    Kind::Text,
    "bastion",
    "what the names of this deployment's keys in Redis begin with",
);
const TIMEOUT: Field = Field::default(
    "timeout",
    Kind::Span,
    "100ms",
    "how long a call waits for Redis before this node decides by its share",
);
const LEASE: Field = Field::default(
    "lease",
    Kind::Span,
    "15s",
    "after which the slots of a node that was killed come back",
);

const FIELDS: &[Field] = &[URL, PASSWORD, PREFIX, TIMEOUT, LEASE];

/// What `timeout` may be.
const TIMEOUTS: (Span, Span) = (Span::from_millis(10), Span::from_secs(10));

/// What `lease` may be: it is renewed three times within it.
const LEASES: (Span, Span) = (Span::from_secs(1), Span::from_secs(600));

/// Longest prefix, in bytes.
const LONGEST_PREFIX_BYTES: usize = 64;

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<LimitsSection, Invalid> {
    let url = reader.one(&URL, limits_url);
    let password = reader.maybe(&PASSWORD, kinds::reference);
    let prefix = reader.one(&PREFIX, prefix);
    let timeout = reader.one(&TIMEOUT, span_within(TIMEOUTS));
    let lease = reader.one(&LEASE, span_within(LEASES));
    Ok(LimitsSection {
        url: url?,
        password: password?,
        prefix: prefix?,
        timeout: timeout?,
        lease: lease?,
    })
}

/// Never repeats the text: it may hold a password.
fn limits_url(node: &Node) -> Result<LimitsUrl, Problem> {
    let text = kinds::text(node)?;
    if text == "local" {
        return Ok(LimitsUrl::Local);
    }
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    match scheme {
        "redis" | "rediss" => redis_url(node, text, rest),
        "env" | "file" | "vault" | "aws-sm" | "gcp-sm" | "systemd-cred" => {
            kinds::reference(node).map(LimitsUrl::Reference)
        }
        _ => Err(Problem::new(codes::BAD_VALUE, "must be \"local\" or a URL of Redis").help(FORM)),
    }
}

const FORM: &str = "such as \"redis://cache.internal:6379/0\", or \"rediss://…\" for TLS";

fn redis_url(node: &Node, text: &str, rest: &str) -> Result<LimitsUrl, Problem> {
    let bad = |message: &str| Problem::new(codes::BAD_VALUE, message).help(FORM);
    let rest = rest.strip_prefix("//").ok_or_else(|| bad("lacks '//' behind its scheme"))?;
    if rest.contains(['?', '#']) {
        return Err(bad("must not hold a query or a fragment ('?' or '#')"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() || host.starts_with(':') {
        return Err(bad("has no host"));
    }
    if !user.contains(':') {
        return Ok(LimitsUrl::Redis(text.to_owned()));
    }
    match &node.origin {
        // A variable is where a password may stand: it is read there, and not kept here.
        Origin::Variable(name) => Ok(LimitsUrl::Reference(SecretReference::Env(name.clone()))),
        Origin::Default | Origin::Span(_) => {
            Err(Problem::new(codes::LITERAL_SECRET, "holds a password")
                .help(
                    "write the URL without it and password = \"env:NAME\", or put the whole URL \
                     into a variable or a file and write \"env:NAME\" or \"file:PATH\"",
                )
                .note("if it was a password and this text was ever shared, change it"))
        }
    }
}

fn prefix(node: &Node) -> Result<String, Problem> {
    let text = kinds::string(node)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if text.len() <= LONGEST_PREFIX_BYTES && text.bytes().all(is_plain) {
        return Ok(text);
    }
    let message = format!(
        "must be at most {LONGEST_PREFIX_BYTES} letters, digits and '-', '_', '.' or ':' of ASCII"
    );
    Err(Problem::new(codes::BAD_VALUE, message))
}

fn span_within((least, most): (Span, Span)) -> impl Fn(&Node) -> Result<Span, Problem> {
    move |node| {
        let span = kinds::timeout(node)?;
        if (least..=most).contains(&span) {
            return Ok(span);
        }
        let message = format!("must be from {least} to {most}, not {span}");
        Err(Problem::new(codes::OUT_OF_RANGE, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<LimitsUrl, &'static str>) {
        let got = limits_url(&Node::written(text, Origin::Default));
        assert_eq!(got.map_err(|problem| problem.code), expect, "{text}");
    }

    fn redis(text: &str) -> LimitsUrl {
        LimitsUrl::Redis(text.to_owned())
    }

    #[test]
    fn limits_are_counted_here_or_in_redis() {
        check("local", Ok(LimitsUrl::Local));
        for url in ["redis://h", "redis://h:6379/2", "rediss://user@h:6379", "redis://[::1]:6379"] {
            check(url, Ok(redis(url)));
        }
        for url in ["memory", "redis:h", "redis://", "redis://:6379", "redis://h?x=1"] {
            check(url, Err("bad_value"));
        }
        check("rediss://h/#insecure", Err("bad_value"));
        check("http://h", Err("bad_value"));
        check("vault:kv/redis#url", Err("not_in_this_version"));
    }

    #[test]
    fn a_password_stands_behind_a_reference_or_in_a_variable() {
        let of = |name: &str| LimitsUrl::Reference(SecretReference::Env(name.to_owned()));
        check("env:REDIS_URL", Ok(of("REDIS_URL")));
        check("rediss://u:hunter2@h", Err("literal_secret"));
        check("redis://:hunter2@h", Err("literal_secret"));
        let origin = Origin::Variable("BASTION_LIMITS__URL".to_owned());
        let got = limits_url(&Node::written("redis://:hunter2@h", origin)).ok();
        assert_eq!(got, Some(of("BASTION_LIMITS__URL")));
    }
}
