//! `bastion init nginx`: nginx's configuration before this deployment. Box
//! `streaming.no-buffering`.
//!
//! It must never print what nginx would refuse, nor a setting that gathers events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use bastion_config::Config;
use bastion_types::Span;
use clap::Args;

use crate::exit::Exit;
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion init nginx > /etc/nginx/conf.d/bastion.conf
  bastion init nginx --server-name llm.example.org \\
    --certificate /etc/nginx/tls/llm.pem --certificate-key /etc/nginx/tls/llm.key
  bastion init nginx --node 10.0.0.11:8080 --node 10.0.0.12:8080
  bastion init nginx --plain --listen 127.0.0.1:8000";

const TEMPLATE: &str = include_str!("nginx.conf");

/// Above the longest silence that is allowed: Bastion's own error must come first.
const READ_MARGIN: Duration = Duration::from_secs(30);

/// Print nginx's configuration for this deployment
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NginxArguments {
    /// The configuration
    #[arg(long, env = "BASTION_CONFIG", default_value = "bastion.toml", value_name = "FILE")]
    config: PathBuf,
    /// Where nginx listens: a port, or an address and a port
    #[arg(long, value_name = "ADDRESS", default_value = "443")]
    listen: String,
    /// A node, where there are several: its address and port; without any, this deployment's own
    #[arg(long = "node", value_name = "ADDRESS:PORT")]
    nodes: Vec<SocketAddr>,
    /// The name that callers use
    #[arg(long, value_name = "NAME", default_value = "_")]
    server_name: String,
    /// The certificate, in PEM
    #[arg(long, value_name = "FILE", default_value = "/etc/nginx/tls/bastion.pem")]
    certificate: String,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", default_value = "/etc/nginx/tls/bastion.key")]
    certificate_key: String,
    /// Without TLS: only where something before nginx has it, keys would be readable on the way
    #[arg(long)]
    plain: bool,
}

/// Runs the command.
///
/// # Errors
/// When the configuration does not load, or an argument cannot stand in nginx's configuration.
pub(super) fn run(arguments: &NginxArguments) -> anyhow::Result<Exit> {
    let sources = bastion_config::read_sources(&arguments.config, std::env::vars_os())?;
    let loaded = bastion_config::load(&sources)
        .map_err(|report| anyhow::Error::msg(report.render(bastion_config::RenderStyle::Plain)))?;
    out::line(print(&loaded.config, arguments)?.trim_end());
    Ok(Exit::Done)
}

fn print(config: &Config, arguments: &NginxArguments) -> anyhow::Result<String> {
    let NginxArguments { listen, server_name, certificate, certificate_key, .. } = arguments;
    for word in [listen, server_name, certificate, certificate_key] {
        let fits = |byte: u8| byte.is_ascii_graphic() && !b";{}'\"\\#$".contains(&byte);
        if word.is_empty() || !word.bytes().all(fits) {
            bail!("{} cannot stand in nginx's configuration", out::printable(word));
        }
    }
    let server = &config.server;
    let (scheme, upstream_tls) = match &server.tls {
        None => ("http", String::new()),
        Some(tls) => ("https", verified(&tls.cert.path.display().to_string())),
    };
    let seconds = |span: Span| format!("{}s", span.duration().as_secs().max(1));
    Ok(TEMPLATE
        .replace("{servers}", &servers(server.listen, &arguments.nodes))
        .replace(
            "{keepalive_ms}",
            &(server.timeout.header.duration() / 2).as_millis().max(1).to_string(),
        )
        .replace("{listen}", &listening(arguments))
        .replace("{max_body_bytes}", &server.max_body_bytes.to_string())
        .replace("{header_timeout}", &seconds(server.timeout.header))
        .replace("{body_timeout}", &seconds(server.timeout.body))
        .replace("{read_timeout_s}", &longest_silence(config).as_secs().to_string())
        .replace("{scheme}", scheme)
        .replace("{upstream_tls}", &upstream_tls))
}

