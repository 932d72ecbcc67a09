//! Upstreams behind TLS, over HTTP/2 and through a proxy.
//!
//! A test here must never let the gateway skip a certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use bastion_runtime::Tasks;
use bastion_sim::{LogEntry, Outcome};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::bastion::{Bastion, CONFIG};
use crate::client::{CHAT, Client, STREAM, piece, whole};
use crate::upstream::Upstream;

/// The name in the certificate, beside 127.0.0.1.
const NAME: &str = "upstream.test";

/// TLS before a simulated upstream: both versions of HTTP pass.
struct Front {
    address: SocketAddr,
    ca: String,
    connections: Arc<Mutex<u32>>,
}

impl Front {
    async fn before(upstream: SocketAddr) -> Front {
        let names = vec![NAME.to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&connections);
        drop(Tasks::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                drop(Tasks::new().spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else { return };
                    *counted.lock().unwrap() += 1;
                    let mut plain = TcpStream::connect(upstream).await.unwrap();
                    copy_bidirectional(&mut tls, &mut plain).await.ok();
                }));
            }
        }));
        Front { address, ca: made.cert.pem(), connections }
    }
}

/// A gateway whose upstream is this one, with more lines in its section.
fn gateway(base_url: &str, lines: &str, ca: &str, proxy: Option<&str>) -> Bastion {
    let config = CONFIG
        .replace("{upstream}", base_url)
        .replace("region = \"CA\"\n", &format!("region = \"CA\"\n{lines}\n"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(Path::join(folder.path(), name), text);
    write("bastion.toml", &config).unwrap();
    write("ca.pem", ca).unwrap();
    Bastion::start(folder, |serve| {
        if let Some(proxy) = proxy {
            serve.env("HTTPS_PROXY", proxy);
        }
    })
}

fn caller(bastion: &Bastion) -> Client {
    Client::new(bastion.callers, &bastion.key("dev", &[]))
}

fn https(front: &Front) -> String {
    format!("https://{}/v1", front.address)
}

#[tokio::test]
async fn an_upstream_with_a_certificate_of_our_own_authority_answers_over_http_2_and_1() {
    for (http, protocol) in [("auto", "HTTP/2.0"), ("2", "HTTP/2.0"), ("1.1", "HTTP/1.1")] {
        let upstream = Upstream::start();
        let front = Front::before(upstream.address).await;
        let lines = format!("ca = \"file:ca.pem\"\nhttp = \"{http}\"");
        let bastion = gateway(&https(&front), &lines, &front.ca, None);
        let client = caller(&bastion);
        for body in [CHAT, STREAM, CHAT] {
            let answer = client.chat(body).await;
            assert_eq!(answer.status, 200, "{http}: {}", answer.text());
        }
        let entries = upstream.log.entries();
        assert_eq!(entries.len(), 3);
        for entry in &entries {
            assert_eq!(entry.protocol, protocol, "{http}");
            assert_eq!(entry.body.matches("gpt-oss-20b").count(), 1);
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_502_and_the_log_says_why() {
    let upstream = Upstream::start();
    let front = Front::before(upstream.address).await;
    let other = Front::before(upstream.address).await;
    for lines in ["", "ca = \"file:ca.pem\""] {
        let bastion = gateway(&https(&front), lines, &other.ca, None);
        let answer = caller(&bastion).chat(CHAT).await;
        assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
        assert!(!answer.text().contains("certificate"), "{}", answer.text());
        bastion.log.wait_for("certificate");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["usage"]["input_tokens"], 0, "nothing was sent: {call}");
    }
    assert_eq!(upstream.log.entries().len(), 0);
}

#[tokio::test]
async fn calls_share_one_http_2_connection_and_a_stop_resets_its_own_stream_alone() {
    let upstream = Upstream::start();
    let front = Front::before(upstream.address).await;
    let lines = "ca = \"file:ca.pem\"";
    let config = |bastion: &Bastion| caller(bastion);
    let bastion = gateway(&https(&front), lines, &front.ca, None);
    let client = config(&bastion);
    assert_eq!(client.chat(CHAT).await.status, 200);
    upstream.play("[[answer]]\ngap_ms = 100\nevents = ['{}', '{}', '{}', '{}', '[DONE]']\n");
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        callers.spawn(async move { whole(client.open_stream().await).await });
    }
    let mut leaving = client.open_stream().await;
    assert!(piece(leaving.body_mut()).await.is_some());
    drop(leaving);
    let stopped = |all: &[LogEntry]| all.iter().any(|e| e.outcome == Some(Outcome::ClosedByPeer));
    upstream.wait_for(stopped).await;
    for answer in callers.join_all().await {
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    }
    let gone = upstream.log.entries();
    let gone = gone.iter().filter(|e| e.outcome == Some(Outcome::ClosedByPeer)).count();
    assert_eq!(gone, 1, "only the stream of the caller who left");
    // A connection or two for each thread: those that began at the same moment.
    let connections = *front.connections.lock().unwrap();
    assert!(connections < 20, "{connections} connections for 22 calls");
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_where_it_is_asked_for() {
    let upstream = Upstream::start();
    let base_url = format!("http://{}/v1", upstream.address);
    let bastion = gateway(&base_url, "http = \"2\"", "", None);
    let client = caller(&bastion);
    for body in [CHAT, STREAM] {
        assert_eq!(client.chat(body).await.status, 200);
    }
    for status in [500, 429, 400] {
        upstream.play(&format!("[[answer]]\nstatus = {status}\nbody = '{{\"error\":{{}}}}'\n"));
        assert_ne!(client.chat(CHAT).await.status, 200);
        assert_eq!(upstream.log.entries()[0].protocol, "HTTP/2.0");
    }
    upstream.play("[[answer]]\ncut_after = 2\n");
    assert!(client.chat(STREAM).await.text().contains("stream_interrupted"));
}

/// A proxy that leads every way to one address, and notes what it was asked.
async fn proxy(to: SocketAddr, answer: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    drop(Tasks::new().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            drop(Tasks::new().spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(stream.read_line(&mut head).await.unwrap() > 0);
                }
                notes.lock().unwrap().push(head);
                stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
                let mut far = TcpStream::connect(to).await.unwrap();
                copy_bidirectional(&mut stream, &mut far).await.ok();
            }));
        }
    }));
    (address, asked)
}

