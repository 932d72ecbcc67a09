//! `[server]`: the listener of callers and its limits.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use bastion_types::{EnvironmentName, Network, Span};

use crate::codes;
use crate::field::{Field, Kind};
use crate::file_reference::FileReference;
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::Node;

/// The section `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where callers connect; default `127.0.0.1:8080`, port 0 takes a free one.
    pub listen: SocketAddr,
    /// Only keys of these environments may enter; none: all may.
    pub environments: Option<Vec<EnvironmentName>>,
    /// Callers' headers that go to the upstream beside the fixed list; lower case, each once.
    pub forward_headers: Vec<String>,
    /// Whose `x-forwarded-for` counts; empty: nobody's.
    pub trusted_proxies: Vec<Network>,
    /// Threads that serve callers; none: one for each core.
    pub threads: Option<NonZeroUsize>,
    /// Connections at once; default 10 000.
    pub max_connections: usize,
    /// Longest request body in bytes; default 32 MiB, at most 256 MiB.
    pub max_body_bytes: u64,
    /// How long callers may take.
    pub timeout: ServerTimeouts,
    /// With what the listener proves who it is; none: plain HTTP.
    pub tls: Option<ServerTls>,
}

/// TLS of the callers' listener. Both files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate and those between it and its root, in PEM, its own first.
    pub cert: FileReference,
    /// Its private key, in PEM.
    pub key: FileReference,
}

/// How long callers may take, and how long a shutdown waits for them; each at most a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// For a request's head; default 10 s.
    pub header: Span,
    /// For a request's whole body; default 60 s.
    pub body: Span,
    /// For running calls at shutdown; default 30 s.
    pub drain: Span,
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "server",
    Kind::Table(FIELDS),
    "its defaults",
    "the listener of callers and its limits",
);

/// `server.listen`; the two listeners are compared in `agreement`.
pub(crate) const LISTEN: Field = Field::default(
    "listen",
    Kind::Address,
    "127.0.0.1:8080",
    "where callers connect; port 0 takes a free one",
);
/// `server.environments`; that they exist is checked in `agreement`.
pub(crate) const ENVIRONMENTS: Field = Field::absent(
    "environments",
    Kind::Texts,
    "all",
    "only keys of these environments may enter here",
);
const FORWARD_HEADERS: Field = Field::absent(
    "forward_headers",
    Kind::Texts,
    "none",
    "callers' headers that go to the upstream, beside content-type, accept, traceparent, tracestate and openai-*",
);
const TRUSTED_PROXIES: Field = Field::absent(
    "trusted_proxies",
    Kind::Texts,
    "none",
    "networks of proxies before this listener: whom their x-forwarded-for names is the caller",
);
const THREADS: Field = Field::absent(
    "threads",
    Kind::Integer { least: 1, most: 1024 },
    "one for each core",
    "threads that serve callers, 1 to 1024",
);
const MAX_CONNECTIONS: Field = Field::default(
    "max_connections",
    Kind::Integer { least: 1, most: 1_000_000 },
    "10000",
    "connections at once, 1 to 1000000",
);
const MAX_BODY_BYTES: Field = Field::default(
    "max_body_bytes",
    Kind::Integer { least: 1024, most: 256 * 1024 * 1024 },
    "33554432",
    "longest request body in bytes, 1 KiB to 256 MiB",
);
const TIMEOUT: Field = Field::absent(
    "timeout",
    Kind::Table(TIMEOUTS),
    "its defaults",
    "how long callers may take, and how long a shutdown waits for them",
);
const HEADER: Field = Field::default("header", Kind::Span, "10s", "for a request's head");
const BODY: Field = Field::default("body", Kind::Span, "60s", "for a request's whole body");
const DRAIN: Field = Field::default("drain", Kind::Span, "30s", "for running calls at shutdown");

const TLS: Field = Field::absent(
    "tls",
    Kind::Table(TLS_FIELDS),
    "none: plain HTTP",
    "certificate and private key of this listener, two files that are read again when they change",
);
const CERT: Field = Field::required(
    "cert",
    Kind::FileReference,
    "file:PATH of the certificate and those between it and its root, in PEM, its own first",
);
const KEY: Field =
    Field::required("key", Kind::FileReference, "file:PATH of its private key, in PEM");

const TLS_FIELDS: &[Field] = &[CERT, KEY];

const TIMEOUTS: &[Field] = &[HEADER, BODY, DRAIN];

