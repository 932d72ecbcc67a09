//! Upstreams behind TLS: an own CA, the versions of HTTP, and a proxy on the way there.
//!
//! It must never reach beyond this machine.

mod secure;

use std::process::Command;

use hyper::Version;
use tempfile::TempDir;

use self::secure::{NAME, PROXY_PAGE, Proxy, SecureUpstream};
use crate::attempt::Attempt;
use crate::bastion::{Bastion, CONFIG, UPSTREAM_KEY, command};
use crate::client::{CHAT, Client, whole};

const PROXY_PASSWORD: &str = "proxy-password-4711";

/// A folder with the configuration of a gateway before this upstream, and the upstream's CA.
fn folder(base_url: &str, ca: &str, lines: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG
        .replace("{upstream}", base_url)
        .replace("[server]\n", "[server]\nthreads = 1\n")
        .replace("region = \"CA\"\n", &format!("region = \"CA\"\nca = \"file:ca.pem\"\n{lines}\n"));
    std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
    folder
}

/// A gateway before this upstream that trusts its CA.
fn before(upstream: &SecureUpstream, lines: &str) -> (Bastion, Client) {
    let folder = folder(&upstream.base_url(), &upstream.ca, lines);
    with_client(Bastion::start(folder, |_| {}))
}

fn with_client(bastion: Bastion) -> (Bastion, Client) {
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    (bastion, client)
}

