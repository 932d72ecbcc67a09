//! Many slow callers at once: they cost a bounded piece of memory each, and nobody else waits.
//!
//! A test here must never read what a slow reader leaves unread. `BASTION_IT_FULL=1` makes the
//! crowd ten times as large.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::stage::{DONE, word};
use super::weight::pss_kib;
use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client, STREAM};
use crate::hand::{Hand, Then};
use crate::upstream::Upstream;

/// Slow callers of each kind; in the full run ten times as many.
const CROWD: usize = 100;

/// What a reader leaves unread.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Between two bytes of a slow writer.
const DRIP: Duration = Duration::from_millis(500);

/// How long an ordinary call may take meanwhile.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Ordinary calls while the others hang.
const CALLS: usize = 50;

fn crowd() -> usize {
    if std::env::var_os("BASTION_IT_FULL").is_some_and(|set| set == "1") {
        CROWD * 10
    } else {
        CROWD
    }
}

/// Bytes that the upstream writes at once.
const WRITE_BYTES: usize = 64 * 1024;

/// An upstream that gives everybody a long answer in such frames.
async fn long_answer(frame_bytes: usize) -> Hand {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let frames = word(&"x".repeat(frame_bytes - word("").len())).repeat(WRITE_BYTES / frame_bytes);
    let mut pieces = vec![Bytes::from(frames); ANSWER_BYTES / WRITE_BYTES];
    pieces.insert(0, Bytes::from_static(head.as_bytes()));
    pieces.push(Bytes::from_static(DONE.as_bytes()));
    Hand::answering(pieces, Then::Close).await
}

/// A gateway before the simulated upstream and, for the model `long`, another one.
fn gateway(upstream: &Upstream, long: &Hand) -> Bastion {
    let config = CONFIG
        .replace("{upstream}", &format!("http://{}/v1", upstream.address))
        .replace("body = \"2s\"", "body = \"10m\"")
        .replace("[operator]", "max_connections = 8192\n[operator]")
        .replace(
            "[retry]",
            &format!(
                "[upstreams.long]\nbase_url = \"http://{}/v1\"\napi_key = \"env:IT_UPSTREAM_KEY\"\n\
                 [models.long]\nupstream = \"long\"\nkind = \"chat\"\n[retry]",
                long.address
            ),
        );
    Bastion::with(&config)
}

/// A caller whose system takes little for it.
async fn connect(bastion: &Bastion) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(bastion.callers).await.unwrap()
}

fn head(bastion: &Bastion, key: &str, length: usize) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\n\
         content-length: {length}\r\n\r\n",
        bastion.callers
    )
}

