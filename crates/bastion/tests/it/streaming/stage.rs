//! The noun `Stage`: an upstream that plays a list of acts for each request, at the test's word.
//!
//! It must never go on when its peer has left: it tells which request was left instead.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bastion_runtime::Tasks;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::bastion::{Bastion, CONFIG, LIMIT};
use crate::client::Client;
use crate::hand::chunk;

/// One thing that the upstream does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// The head of a stream.
    Head,
    /// These bytes as they are.
    Raw(Vec<u8>),
    /// One chunk of the body.
    Say(Vec<u8>),
    /// Nothing for so long.
    Wait(Duration),
    /// Nothing until the test says `go_on`.
    Gate,
    /// Nothing until the peer leaves.
    Hang,
    /// The connection is closed.
    Cut,
    /// The body's proper end.
    End,
}

/// One chunk.
pub(crate) fn say(text: impl AsRef<[u8]>) -> Act {
    Act::Say(text.as_ref().to_vec())
}

/// Nothing for so many milliseconds.
pub(crate) fn wait_ms(ms: u64) -> Act {
    Act::Wait(Duration::from_millis(ms))
}

/// A head, one chunk of this text, the end.
pub(crate) fn whole(text: impl AsRef<[u8]>) -> Vec<Act> {
    vec![Act::Head, say(text), Act::End]
}

/// What begins every chat stream and is no content.
pub(crate) const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\
                               \"content\":\"\"},\"finish_reason\":null}]}\n\n";

/// The end of every chat stream.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// A frame with this text as its content.
pub(crate) fn word(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

/// The nth request gets the nth play; behind the last one the last one again.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

struct Seen {
    plays: Mutex<Vec<Vec<Act>>>,
    bodies: watch::Sender<Vec<String>>,
    left: watch::Sender<BTreeSet<usize>>,
    gate: Semaphore,
}

impl Stage {
    /// Plays these.
    pub(crate) async fn playing(plays: Vec<Vec<Act>>) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            plays: Mutex::new(plays),
            bodies: watch::Sender::new(Vec::new()),
            left: watch::Sender::new(BTreeSet::new()),
            gate: Semaphore::new(0),
        });
        let accepting = Arc::clone(&seen);
        drop(Tasks::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&accepting);
                drop(Tasks::new().spawn(async move { seen.serve(stream).await }));
            }
        }));
        Stage { address, seen }
    }

    /// From the next request on these, counted anew.
    pub(crate) fn play(&self, plays: Vec<Vec<Act>>) {
        *self.seen.plays.lock().unwrap() = plays;
        self.seen.bodies.send_modify(Vec::clear);
        self.seen.left.send_modify(BTreeSet::clear);
    }

    /// One `Gate` may pass.
    pub(crate) fn go_on(&self) {
        self.seen.gate.add_permits(1);
    }

    /// The requests' bodies.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.seen.bodies.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has_received(&self, count: usize) {
        let mut bodies = self.seen.bodies.subscribe();
        let came = bodies.wait_for(|bodies| bodies.len() >= count);
        tokio::time::timeout(LIMIT, came).await.expect("the upstream gets no request").unwrap();
    }

    /// Waits until the peer has left this request (from 0) before its end.
    pub(crate) async fn was_left(&self, request: usize) {
        let mut left = self.seen.left.subscribe();
        let gone = left.wait_for(|left| left.contains(&request));
        tokio::time::timeout(LIMIT, gone).await.expect("the upstream's peer stays").unwrap();
    }

    /// A gateway before it, with this changed configuration, and a caller.
    pub(crate) fn open(&self, change: impl FnOnce(String) -> String) -> (Bastion, Client) {
        let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", self.address));
        let bastion = Bastion::with(&change(config));
        let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
        (bastion, client)
    }
}

/// So many attempts, without waits; nothing is silent too long within a test's time.
pub(crate) fn patient(config: &str, attempts: u32) -> String {
    config
        .replace("attempts = 1", &format!("attempts = {attempts}\nbase = \"1ms\"\ncap = \"10ms\""))
        .replace("first_event = \"2s\", idle = \"1s\"", "first_event = \"10s\", idle = \"10s\"")
        .replace("region = \"CA\"", "region = \"CA\"\nheartbeat = \"1s\"")
}

impl Seen {
    async fn serve(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut stream = BufReader::new(stream);
        while let Some(body) = request(&mut stream).await {
            let mut n = 0;
            self.bodies.send_modify(|bodies| {
                n = bodies.len();
                bodies.push(body);
            });
            let acts = {
                let plays = self.plays.lock().unwrap();
                plays.get(n).or(plays.last()).cloned().unwrap_or_default()
            };
            for act in acts {
                match self.act(&mut stream, act).await {
                    Next::GoOn => {}
                    Next::Cut => return,
                    Next::Left => {
                        self.left.send_modify(|left| {
                            left.insert(n);
                        });
                        return;
                    }
                }
            }
        }
    }

    async fn act(&self, stream: &mut BufReader<TcpStream>, act: Act) -> Next {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let bytes = match act {
            Act::Head => head.as_bytes().to_vec(),
            Act::Raw(bytes) => bytes,
            Act::Say(text) => chunk(&text).to_vec(),
            Act::End => b"0\r\n\r\n".to_vec(),
            Act::Cut => return Next::Cut,
            Act::Wait(time) => return unless_left(stream, tokio::time::sleep(time)).await,
            Act::Gate => {
                let open = async { self.gate.acquire().await.unwrap().forget() };
                return unless_left(stream, open).await;
            }
            Act::Hang => return unless_left(stream, std::future::pending()).await,
        };
        if stream.get_mut().write_all(&bytes).await.is_err() { Next::Left } else { Next::GoOn }
    }
}

enum Next {
    GoOn,
    Cut,
    Left,
}

async fn unless_left(stream: &mut BufReader<TcpStream>, wait: impl Future<Output = ()>) -> Next {
    tokio::select! {
        _ = stream.fill_buf() => Next::Left,
        () = wait => Next::GoOn,
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    String::from_utf8(body).ok()
}

/// The events of a stream as the standard reads them: name and data. A blank line that ends no
/// event fails the test: some clients take it for one.
pub(crate) fn events(stream: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in stream.split_inclusive('\n') {
        let line = line.strip_suffix('\n').expect("the last line has no end");
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.push(value),
            "" if line.is_empty() => {
                assert!(!data.is_empty(), "a blank line alone: {stream}");
                let told = std::mem::take(&mut data).join("\n");
                events.push((std::mem::take(&mut name), told));
            }
            _ => {}
        }
    }
    assert!(data.is_empty(), "the last event has no end: {stream}");
    events
}

/// The contents of a whole stream, one behind the other, up to its `[DONE]`.
pub(crate) fn contents(stream: &str) -> String {
    let mut events = events(stream);
    let last = events.pop().expect("no event");
    assert_eq!(last, (String::new(), "[DONE]".to_owned()), "{stream}");
    let told = events.iter().map(|(name, data)| {
        assert_eq!(name, "", "{stream}");
        let chunk: Value = serde_json::from_str(data).unwrap();
        chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    });
    told.collect()
}
