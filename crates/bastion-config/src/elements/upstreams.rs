//! `[upstreams.*]`: the servers that answer calls.
//!
//! It must never hold a key, only where it is found.

use bastion_types::{Region, Span};

use crate::base_url::{BaseUrl, Scheme};
use crate::codes;
use crate::field::{Field, Kind};
use crate::file_reference::FileReference;
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::secret_reference::SecretReference;
use crate::tree::Node;

/// One upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where its API begins.
    pub base_url: BaseUrl,
    /// Where our key for it is found.
    pub api_key: SecretReference,
    /// Where it computes; none: outside every region.
    pub region: Option<Region>,
    /// The contract's words that promise that region.
    pub residency_clause: Option<String>,
    /// How long it may take.
    pub timeout: UpstreamTimeouts,
    /// While the upstream has said 200 and then nothing: how often a stream's caller gets a comment
    /// line. At least 1 s; default 15 s.
    pub heartbeat: Span,
    /// May our key go to it unencrypted beyond this machine? Default false.
    pub allow_plain_http: bool,
    /// Certificates in PEM that are trusted for it, beside the system's roots; none: those alone.
    /// Only with https.
    pub ca: Option<FileReference>,
    /// Which HTTP it is spoken to in; default auto.
    pub http: HttpVersion,
}

/// Which HTTP an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// With TLS what both sides agree on (ALPN), without it HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2; without TLS by prior knowledge (h2c).
    Http2,
}

/// How long an upstream may take. A stream that moves has no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To connect, TLS included; default 5 s.
    pub connect: Span,
    /// Streams: to the first event; default 2 min.
    pub first_event: Span,
    /// Streams: between two events; default 3 min.
    pub idle: Span,
    /// An unstreamed answer as a whole; default 10 min.
    pub answer: Span,
}

/// The section.
pub(crate) const SECTION: Field = Field::required(
    "upstreams",
    Kind::Named(FIELDS),
    "a server that answers calls: the Bastion API or another that speaks OpenAI's",
);

const BASE_URL: Field = Field::required(
    "base_url",
    Kind::Url,
    "where its API begins, with /v1; plain http only on this machine",
);
const API_KEY: Field = Field::required(
    "api_key",
    Kind::Reference,
    "where our key for it is found: env:NAME or file:PATH, never the key itself",
);
const REGION: Field = Field::absent(
    "region",
    Kind::Text,
    "none: outside every region",
    "where it computes: a country's two capital letters, perhaps a part of it (CA-QC)",
);
const RESIDENCY_CLAUSE: Field = Field::absent(
    "residency_clause",
    Kind::Text,
    "none",
    "the words of the contract that promise that region; for your records",
);
const ALLOW_PLAIN_HTTP: Field = Field::default(
    "allow_plain_http",
    Kind::Boolean,
    "false",
    "allows http:// beyond this machine, where the way is protected by other means",
);
const CA: Field = Field::absent(
    "ca",
    Kind::FileReference,
    "none: the system's roots alone",
    "file:PATH of certificates in PEM that are trusted for it, beside the system's roots",
);
const HTTP: Field = Field::default(
    "http",
    Kind::Word(&["auto", "1.1", "2"]),
    "auto",
    "auto agrees with it where there is TLS (ALPN) and is 1.1 else; 2 without TLS is h2c",
);
const TIMEOUT: Field = Field::absent(
    "timeout",
    Kind::Table(TIMEOUTS),
    "its defaults",
    "how long it may take; a stream that moves has no total",
);
const HEARTBEAT: Field = Field::default(
    "heartbeat",
    Kind::Span,
    "15s",
    "a comment line to a stream's caller so often while the model thinks; at least 1s",
);
const CONNECT: Field = Field::default("connect", Kind::Span, "5s", "to connect, TLS included");
const FIRST_EVENT: Field =
    Field::default("first_event", Kind::Span, "2m", "streams: to the first event");
const IDLE: Field = Field::default("idle", Kind::Span, "3m", "streams: between two events");
const ANSWER: Field =
    Field::default("answer", Kind::Span, "10m", "an unstreamed answer as a whole");

/// More often only costs.
const LEAST_HEARTBEAT: Span = Span::from_secs(1);

