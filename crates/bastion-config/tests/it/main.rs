//! What people meet: messages, overrides, the manual, and that no secret is ever shown.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what tests use beside test functions is test too"
)]

mod corruption;
mod elements;
mod environment;
mod manual;
mod messages;
mod money;
mod reliability;
mod secrets;
mod surfaces;
mod waivers;

use std::path::PathBuf;

use bastion_config::{Loaded, RenderStyle, Report, Sources, load};

/// A file that says everything that this version knows.
pub(crate) const FULL: &str = r#"organization = "acme"
currency = "EUR"
data_dir = "/var/lib/bastion"
[server]
listen = "127.0.0.1:9000"
environments = ["dev", "prod"]
forward_headers = ["x-experiment"]
threads = 2
max_connections = 100
max_body_bytes = 2048
timeout = { header = "1s", body = "2s", drain = "3s" }
[operator]
listen = "127.0.0.1:9001"
[store]
url = "sqlite"
[limits]
url = "local"
[upstreams.bastion]
base_url = "https://api.qubittron.ai/v1"
api_key = "env:QUBITTRON_API_KEY"
region = "CA-QC"
residency_clause = "DPA 2026-03, section 4.2"
timeout = { connect = "1s", first_event = "2s", idle = "3s", answer = "4s" }
allow_plain_http = false
[models."gpt-oss-20b"]
upstream = "bastion"
upstream_model = "gpt-oss"
kind = "chat"
size = "small"
context_tokens = 131072
max_output_tokens = 8192
reasoning = true
price = { input = "0.05", output = "0.20" }
[environments.dev]
[environments.prod]
regions = ["CA"]
[retry]
attempts = 4
base = "2s"
cap = "30s"
total = "90s"
budget = 0.25
breaker = { failures = 7, open = "11s" }
[upstreams.spare]
base_url = "https://llm.internal/v1"
api_key = "file:spare.key"
heartbeat = "20s"
ca = "file:tls/ca.pem"
http = "1.1"
[models.qwen]
upstream = ["bastion", { name = "spare", model = "qwen3-32b" }]
usage_option = false
timeout = { connect = "9s", first_event = "5m" }
[server.tls]
cert = "file:tls/cert.pem"
key = "file:/run/secrets/tls.pem"
[surfaces.support-chat]
models = ["gpt-oss-20b", "qwen"]
why = "short answers from a retrieved passage"
owner = "support-platform"
max_tokens = { default = 1500, ceiling = 4000, above = "clamp" }
require_user = true
enforce = "observe"
pii = "off"
"#;

pub(crate) fn sources(text: &str, environment: &[(&str, &str)]) -> Sources {
    let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources {
        file: Some((PathBuf::from("bastion.toml"), text.to_owned())),
        environment: environment.iter().map(variable).collect(),
    }
}

pub(crate) fn read(text: &str) -> Result<Loaded, Report> {
    load(&sources(text, &[]))
}

/// The full file with one line replaced.
pub(crate) fn with(line: &str, replacement: &str) -> String {
    assert_eq!(FULL.lines().filter(|other| *other == line).count(), 1, "{line}");
    FULL.replace(line, replacement)
}

pub(crate) fn codes(result: Result<Loaded, Report>) -> Vec<&'static str> {
    match result {
        Ok(_) => Vec::new(),
        Err(report) => report.diagnostics.iter().map(|finding| finding.code).collect(),
    }
}

pub(crate) fn rendered(text: &str) -> String {
    read(text).unwrap_err().render(RenderStyle::Plain)
}
