//! The pool against a real HTTP/2 server, whose every frame the test decides.
//!
//! It must never wait without a limit, and never sleep for luck.

mod server;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderValue, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::server::{Server, within};
use super::exchange::Break;
use super::*;
use crate::outgoing::Outgoing;
use crate::policy::UpstreamPolicy;

const LINES: &str = "http = \"2\"";
/// What the upstream may send before anything is taken.
const WINDOW_BYTES: usize = 256 * 1024;

const CONNECT: Duration = Duration::from_secs(5);

/// A caller's side: a pool, and an upstream that it sends to.
struct Side {
    pool: Arc<Pool>,
    upstream: Arc<UpstreamPolicy>,
    tasks: Tasks,
    drain: Drain,
}

type Sent = Result<Response<UpstreamBody>, ExchangeError>;

impl Side {
    fn to(server: &Server) -> Side {
        let (tasks, drain) = (Tasks::new(), Drain::new());
        let upstream = UpstreamPolicy::at(&format!("http://{}/v1", server.address), LINES);
        let pool = Arc::new(Pool::new(tasks.clone(), drain.clone()));
        Side { pool, upstream: Arc::new(upstream), tasks, drain }
    }

    /// Sends in a task of its own, as a call does.
    fn send(&self, body: impl Into<Bytes>) -> tokio::task::JoinHandle<Sent> {
        let (pool, upstream) = (Arc::clone(&self.pool), Arc::clone(&self.upstream));
        let mut request = Request::new(Outgoing::whole(body.into()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = "/v1/chat/completions".parse().unwrap();
        request.headers_mut().insert("host", upstream.authority.clone());
        request.headers_mut().insert("x-test", HeaderValue::from_static("yes"));
        Tasks::new().spawn(async move { sent_over((&pool, &upstream), request).await })
    }
}

/// The error of a call that must not have an answer.
async fn failed(sent: tokio::task::JoinHandle<Sent>) -> ExchangeError {
    within(sent).await.unwrap().err().expect("it was answered")
}

/// The whole body, or what came before it was cut.
async fn read(mut body: UpstreamBody) -> Result<Vec<u8>, (Vec<u8>, Cut)> {
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    loop {
        let gathered = within(body.gather(&mut pieces)).await;
        pieces.drain(..).for_each(|piece: Bytes| whole.extend_from_slice(&piece));
        match gathered {
            Ok(Gathered::Some) => {}
            Ok(Gathered::End) => return Ok(whole),
            Err(cut) => return Err((whole, cut)),
        }
    }
}

/// Takes a connection, reads its request's head and answers with this; no more is read of it.
async fn answered_early(listener: &TcpListener, status: &str) -> TcpStream {
    let (mut stream, _) = within(listener.accept()).await.unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(within(stream.read_buf(&mut head)).await.unwrap() > 0);
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    within(stream.write_all(answer.as_bytes())).await.unwrap();
    stream
}

#[tokio::test]
async fn a_connection_that_still_sends_is_not_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = UpstreamPolicy::at(&format!("http://{address}/v1"), "http = \"1.1\"");
    let (tasks, drain) = (Tasks::new(), Drain::new());
    let pool = Arc::new(Pool::new(tasks.clone(), drain.clone()));
    let side = Side { pool, upstream: Arc::new(upstream), tasks, drain };
    let large = side.send(vec![b'x'; 32 * 1024 * 1024]);
    let _unread = answered_early(&listener, "413 Content Too Large").await;
    let refused = within(large).await.unwrap().unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(read(refused.into_body()).await.unwrap(), b"");
    let small = side.send("{}");
    let _second = answered_early(&listener, "200 OK").await;
    assert_eq!(within(small).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn many_calls_at_once_share_one_connection() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let calls: Vec<_> = (0..50).map(|_| side.send("{}")).collect();
    // Nobody is answered before all have come: they are open at once.
    let mut arrived = Vec::new();
    while arrived.len() < 50 {
        arrived.push(server.next().await);
    }
    for one in arrived {
        one.answer(b"good");
    }
    for call in calls {
        let body = within(call).await.unwrap().unwrap().into_body();
        assert_eq!(read(body).await.unwrap(), b"good");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_request_has_the_form_of_http2() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{\"a\":1}");
    let mut arrived = server.next().await;
    let head = arrived.head.clone();
    let expect = format!("http://{}/v1/chat/completions", server.address);
    assert_eq!(head.uri.to_string(), expect);
    assert!(!head.headers.contains_key("host"), "{head:?}");
    assert_eq!(head.headers["content-length"], "7");
    assert_eq!(head.headers["x-test"], "yes");
    assert_eq!(arrived.read().await, b"{\"a\":1}");
    arrived.answer(b"");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"");
}

#[tokio::test]
async fn a_dropped_body_resets_its_stream_and_no_other() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let (leaving, staying) = (side.send("{}"), side.send("{}"));
    let (one, other) = (server.next().await, server.next().await);
    let (mut one, mut other) = (one.begin(), other.begin());
    one.send_data(Bytes::from_static(b"first"), false).unwrap();
    other.send_data(Bytes::from_static(b"first"), false).unwrap();
    let mut left = within(leaving).await.unwrap().unwrap().into_body();
    let mut pieces = Vec::new();
    within(left.gather(&mut pieces)).await.unwrap();
    assert_eq!(pieces, ["first"]);
    drop(left);
    // Whichever of the two it was that left, the server sees which.
    let reset = |stream: &mut h2::SendStream<Bytes>, cx: &mut std::task::Context<'_>| {
        stream.poll_reset(cx).map(Result::unwrap)
    };
    let (reason, stays) = within(std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(reason) = reset(&mut one, cx) {
            return std::task::Poll::Ready((reason, 1));
        }
        reset(&mut other, cx).map(|reason| (reason, 0))
    }))
    .await;
    assert_eq!(reason, Reason::CANCEL);
    let mut stays = if stays == 0 { one } else { other };
    stays.send_data(Bytes::from_static(b" second"), true).unwrap();
    let body = within(staying).await.unwrap().unwrap().into_body();
    assert_eq!(read(body).await.unwrap(), b"first second");
    let call = side.send("{}");
    server.next().await.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_call_that_ends_before_the_answer_resets_its_stream() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let mut arrived = server.next().await;
    call.abort();
    let reason = within(std::future::poll_fn(|cx| arrived.respond.poll_reset(cx))).await;
    assert_eq!(reason.unwrap(), Reason::CANCEL);
}