#[tokio::test]
async fn a_proxy_of_the_usual_variables_is_asked_for_the_way() {
    let upstream = Upstream::start();
    let front = Front::before(upstream.address).await;
    let (address, asked) = proxy(front.address, "HTTP/1.1 200 Fine\r\n\r\n").await;
    let proxy = format!("http://us%65r:pass-4716@{address}");
    let base_url = format!("https://{NAME}:8443/v1");
    let bastion = gateway(&base_url, "ca = \"file:ca.pem\"", &front.ca, Some(&proxy));
    let answer = caller(&bastion).chat(CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = asked.lock().unwrap().clone();
    assert!(asked[0].starts_with(&format!("CONNECT {NAME}:8443 HTTP/1.1\r\n")), "{asked:?}");
    assert!(asked[0].contains("Basic dXNlcjpwYXNzLTQ3MTY=\r\n"), "{asked:?}");
    assert!(!asked[0].contains("Bearer"), "our key is not the proxy's: {asked:?}");
    assert!(!bastion.log.text().contains("pass-4716"));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_a_502_and_the_log_says_its_status() {
    let upstream = Upstream::start();
    let answer = "HTTP/1.1 407 No\r\ncontent-length: 9\r\n\r\nleak-4717";
    let (address, _asked) = proxy(upstream.address, answer).await;
    let proxy = format!("http://user:pass-4716@{address}");
    let base_url = format!("https://{NAME}:8443/v1");
    let bastion = gateway(&base_url, "", "", Some(&proxy));
    let answer = caller(&bastion).chat(CHAT).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
    bastion.log.wait_for("407");
    let log = bastion.log.text();
    assert!(!log.contains("leak-4717") && !log.contains("pass-4716"), "{log}");
    assert_eq!(upstream.log.entries().len(), 0);
}
