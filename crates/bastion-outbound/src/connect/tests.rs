//! Connections to real servers: TLS with an own CA, a proxy, addresses that do not answer.
//!
//! It must never leave this machine.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::proxy::Proxies;
use crate::tls::{ExtraRoots, Versions, client_tls};

/// What anything may take here.
const LIMIT: Duration = Duration::from_secs(10);

const HELLO: &[u8] = b"hello";

/// A CA, and a server whose certificate it has signed.
struct Server {
    address: SocketAddr,
    roots: ExtraRoots,
}

impl Server {
    /// For `localhost` and 127.0.0.1, with these versions in ALPN; it says hello to everyone.
    async fn start(alpn: &[&[u8]]) -> Server {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivateKeyDer::Pkcs8(key.into()))
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        drop(bastion_runtime::Tasks::new().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                greet(acceptor.accept(tcp).await).await.ok();
            }
        }));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, ca.pem()).unwrap();
        Server { address, roots: ExtraRoots::read(&path).unwrap() }
    }
}

/// A client that trusts nobody here has left already.
async fn greet(accepted: io::Result<tokio_rustls::server::TlsStream<TcpStream>>) -> io::Result<()> {
    let mut tls = accepted?;
    tls.write_all(HELLO).await?;
    tls.shutdown().await
}

/// A CONNECT proxy that answers with `head` and then opens the way; tells what it was asked.
async fn proxy(head: &'static [u8]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = mpsc::channel(8);
    drop(bastion_runtime::Tasks::new().spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(tcp.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let port = request.split([' ', ':']).nth(2).unwrap().parse().unwrap();
            tell.send(request).await.unwrap();
            tcp.write_all(head).await.unwrap();
            // Whatever the host's name, everything is on this machine.
            let mut target = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::io::copy_bidirectional(&mut tcp, &mut target).await.ok();
        }
    }));
    (address, asked)
}

fn before(address: SocketAddr) -> Proxy {
    let variable = |name| (name == "HTTPS_PROXY").then(|| format!("http://me:pw@{address}").into());
    Proxies::of(variable).unwrap().before("https", "elsewhere.example", 443).unwrap()
}

async fn hello(mut stream: Stream) -> Vec<u8> {
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    said
}

fn way(address: SocketAddr, tls: &Arc<ClientConfig>) -> Way<'_> {
    Way { host: "localhost", port: address.port(), tls: Some(tls), proxy: None }
}

#[tokio::test]
async fn a_server_of_an_own_ca_is_trusted_with_that_ca_and_not_without() {
    let server = Server::start(&[]).await;
    let tls = client_tls(Versions::Auto, Some(&server.roots)).unwrap();
    let stream = connect(way(server.address, &tls), LIMIT).await.unwrap();
    assert!(!stream.agreed_on_http2());
    assert_eq!(hello(stream).await, HELLO);

    let other = Server::start(&[]).await;
    let tls = client_tls(Versions::Auto, Some(&other.roots)).unwrap();
    let refused = connect(way(server.address, &tls), LIMIT).await.err().unwrap();
    assert!(matches!(refused, ConnectError::Tls(_)), "{refused:?}");
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let server = Server::start(&[]).await;
    let tls = client_tls(Versions::Auto, Some(&server.roots)).unwrap();
    let (address, _asked) = proxy(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let proxy = before(address);
    let way = Way { host: "elsewhere.example", proxy: Some(&proxy), ..way(server.address, &tls) };
    let refused = connect(way, LIMIT).await.err().unwrap();
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

#[tokio::test]
async fn the_server_chooses_among_what_it_is_offered() {
    let server = Server::start(&[b"h2", b"http/1.1"]).await;
    for (versions, expect) in
        [(Versions::Auto, true), (Versions::Http2, true), (Versions::Http11, false)]
    {
        let tls = client_tls(versions, Some(&server.roots)).unwrap();
        let stream = connect(way(server.address, &tls), LIMIT).await.unwrap();
        assert_eq!(stream.agreed_on_http2(), expect, "{versions:?}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_way_and_sees_no_more() {
    let server = Server::start(&[]).await;
    let tls = client_tls(Versions::Auto, Some(&server.roots)).unwrap();
    let (address, mut asked) =
        proxy(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n").await;
    let proxy = before(address);
    let way = Way { proxy: Some(&proxy), ..way(server.address, &tls) };
    assert_eq!(hello(connect(way, LIMIT).await.unwrap()).await, HELLO);
    let port = server.address.port();
    let expect = format!(
        "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Proxy-Authorization: Basic bWU6cHc=\r\n\r\n"
    );
    assert_eq!(asked.recv().await.unwrap(), expect);
}

#[tokio::test]
async fn what_comes_right_behind_the_proxys_head_belongs_to_the_target() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(bastion_runtime::Tasks::new().spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap();
        tcp.shutdown().await.unwrap();
        // Read to its end: closed with unread bytes it would be reset.
        tcp.read_to_end(&mut Vec::new()).await.ok();
    }));
    let proxy = before(address);
    let way = Way { host: "elsewhere.example", port: 80, tls: None, proxy: Some(&proxy) };
    assert_eq!(hello(connect(way, LIMIT).await.unwrap()).await, HELLO);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_by_its_status_alone() {
    let refusal = |head| async move {
        let (address, _asked) = proxy(head).await;
        let proxy = before(address);
        let way = Way { host: "elsewhere.example", port: 1, tls: None, proxy: Some(&proxy) };
        connect(way, LIMIT).await.err().unwrap().to_string()
    };
    let told = refusal(b"HTTP/1.1 407 Secret Words\r\nx: secret\r\n\r\nsecret page").await;
    assert_eq!(
        told,
        "the proxy refused with status 407 Proxy Authentication Required; see HTTPS_PROXY"
    );
    let told = refusal(b"SSH-2.0-secret\r\n\r\n").await;
    assert_eq!(told, "the proxy's answer makes no sense: it is no HTTP/1.1; see HTTPS_PROXY");
    let endless: &[u8] = vec![b'x'; 2 * 16 * 1024].leak();
    assert!(refusal(endless).await.contains("longer than 16 KiB"));
}

#[tokio::test]
async fn a_first_address_that_refuses_or_hangs_leaves_time_for_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let end = Instant::now() + LIMIT;
    assert!(first_of(&[refusing, good], end).await.is_ok());

    let (hanging, _places) = full_listener().await;
    let end = Instant::now() + Duration::from_secs(2);
    assert!(first_of(&[hanging, good], end).await.is_ok());
    let refused = first_of(&[hanging], Instant::now() + Duration::from_millis(200)).await;
    assert!(matches!(refused, Err(ConnectError::TimedOut(_))), "{refused:?}");
    let none = first_of(&[], end).await;
    assert!(matches!(none, Err(ConnectError::NoAddress)), "{none:?}");
}

/// A listener whose queue is full: the system drops what knocks, and nothing answers.
async fn full_listener() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut places = Vec::new();
    while let Ok(taken) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        places.push(taken.unwrap());
    }
    (address, (listener, places))
}