#[tokio::test]
async fn a_slow_caller_slows_the_upstream_at_a_bound() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let sent = Bytes::from(vec![b'x'; 2 * 1024 * 1024]);
    let sent_bytes = Arc::new(AtomicUsize::new(0));
    let (all, count) = (sent.clone(), Arc::clone(&sent_bytes));
    let stream = server.next().await.begin();
    drop(Tasks::new().spawn(server::send_as_granted(stream, all, count)));
    let body = within(call).await.unwrap().unwrap().into_body();
    within(async {
        while sent_bytes.load(Ordering::Relaxed) < WINDOW_BYTES {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Others are not held up by it; their frames come behind what would let the server send more.
    let call = side.send("{}");
    server.next().await.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
    assert_eq!(sent_bytes.load(Ordering::Relaxed), WINDOW_BYTES, "nothing was taken yet");
    assert!(read(body).await.unwrap() == sent, "it came otherwise than it was sent");
}

#[tokio::test]
async fn a_large_request_arrives_whole() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let sent = vec![b'y'; 3 * 1024 * 1024];
    let call = side.send(sent.clone());
    let mut arrived = server.next().await;
    assert!(arrived.read().await == sent, "it came otherwise than it was sent");
    arrived.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
}

#[tokio::test]
async fn a_request_goes_on_while_its_answer_has_begun() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let sent = vec![b'y'; 1024 * 1024];
    let call = side.send(sent.clone());
    let mut arrived = server.next().await;
    let mut stream = arrived.begin_early();
    let body = within(call).await.unwrap().unwrap().into_body();
    let reading = Tasks::new().spawn(read(body));
    assert!(arrived.read().await == sent, "it came otherwise than it was sent");
    stream.send_data(Bytes::from_static(b"good"), true).unwrap();
    assert_eq!(within(reading).await.unwrap().unwrap(), b"good");
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_on_a_fresh_connection() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    server.next().await.reset(Reason::REFUSED_STREAM);
    server.next().await.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_upstream_that_refuses_every_stream_has_processed_nothing() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    for _ in 0..3 {
        server.next().await.reset(Reason::REFUSED_STREAM);
    }
    let error = failed(call).await;
    assert!(matches!(error, ExchangeError::Connect(_)), "{error:?}");
    assert_eq!(server.connections.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn another_reset_is_never_sent_again() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::NO_ERROR] {
        let call = side.send("{}");
        server.next().await.reset(reason);
        let error = failed(call).await;
        assert!(matches!(error, ExchangeError::Broken(Break::Http2(_))), "{error:?}");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_reset_in_the_middle_is_a_cut_whatever_its_reason() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR] {
        let call = side.send("{}");
        let mut stream = server.next().await.begin();
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        let mut body = within(call).await.unwrap().unwrap().into_body();
        let mut pieces = Vec::new();
        within(body.gather(&mut pieces)).await.unwrap();
        assert_eq!(pieces, ["half"]);
        stream.send_reset(reason);
        assert!(read(body).await.is_err(), "{reason:?} was taken for an end");
    }
}