const TIMEOUTS: &[Field] = &[CONNECT, FIRST_EVENT, IDLE, ANSWER];

const FIELDS: &[Field] =
    &[BASE_URL, API_KEY, REGION, RESIDENCY_CLAUSE, TIMEOUT, HEARTBEAT, ALLOW_PLAIN_HTTP, CA, HTTP];

const HTTP_VERSIONS: [(&str, HttpVersion); 3] =
    [("auto", HttpVersion::Auto), ("1.1", HttpVersion::Http11), ("2", HttpVersion::Http2)];

/// Reads one upstream.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Upstream, Invalid> {
    let base_url = reader.one(&BASE_URL, base_url);
    let api_key = reader.one(&API_KEY, kinds::reference);
    let region = reader.maybe(&REGION, kinds::name(Region::parse));
    let residency_clause = reader.maybe(&RESIDENCY_CLAUSE, kinds::string);
    let timeout = reader.table(&TIMEOUT).and_then(|reader| timeouts(&reader));
    let heartbeat = reader.one(&HEARTBEAT, heartbeat);
    let allow_plain_http = reader.one(&ALLOW_PLAIN_HTTP, kinds::boolean);
    let ca = reader.maybe(&CA, kinds::file);
    let http = reader.one(&HTTP, |node| kinds::word(&HTTP_VERSIONS, node));
    if let (Ok(url), Ok(Some(_))) = (&base_url, &ca) {
        refuse_idle_ca(reader, url)?;
    }
    if let (Ok(url), Ok(false)) = (&base_url, &allow_plain_http) {
        refuse_plain_http(reader, url)?;
    }
    Ok(Upstream {
        base_url: base_url?,
        api_key: api_key?,
        region: region?,
        residency_clause: residency_clause?,
        timeout: timeout?,
        heartbeat: heartbeat?,
        allow_plain_http: allow_plain_http?,
        ca: ca?,
        http: http?,
    })
}

fn timeouts(reader: &Reader<'_>) -> Result<UpstreamTimeouts, Invalid> {
    let connect = reader.one(&CONNECT, kinds::timeout);
    let first_event = reader.one(&FIRST_EVENT, kinds::timeout);
    let idle = reader.one(&IDLE, kinds::timeout);
    let answer = reader.one(&ANSWER, kinds::timeout);
    Ok(UpstreamTimeouts {
        connect: connect?,
        first_event: first_event?,
        idle: idle?,
        answer: answer?,
    })
}

fn heartbeat(node: &Node) -> Result<Span, Problem> {
    let span = kinds::timeout(node)?;
    if span < LEAST_HEARTBEAT {
        let message = format!("must be at least {LEAST_HEARTBEAT}, not {span}");
        return Err(Problem::new(codes::OUT_OF_RANGE, message));
    }
    Ok(span)
}

fn base_url(node: &Node) -> Result<BaseUrl, Problem> {
    BaseUrl::parse(kinds::text(node)?).map_err(|error| {
        Problem::new(codes::BAD_VALUE, error.to_string())
            .help("such as \"https://api.qubittron.ai/v1\"")
    })
}

/// Nobody may believe that certificates are checked where there are none.
fn refuse_idle_ca(reader: &Reader<'_>, url: &BaseUrl) -> Result<(), Invalid> {
    match reader.node(&CA) {
        Some(node) if url.scheme == Scheme::Http => {
            let message = "does nothing beside an http:// base_url: there is no TLS to check";
            let problem =
                Problem::new(codes::BAD_VALUE, message).help("write https://, or remove ca");
            Err(reader.error(&CA, &node.origin, problem))
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_plain_http(reader: &Reader<'_>, url: &BaseUrl) -> Result<(), Invalid> {
    if url.scheme == Scheme::Https || url.is_loopback() {
        return Ok(());
    }
    let problem = Problem::new(
        codes::PLAIN_HTTP,
        "is plain http beyond this machine: prompts and our key could be read on the way",
    )
    .help("write https://, or allow_plain_http = true where the way is protected by other means");
    match reader.node(&BASE_URL) {
        Some(node) => Err(reader.error(&BASE_URL, &node.origin, problem)),
        None => Ok(()),
    }
}