async fn slow_reader(bastion: &Bastion, key: &str) -> TcpStream {
    let mut stream = connect(bastion).await;
    let body = STREAM.replace("gpt-oss-20b", "long");
    stream.write_all((head(bastion, key, body.len()) + &body).as_bytes()).await.unwrap();
    let mut first = [0; 12];
    let read = tokio::time::timeout(LIMIT, stream.read_exact(&mut first)).await;
    read.expect("no answer").unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

/// Sends a byte of each at a time, for ever; nobody may be cut off.
async fn drip(writers: &mut [TcpStream]) {
    let mut clock = tokio::time::interval(DRIP);
    loop {
        clock.tick().await;
        for writer in &mut *writers {
            writer.write_all(b" ").await.expect("a slow writer was cut off");
        }
    }
}

/// Everybody else is served meanwhile.
async fn ordinary_calls(client: &Client) -> Duration {
    let mut slowest = Duration::ZERO;
    for n in 0..CALLS {
        let began = tokio::time::Instant::now();
        let answer = client.chat(if n % 2 == 0 { CHAT } else { STREAM }).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < CALL_LIMIT, "{slowest:?}");
    slowest
}

/// Checks what each of a crowd costs, and says it.
fn costs((crowd, what): (usize, &str), (before_kib, after_kib): (u64, u64), most_kib: u64) {
    let crowd = crowd as u64;
    let each_kib = after_kib.saturating_sub(before_kib) / crowd;
    eprintln!("{crowd} {what}: {before_kib} KiB -> {after_kib} KiB, {each_kib} KiB each");
    assert!(each_kib <= most_kib, "{each_kib} KiB for each of {what}, {most_kib} KiB at most");
}

/// Adds slow readers until nothing more moves; the gateway's memory then, and the slowest of other
/// calls meanwhile.
async fn add_readers(
    readers: &mut Vec<TcpStream>,
    more: usize,
    (bastion, long, key): (&Bastion, &Hand, &Key),
) -> (u64, Duration) {
    for _ in 0..more {
        readers.push(slow_reader(bastion, &key.text).await);
    }
    long.stuck().await;
    let slowest = ordinary_calls(&Client::new(bastion.callers, key)).await;
    (pss_kib(bastion), slowest)
}

async fn crowd_of_readers(crowd: usize, frame_bytes: usize, most_kib: u64) {
    let (upstream, long) = (Upstream::start(), long_answer(frame_bytes).await);
    let bastion = gateway(&upstream, &long);
    let key = bastion.key("dev", &[]);
    let mut readers = Vec::new();
    // What is paid once is not a reader's: the allocator's arenas and their first pages, the pools,
    // the records' batches. So a reader's cost is that of one more, beside a crowd of the same kind.
    let first = crowd.div_ceil(2);
    let place = (&bastion, &long, &key);
    let (before_kib, _) = add_readers(&mut readers, first, place).await;
    let (after_kib, slowest) = add_readers(&mut readers, crowd, place).await;
    let what = format!("slow readers of frames of {frame_bytes} bytes");
    costs((crowd, &what), (before_kib, after_kib), most_kib);
    eprintln!("the slowest other call took {slowest:?}");
    let over = |call: &Value| call["model"] == "long";
    let calls = bastion.calls_when(|calls| calls.len() == 2 * CALLS).await;
    assert!(!calls.iter().any(over), "an answer was taken whole: that caller is not slow");
    drop(readers);
    // The list shows 200 calls at most.
    let most = (2 * CALLS + first + crowd).min(200);
    let calls = bastion.calls_when(|calls| calls.len() == most).await;
    assert!(calls.iter().filter(|call| over(call)).all(|call| call["stream"] == "cancelled"));
}

/// What the gateway holds for a reader: the places of its answer, hyper's buffer before the socket,
/// a run on its way into them, and the upstream's connection's buffer. Source: `STREAM_PLACES`,
/// `MAX_PIECE_BYTES`, `MAX_HEAD_BYTES` and one piece, `MAX_GATHERED_BYTES`, `MAX_BUFFER_BYTES`.
const READER_KIB: u64 = 4 * 32 + (64 + 32) + (16 + 32) + 32;

/// What the allocator keeps between long frames: all of a crowd is served by one thread, out of one
/// arena of its memory. Measured: 8 to 12 KiB.
const BETWEEN_KIB: u64 = 32;

#[tokio::test]
async fn a_crowd_that_does_not_read_costs_a_bounded_piece_of_memory() {
    crowd_of_readers(crowd(), 1024, READER_KIB).await;
}

#[tokio::test]
async fn a_crowd_that_does_not_read_long_frames_costs_a_frame_more() {
    // The frame that is put together, in a buffer that doubles, and the one that goes on, whose
    // pieces keep the whole of it.
    crowd_of_readers(crowd() / 2, 64 * 1024, READER_KIB + 4 * 64 + BETWEEN_KIB).await;
}

/// A body that does not come: what was read of it, hyper's buffers for both directions.
const WRITER_KIB: u64 = 64;

#[tokio::test]
async fn a_crowd_that_writes_a_byte_at_a_time_holds_nobody_up() {
    let (upstream, long) = (Upstream::start(), long_answer(1024).await);
    let bastion = gateway(&upstream, &long);
    let key = bastion.key("dev", &[]);
    let client = Client::new(bastion.callers, &key);
    ordinary_calls(&client).await;
    let before_kib = pss_kib(&bastion);
    let mut writers = Vec::new();
    for _ in 0..crowd() {
        let mut writer = connect(&bastion).await;
        writer.write_all(head(&bastion, &key.text, 100_000).as_bytes()).await.unwrap();
        writers.push(writer);
    }
    let meanwhile = async {
        tokio::time::sleep(DRIP * 3).await;
        ordinary_calls(&client).await
    };
    let slowest = tokio::select! {
        () = drip(&mut writers) => panic!("it never ends"),
        slowest = meanwhile => slowest,
    };
    costs((crowd(), "slow writers"), (before_kib, pss_kib(&bastion)), WRITER_KIB);
    eprintln!("the slowest other call took {slowest:?}");
    drop(writers);
    // Its body never came: it reached nobody, and nothing is charged for it.
    assert_eq!(upstream.log.entries().len(), 2 * CALLS);
    assert_eq!(long.received(), 0);
}