const FIELDS: &[Field] = &[
    LISTEN,
    ENVIRONMENTS,
    FORWARD_HEADERS,
    TRUSTED_PROXIES,
    THREADS,
    MAX_CONNECTIONS,
    MAX_BODY_BYTES,
    TIMEOUT,
    TLS,
];

/// Headers that never go from a caller to the upstream: credentials, those of one connection,
/// those that the gateway writes. Source: the interface, headers to the upstream; RFC 9110, 7.6.1.
const FORBIDDEN_HEADERS: [&str; 21] = [
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "x-api-key",
    "api-key",
    "cookie",
    "set-cookie",
    "host",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "idempotency-key",
    "x-request-id",
];

/// Longest name of a header, in bytes.
const LONGEST_HEADER_BYTES: usize = 128;

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Server, Invalid> {
    let listen = reader.one(&LISTEN, kinds::address);
    let environments = reader.maybe_list(&ENVIRONMENTS, kinds::name(EnvironmentName::parse));
    let forward_headers = reader.maybe_list(&FORWARD_HEADERS, header);
    let trusted_proxies = reader.maybe_list(&TRUSTED_PROXIES, network);
    let threads = reader.maybe(&THREADS, kinds::integer(&THREADS));
    let max_connections = reader.one(&MAX_CONNECTIONS, kinds::integer(&MAX_CONNECTIONS));
    let max_body_bytes = reader.one(&MAX_BODY_BYTES, kinds::integer(&MAX_BODY_BYTES));
    let timeout = reader.table(&TIMEOUT).and_then(|reader| timeouts(&reader));
    let tls = reader.maybe_table(&TLS).and_then(|reader| reader.map(|r| tls(&r)).transpose());
    Ok(Server {
        listen: listen?,
        environments: environments?,
        forward_headers: sorted(forward_headers?.unwrap_or_default()),
        trusted_proxies: trusted_proxies?.unwrap_or_default(),
        threads: threads?.and_then(|threads| NonZeroUsize::new(count(threads))),
        max_connections: count(max_connections?),
        max_body_bytes: max_body_bytes?,
        timeout: timeout?,
        tls: tls?,
    })
}

fn timeouts(reader: &Reader<'_>) -> Result<ServerTimeouts, Invalid> {
    let header = reader.one(&HEADER, kinds::timeout);
    let body = reader.one(&BODY, kinds::timeout);
    let drain = reader.one(&DRAIN, kinds::timeout);
    Ok(ServerTimeouts { header: header?, body: body?, drain: drain? })
}

fn tls(reader: &Reader<'_>) -> Result<ServerTls, Invalid> {
    let cert = reader.one(&CERT, kinds::file);
    let key = reader.one(&KEY, kinds::file);
    Ok(ServerTls { cert: cert?, key: key? })
}

/// The field's limits fit every machine's word.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn sorted(mut headers: Vec<String>) -> Vec<String> {
    headers.sort();
    headers.dedup();
    headers
}

fn network(node: &Node) -> Result<Network, Problem> {
    Network::parse(kinds::text(node)?).map_err(|_| {
        Problem::new(codes::BAD_VALUE, "holds what is no network, or has bits behind its prefix")
            .help("an address or a network, such as \"10.0.0.0/8\" or \"::1\"")
    })
}

fn header(node: &Node) -> Result<String, Problem> {
    let name = kinds::text(node)?.to_ascii_lowercase();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.len() > LONGEST_HEADER_BYTES || !name.bytes().all(token) {
        return Err(Problem::new(codes::BAD_VALUE, "holds what is no header's name")
            .help("letters, digits and '-', such as \"x-experiment\""));
    }
    if FORBIDDEN_HEADERS.contains(&name.as_str()) || name.starts_with("bastion-") {
        let message = format!("must not forward '{name}'");
        return Err(Problem::new(codes::FORBIDDEN_HEADER, message)
            .help("remove it: credentials, connection headers and the gateway's own never go on"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn check(text: &str, expect: Result<&str, &'static str>) {
        let got = header(&Node::written(text, Origin::Default));
        assert_eq!(got.map_err(|problem| problem.code), expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_forwarded_header_is_a_name_and_harmless() {
        check("x y", Err("bad_value"));
        check(":path", Err("bad_value"));
        check("x\u{e9}", Err("bad_value"));
        check("", Err("bad_value"));
        for forbidden in ["Authorization", "COOKIE", "host", "Te", "content-length", "x-api-key"] {
            check(forbidden, Err("forbidden_header"));
        }
        check("bastion-user", Err("forbidden_header"));
        check("X-Experiment", Ok("x-experiment"));
        check("openai-beta", Ok("openai-beta"));
    }
}
