//! The nouns `SecureUpstream`, an upstream behind TLS with a CA of its own, and `Proxy`.
//!
//! They must never take a request for good that they did not see whole.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bastion_runtime::Tasks;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A name that no resolver knows (RFC 6761).
pub(super) const NAME: &str = "upstream.test";

/// What a proxy says beside its status; it must show up nowhere.
pub(super) const PROXY_PAGE: &str = "the-page-of-the-proxy";

const ANSWER: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"gpt-oss-20b","choices":[{"index":0,"message":{"role":"assistant","content":"good"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
const EVENTS: &str = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-oss-20b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"good\"}}]}\n\ndata: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-oss-20b\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// What a request showed.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) authority: String,
    pub(super) authorization: String,
}

pub(super) struct SecureUpstream {
    pub(super) address: SocketAddr,
    /// Its CA, in PEM.
    pub(super) ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl SecureUpstream {
    /// With these versions of HTTP in ALPN.
    pub(super) async fn start(alpn: &[&[u8]]) -> SecureUpstream {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = SecureUpstream {
            address: listener.local_addr().unwrap(),
            ca: ca.pem(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let acceptor = acceptor(&ca, alpn);
        let (seen, connections) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.connections));
        drop(Tasks::new().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                drop(Tasks::new().spawn(serve(tcp, acceptor, seen, Arc::clone(&connections))));
            }
        }));
        upstream
    }

    pub(super) fn base_url(&self) -> String {
        format!("https://{}/v1", self.authority())
    }

    pub(super) fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Those whose handshake was done.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn acceptor(ca: &CertifiedIssuer<'_, KeyPair>, alpn: &[&[u8]]) -> TlsAcceptor {
    let names = vec!["localhost".to_owned(), NAME.to_owned()];
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(names).unwrap().signed_by(&key, ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
) {
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    connections.fetch_add(1, Ordering::Relaxed);
    let answer = service_fn(move |request| answer(request, Arc::clone(&seen)));
    let builder = auto::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(tls), answer).await.ok();
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let authority = head.uri.authority().map_or_else(|| header("host"), |a| a.as_str()).to_owned();
    let authorization = header("authorization").to_owned();
    let body = body.collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    seen.lock().unwrap().push(Seen { version: head.version, authority, authorization });
    let (kind, text) = if body["stream"] == true {
        ("text/event-stream", EVENTS)
    } else {
        ("application/json", ANSWER)
    };
    let response = Response::builder().header("content-type", kind);
    Ok(response.body(Full::new(Bytes::from_static(text.as_bytes()))).unwrap())
}

/// A proxy that opens ways to this machine, whatever name it is asked for.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Answers with this line.
    pub(super) async fn start(line: &'static str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&proxy.asked);
        drop(Tasks::new().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                drop(Tasks::new().spawn(lead(tcp, line, Arc::clone(&asked))));
            }
        }));
        proxy
    }

    /// The heads of its requests.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn lead(mut tcp: TcpStream, line: &str, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(tcp.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let port: u16 = request.split([' ', ':']).nth(2).unwrap().parse().unwrap();
    asked.lock().unwrap().push(request);
    if !line.contains(" 200 ") {
        let page = format!("{line}\r\nx-page: {PROXY_PAGE}\r\n\r\n{PROXY_PAGE}");
        tcp.write_all(page.as_bytes()).await.ok();
        return;
    }
    tcp.write_all(format!("{line}\r\n\r\n").as_bytes()).await.unwrap();
    let mut target = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tokio::io::copy_bidirectional(&mut tcp, &mut target).await.ok();
}