/// The upstream cannot be used, the caller learns no more than that, and the log says why.
async fn fails(bastion: &Bastion, client: &Client, why: &str) {
    let answer = client.chat(CHAT).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
    let logged = bastion.log.wait_for("an attempt at an upstream failed");
    assert!(logged.contains(why), "{why:?} in: {logged}");
    let text = bastion.log.text();
    for secret in [UPSTREAM_KEY, PROXY_PASSWORD, PROXY_PAGE] {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
    assert!(!answer.text().contains(why), "{}", answer.text());
}

#[tokio::test]
async fn many_calls_share_one_http2_connection_that_tls_agreed_on() {
    let upstream = SecureUpstream::start(&[b"h2", b"http/1.1"]).await;
    let (_bastion, client) = before(&upstream, "");
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            bastion_runtime::Tasks::new().spawn(async move {
                let body = whole(client.open_stream().await).await;
                assert_eq!(body.status, 200, "{}", body.text());
                assert!(body.text().ends_with("data: [DONE]\n\n"), "{}", body.text());
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(client.chat(CHAT).await.status, 200);
    assert_eq!(upstream.connections(), 1);
    let seen = upstream.seen();
    assert_eq!(seen.len(), 21);
    for request in seen {
        assert_eq!(request.version, Version::HTTP_2);
        assert_eq!(request.authority, upstream.authority());
        assert_eq!(request.authorization, format!("Bearer {UPSTREAM_KEY}"));
    }
}

#[tokio::test]
async fn http1_is_spoken_where_the_upstream_or_the_configuration_says_so() {
    for (alpn, lines) in
        [(&[b"http/1.1".as_slice()][..], ""), (&[], ""), (&[b"h2", b"http/1.1"], "http = \"1.1\"")]
    {
        let upstream = SecureUpstream::start(alpn).await;
        let (_bastion, client) = before(&upstream, lines);
        for _ in 0..3 {
            assert_eq!(client.chat(CHAT).await.status, 200);
        }
        let seen = upstream.seen();
        assert_eq!(seen.len(), 3);
        for request in seen {
            assert_eq!(request.version, Version::HTTP_11);
            assert_eq!(request.authority, upstream.authority());
        }
        assert_eq!(upstream.connections(), 1);
    }
}

#[tokio::test]
async fn an_upstream_without_the_http2_that_was_asked_for_is_not_spoken_to() {
    let upstream = SecureUpstream::start(&[]).await;
    let (bastion, client) = before(&upstream, "http = \"2\"");
    fails(&bastion, &client, "does not speak HTTP/2").await;
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn an_upstream_of_another_ca_gets_no_call() {
    let (upstream, other) = (SecureUpstream::start(&[]).await, SecureUpstream::start(&[]).await);
    let folder = folder(&upstream.base_url(), &other.ca, "");
    let (bastion, client) = with_client(Bastion::start(folder, |_| {}));
    fails(&bastion, &client, "certificate").await;
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_ca_that_is_taken_away_ends_the_trust_with_a_reload() {
    let (upstream, other) = (SecureUpstream::start(&[]).await, SecureUpstream::start(&[]).await);
    let (bastion, client) = before(&upstream, "");
    assert_eq!(client.chat(CHAT).await.status, 200);
    std::fs::write(bastion.folder().join("ca.pem"), &other.ca).unwrap();
    bastion.signal("HUP");
    bastion.log.wait_for("the configuration was read again");
    fails(&bastion, &client, "certificate").await;
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_drain_is_not_held_up_by_a_kept_http2_connection() {
    let upstream = SecureUpstream::start(&[b"h2"]).await;
    let (mut bastion, client) = before(&upstream, "");
    assert_eq!(client.chat(CHAT).await.status, 200);
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0));
    let log = bastion.log.text();
    assert!(!log.contains("the drain's deadline is over"), "{log}");
}

#[test]
fn a_ca_file_that_is_of_no_use_stops_the_start() {
    let started = |ca: &str| Attempt::to_serve(folder("https://localhost/v1", ca, "").path());
    started("no certificate").is_refused(&["upstreams.simulated.ca", "holds no certificate"]);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    started(broken).is_refused(&["ca.pem", "certificate 1", "is broken"]);
    let absent = folder("https://localhost/v1", "", "");
    std::fs::remove_file(absent.path().join("ca.pem")).unwrap();
    Attempt::to_serve(absent.path()).is_refused(&["ca.pem", "cannot be read"]);
}

/// A gateway before an upstream that is found through the proxy alone.
fn behind(upstream: &SecureUpstream, change: impl FnOnce(&mut Command)) -> (Bastion, Client) {
    let base_url = format!("https://{NAME}:{}/v1", upstream.address.port());
    with_client(Bastion::start(folder(&base_url, &upstream.ca, ""), change))
}

#[tokio::test]
async fn an_upstream_is_reached_through_the_proxy_that_the_environment_names() {
    let upstream = SecureUpstream::start(&[b"h2", b"http/1.1"]).await;
    let proxy = Proxy::start("HTTP/1.1 200 OK").await;
    let url = format!("http://me:{PROXY_PASSWORD}@{}", proxy.address);
    let (bastion, client) = behind(&upstream, |serve| {
        serve.env("HTTPS_PROXY", url);
    });
    for _ in 0..3 {
        assert_eq!(client.chat(CHAT).await.status, 200, "{}", bastion.log.text());
    }
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let authority = format!("{NAME}:{}", upstream.address.port());
    assert!(asked[0].starts_with(&format!("CONNECT {authority} HTTP/1.1\r\n")), "{asked:?}");
    assert!(asked[0].contains("Proxy-Authorization: Basic bWU6"), "{asked:?}");
    // Only the proxy's: what is the upstream's goes to nobody else.
    assert!(!asked[0].contains(UPSTREAM_KEY), "{asked:?}");
    assert_eq!(upstream.seen()[0].authority, authority);
    let log = bastion.log.text();
    assert!(!log.contains(PROXY_PASSWORD), "{log}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_a_502_whose_status_is_for_the_log() {
    let upstream = SecureUpstream::start(&[]).await;
    let proxy = Proxy::start("HTTP/1.1 407 Proxy Authentication Required").await;
    let url = format!("http://me:{PROXY_PASSWORD}@{}", proxy.address);
    let (bastion, client) = behind(&upstream, |serve| {
        serve.env("https_proxy", url);
    });
    fails(&bastion, &client, "the proxy refused with status 407").await;
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn what_no_proxy_names_and_this_machine_are_not_asked_for_at_the_proxy() {
    let upstream = SecureUpstream::start(&[]).await;
    let proxy = Proxy::start("HTTP/1.1 200 OK").await;
    let url = format!("http://{}", proxy.address);
    let (bastion, client) = behind(&upstream, |serve| {
        serve.env("ALL_PROXY", &url).env("NO_PROXY", "other.example, *.test");
    });
    // Without the proxy nobody knows that name.
    fails(&bastion, &client, "no connection").await;

    let folder = folder(&upstream.base_url(), &upstream.ca, "");
    let (_bastion, client) = with_client(Bastion::start(folder, |serve| {
        serve.env("ALL_PROXY", &url);
    }));
    assert_eq!(client.chat(CHAT).await.status, 200);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_cannot_be_used_stops_the_start_and_its_password_is_not_told() {
    for url in ["socks5://me:proxy-password-4711@p:1", "http://me:proxy-password-4711@p:port"] {
        let folder = folder("https://localhost/v1", "", "");
        let text = std::fs::read_to_string(folder.path().join("bastion.toml")).unwrap();
        let text = text.replace("ca = \"file:ca.pem\"\n", "");
        std::fs::write(folder.path().join("bastion.toml"), text).unwrap();
        let mut serve = command(folder.path());
        serve.arg("serve").env("HTTPS_PROXY", url);
        let refused = Attempt::of(serve);
        refused.is_refused(&["HTTPS_PROXY"]);
        assert!(!refused.stderr.contains(PROXY_PASSWORD), "{}", refused.stderr);
    }
}
