//! TLS on the callers' listener: both versions of HTTP, and a certificate that changes as it runs.
//!
//! A test here must never trust a certificate that it did not make.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bastion_runtime::Tasks;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::attempt::Attempt;
use crate::bastion::{Bastion, CONFIG, Key};
use crate::client::{CHAT, raw};
use crate::upstream::Upstream;

/// A certificate of this moment.
struct Pair {
    cert: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Pair {
    fn make() -> Pair {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (cert, pem) = (made.cert.der().clone(), made.cert.pem());
        Pair { cert, pem, key: made.signing_key.serialize_pem() }
    }

    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), &self.pem).unwrap();
        write_key(folder, &self.key, 0o600);
    }
}

fn write_key(folder: &Path, text: &str, mode: u32) {
    let path = folder.join("key.pem");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn config(upstream: &Upstream) -> String {
    let tls = "tls = { cert = \"file:cert.pem\", key = \"file:key.pem\" }\n[operator]";
    CONFIG
        .replace("{upstream}", &format!("http://{}/v1", upstream.address))
        .replace("[operator]", tls)
}

fn gateway(upstream: &Upstream, pair: &Pair) -> Bastion {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bastion.toml"), config(upstream)).unwrap();
    pair.write(folder.path());
    Bastion::start(folder, |_| {})
}

/// A handshake that trusts this certificate alone and offers this protocol.
async fn shake(
    bastion: &Bastion,
    pair: &Pair,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(bastion.callers).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn request(uri: &str, key: &Key) -> Request<Full<Bytes>> {
    Request::post(uri)
        .header("host", "127.0.0.1")
        .header("authorization", format!("Bearer {}", key.text))
        .body(Full::new(Bytes::from_static(CHAT.as_bytes())))
        .unwrap()
}

async fn over_http1(stream: TlsStream<TcpStream>, key: &Key) -> u16 {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    drop(Tasks::new().spawn(connection));
    let answer = sender.send_request(request("/v1/chat/completions", key)).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn callers_are_served_over_both_versions_of_http() {
    let (upstream, pair) = (Upstream::start(), Pair::make());
    let bastion = gateway(&upstream, &pair);
    let key = bastion.key("dev", &[]);
    let stream = shake(&bastion, &pair, b"http/1.1").await.unwrap();
    assert_eq!(over_http1(stream, &key).await, 200);
    let stream = shake(&bastion, &pair, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    drop(Tasks::new().spawn(connection));
    let mut asked = request("https://127.0.0.1/v1/chat/completions", &key);
    asked.headers_mut().remove("host");
    let answer = sender.send_request(asked).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(upstream.log.entries().len(), 2);
    // Who speaks plain HTTP gets nothing but the end, and harms nobody.
    let plain = raw(bastion.callers, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
    let stream = shake(&bastion, &pair, b"http/1.1").await.unwrap();
    assert_eq!(over_http1(stream, &key).await, 200);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection_and_a_broken_one_to_nobody() {
    let (upstream, old, new) = (Upstream::start(), Pair::make(), Pair::make());
    let bastion = gateway(&upstream, &old);
    let key = bastion.key("dev", &[]);
    let kept = shake(&bastion, &old, b"http/1.1").await.unwrap();
    write_key(bastion.folder(), &new.key, 0o600);
    bastion.signal("HUP");
    bastion.log.wait_for("does not fit the certificate");
    assert!(shake(&bastion, &old, b"http/1.1").await.is_ok(), "the old pair goes on");
    new.write(bastion.folder());
    bastion.signal("HUP");
    bastion.log.wait_for("the configuration was read again");
    assert!(shake(&bastion, &old, b"http/1.1").await.is_err());
    let stream = shake(&bastion, &new, b"http/1.1").await.unwrap();
    assert_eq!(over_http1(stream, &key).await, 200);
    assert_eq!(over_http1(kept, &key).await, 200, "a connection that was there goes on");
    // Without any signal: the files are looked at.
    old.write(bastion.folder());
    bastion.log.wait_for("the certificate was read again");
    assert!(shake(&bastion, &old, b"http/1.1").await.is_ok());
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start_with_the_mend() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let upstream = Upstream::start();
    let (pair, other) = (Pair::make(), Pair::make());
    for (key, mode, says) in [
        (&pair.key, 0o644, "make it 0600"),
        (&other.key, 0o600, "does not fit the certificate"),
        (&pair.pem, 0o600, "key.pem cannot be read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), config(&upstream)).unwrap();
        std::fs::write(folder.path().join("cert.pem"), &pair.pem).unwrap();
        write_key(folder.path(), key, mode);
        Attempt::to_serve(folder.path()).is_refused(&["key.pem", says]);
    }
    drop(entered);
}