#[tokio::test]
async fn after_a_goaway_calls_go_to_a_fresh_connection_and_the_old_one_ends_its_own() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let old = side.send("{}");
    let mut stream = server.next().await.begin();
    let old = within(old).await.unwrap().unwrap().into_body();
    server.leave();
    stream.send_data(Bytes::from_static(b"still"), false).unwrap();
    // The server has said so once it no longer takes part: its next call is on another connection.
    let (call, arrived) = loop {
        let call = side.send("{}");
        let arrived = server.next().await;
        if arrived.connection == 2 {
            break (call, arrived);
        }
        arrived.answer(b"");
        within(call).await.unwrap().unwrap();
    };
    arrived.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
    stream.send_data(Bytes::from_static(b" here"), true).unwrap();
    assert_eq!(read(old).await.unwrap(), b"still here");
}

#[tokio::test]
async fn what_a_goaway_left_out_is_sent_again() {
    let mut server = Server::that_leaves_first().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let arrived = server.next().await;
    assert_eq!(arrived.connection, 2);
    arrived.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
}

#[tokio::test]
async fn a_server_that_dies_cuts_its_calls_and_leaves_the_pool() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let (begun, waiting) = (side.send("{}"), side.send("{}"));
    let mut stream = server.next().await.begin();
    stream.send_data(Bytes::from_static(b"half"), false).unwrap();
    let (_other, body) = (server.next().await, within(begun).await.unwrap().unwrap().into_body());
    server.die();
    let (half, cut) = read(body).await.unwrap_err();
    assert!(half == b"half" || half.is_empty(), "{cut}");
    let error = failed(waiting).await;
    assert!(matches!(error, ExchangeError::Broken(_)), "{error:?}");
    let call = side.send("{}");
    server.next().await.answer(b"good");
    assert_eq!(read(within(call).await.unwrap().unwrap().into_body()).await.unwrap(), b"good");
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_upstreams_own_limit_of_streams_is_kept_and_more_connections_opened() {
    let mut server = Server::with_limit(2).await;
    let side = Side::to(&server);
    let calls: Vec<_> = (0..6).map(|_| side.send("{}")).collect();
    let mut arrived = Vec::new();
    while arrived.len() < 6 {
        arrived.push(server.next().await);
    }
    for one in arrived {
        one.answer(b"good");
    }
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_server_without_http2_is_no_connection() {
    let address = server::old_fashioned().await;
    let upstream = UpstreamPolicy::at(&format!("http://{address}/v1"), LINES);
    let pool = Arc::new(Pool::new(Tasks::new(), Drain::new()));
    let mut request = Request::new(Outgoing::whole(Bytes::new()));
    request.headers_mut().insert("host", upstream.authority.clone());
    let error = within(sent_over((&pool, &upstream), request)).await.err().unwrap();
    assert!(matches!(error, ExchangeError::Connect(_)), "{error:?}");
    assert!(error.to_string().contains("no HTTP/2"), "{error}");
}

#[tokio::test]
async fn a_drain_waits_for_streams_and_not_for_connections() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let mut stream = server.next().await.begin();
    let body = within(call).await.unwrap().unwrap().into_body();
    side.drain.begin();
    tokio::task::yield_now().await;
    assert_eq!(side.tasks.running(), 1);
    stream.send_data(Bytes::from_static(b"last"), true).unwrap();
    assert_eq!(read(body).await.unwrap(), b"last");
    within(side.tasks.finished()).await;
    server.closed().await;
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    server.next().await.answer(b"good");
    read(within(call).await.unwrap().unwrap().into_body()).await.unwrap();
    assert_eq!(side.tasks.running(), 1);
    // From here on time passes by itself whenever nothing else does.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    tokio::time::timeout(Duration::from_mins(10), side.tasks.finished()).await.unwrap();
    assert!(began.elapsed() <= Duration::from_secs(61), "{:?}", began.elapsed());
    tokio::time::resume();
    server.closed().await;
}

