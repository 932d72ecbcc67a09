//! Many streams at once.
//!
//! None of them must ever be lost or short.

use std::time::Duration;

use bastion_sim::{Outcome, Pace, SimOptions};

use crate::client::{CHAT, End, KEY, STREAM, begin, finish};
use crate::upstream::{SOON, Upstream};

const STREAMS: usize = 500;
/// Fewer than the system's queue of connections that nobody has accepted yet.
const AT_A_TIME: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_streams_at_once_all_end_well() {
    // All of them wait for their first token until the drain ends every wait at once.
    let first_token = Duration::from_hours(1);
    let pace = Pace::Realistic { first_token, per_token: Duration::ZERO };
    let upstream = Upstream::start(SimOptions { pace, ..SimOptions::default() });
    let log = upstream.log.clone();
    let mut sockets = Vec::new();
    while sockets.len() < STREAMS {
        for _ in 0..AT_A_TIME {
            let socket = begin(upstream.address, "POST", CHAT, Some(KEY), STREAM.as_bytes());
            sockets.push(socket.await);
        }
        let answered = |entry: &bastion_sim::LogEntry| entry.answered_status == Some(200);
        let so_far = sockets.len();
        let all = |all: &[bastion_sim::LogEntry]| all.len() == so_far && all.iter().all(answered);
        assert!(log.wait_for(all, SOON).await);
    }
    assert!(log.entries().iter().all(|entry| entry.outcome.is_none()), "all are under way");
    upstream.drained().await;
    let mut bodies = Vec::new();
    for socket in sockets {
        let reply = finish(socket).await;
        assert_eq!((reply.status, reply.end), (200, End::Clean));
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the same request, the same bytes");
    assert!(log.entries().iter().all(|entry| entry.outcome == Some(Outcome::Whole)));
    assert_eq!(log.connections().len(), STREAMS);
}