fn listening(arguments: &NginxArguments) -> String {
    let NginxArguments { listen, server_name, certificate, certificate_key, plain, .. } = arguments;
    if *plain {
        return format!(
            "    # Without TLS: only where something before nginx has it.\n    listen {listen};\n    \
             server_name {server_name};"
        );
    }
    format!(
        "    listen {listen} ssl http2;\n    server_name {server_name};\n    ssl_certificate \
         {certificate};\n    ssl_certificate_key {certificate_key};\n    ssl_protocols TLSv1.2 \
         TLSv1.3;"
    )
}

fn verified(certificate: &str) -> String {
    format!(
        "        proxy_ssl_verify on;\n        proxy_ssl_trusted_certificate {certificate};\n        \
         proxy_ssl_server_name on;\n        proxy_ssl_name $host;\n"
    )
}

/// One line for each node.
fn servers(own: SocketAddr, nodes: &[SocketAddr]) -> String {
    let own = [reachable(own)];
    let all = if nodes.is_empty() { &own[..] } else { nodes };
    let lines: Vec<String> = all.iter().map(|node| format!("    server {node};")).collect();
    lines.join("\n")
}

/// Where Bastion is reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let loopback = match listen.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(loopback, listen.port())
}

/// The longest that a caller may hear nothing: the last attempt begins within `retry.total`.
fn longest_silence(config: &Config) -> Duration {
    let of_upstreams = config.upstreams.values().map(|upstream| {
        let times = upstream.timeout;
        times.answer.duration().max(times.first_event.duration()).max(times.idle.duration())
    });
    let of_models = config.models.values().flat_map(|model| {
        let times = &model.timeout;
        [times.answer, times.first_event, times.idle].into_iter().flatten().map(Span::duration)
    });
    let longest = of_upstreams.chain(of_models).max().unwrap_or_default();
    longest + config.retry.total.duration() + READ_MARGIN
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        arguments: NginxArguments,
    }

    fn printed(change: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bastion.toml");
        let text =
            bastion_config::INIT_TOML.replace("\n[server]\n", &format!("\n[server]\n{change}"));
        std::fs::write(&path, text)?;
        let sources = bastion_config::read_sources(&path, std::iter::empty())?;
        let loaded = bastion_config::load(&sources).map_err(|report| {
            anyhow::Error::msg(report.render(bastion_config::RenderStyle::Plain))
        })?;
        let parsed = Parsed::parse_from([&["nginx"], arguments].concat());
        print(&loaded.config, &parsed.arguments)
    }

    #[test]
    fn it_says_what_this_deployment_says() {
        let text = printed("max_body_bytes = 1234567\n", &["--plain"]).unwrap();
        assert!(text.contains("client_max_body_size 1234567;"), "{text}");
        assert!(text.contains("proxy_buffering off;") && text.contains("gzip off;"), "{text}");
        // The answer's ten minutes, the minute of the retries, the margin.
        assert!(text.contains("proxy_read_timeout 690s;"), "{text}");
        // Half of the ten seconds after which a gateway closes a connection that says nothing.
        assert!(text.contains("keepalive_timeout 5000ms;"), "{text}");
        assert!(!text.contains('{') || !text.contains("{listen}"), "{text}");
        assert!(!text.contains("ssl_certificate"), "{text}");
    }

    #[test]
    fn each_node_has_its_line() {
        let text = printed("", &["--node", "10.0.0.11:8080", "--node", "[::1]:8081"]).unwrap();
        let lines = "    server 10.0.0.11:8080;\n    server [::1]:8081;\n";
        assert!(text.contains(lines) && text.matches("    server ").count() == 2, "{text}");
    }

    #[test]
    fn tls_is_the_default() {
        let text = printed("", &["--server-name", "llm.example.org"]).unwrap();
        assert!(text.contains("listen 443 ssl http2;"), "{text}");
        assert!(text.contains("server_name llm.example.org;"), "{text}");
    }

    #[test]
    fn a_word_that_would_end_the_setting_is_refused() {
        for wrong in ["a;b", "a b", "a{", "$x", ""] {
            assert!(printed("", &["--server-name", wrong]).is_err(), "{wrong}");
        }
    }
}