#[tokio::test]
async fn an_upstream_that_answers_no_ping_cuts_its_calls() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let stream = server.next().await.begin();
    let mut body = within(call).await.unwrap().unwrap().into_body();
    server.freeze().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut pieces = Vec::new();
    let cut = tokio::time::timeout(Duration::from_mins(10), body.gather(&mut pieces)).await;
    let cut = cut.unwrap();
    assert!(cut.is_err(), "{cut:?}");
    assert!(began.elapsed() <= Duration::from_secs(41), "{:?}", began.elapsed());
    drop(stream);
}

#[tokio::test]
async fn what_is_ready_is_gathered_at_once() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let mut stream = server.next().await.begin();
    let mut body = within(call).await.unwrap().unwrap().into_body();
    for _ in 0..64 {
        stream.send_data(Bytes::from_static(b"an event"), false).unwrap();
    }
    let (mut pieces, mut gatherings) = (Vec::new(), 0);
    while pieces.len() < 64 {
        within(body.gather(&mut pieces)).await.unwrap();
        gatherings += 1;
    }
    assert!(gatherings <= 8, "64 pieces were gathered in {gatherings} goes");
}

#[tokio::test]
async fn finish_reads_to_the_end_or_gives_up() {
    let mut server = Server::start().await;
    let side = Side::to(&server);
    let call = side.send("{}");
    let mut stream = server.next().await.begin();
    let mut body = within(call).await.unwrap().unwrap().into_body();
    within(body.finish(Duration::from_millis(1))).await;
    let reason = within(std::future::poll_fn(|cx| stream.poll_reset(cx))).await;
    assert_eq!(reason.unwrap(), Reason::CANCEL);
}

#[tokio::test]
async fn calls_over_http1_are_as_they_were() {
    let server = server::http1().await;
    let upstream = UpstreamPolicy::at(&format!("http://{}/v1", server.0), "http = \"auto\"");
    let pool = Arc::new(Pool::new(Tasks::new(), Drain::new()));
    for _ in 0..3 {
        let mut request = Request::new(Outgoing::whole(Bytes::new()));
        *request.uri_mut() = "/v1/x".parse().unwrap();
        request.headers_mut().insert("host", upstream.authority.clone());
        let sent = within(sent_over((&pool, &upstream), request)).await;
        assert_eq!(read(sent.unwrap().into_body()).await.unwrap(), b"good");
    }
    assert_eq!(server.1.load(Ordering::Relaxed), 1);
}

/// Sends, and never mind whether a byte left.
async fn sent_over(
    (pool, upstream): (&Arc<Pool>, &UpstreamPolicy),
    request: Request<Outgoing>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let sent = &std::sync::atomic::AtomicBool::new(false);
    send(Sending { pool, upstream, connect_timeout: CONNECT, sent }, request).await
}
