//! A gentle mix of calls, so that there is something to see.
//!
//! It must never send faster than a person could read.

use std::net::SocketAddr;
use std::time::Duration;

use bastion_outbound::{HttpClient, Target};
use bastion_runtime::Drain;
use bastion_types::{ApiKey, Secret};
use bytes::Bytes;
use http::Method;

/// From one call to the next.
const PAUSE: Duration = Duration::from_millis(1500);

/// What is asked, in turn: streamed and not, and one that is refused.
const BODIES: [&str; 4] = [
    r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"Say something."}]}"#,
    r#"{"model":"Qwen3-32B","stream":true,"messages":[{"role":"user","content":"And more."}]}"#,
    r#"{"model":"gpt-oss-120b","stream":true,"max_tokens":40,"messages":[{"role":"user","content":"Short."}]}"#,
    r#"{"model":"no-such-model","messages":[]}"#,
];

/// Sends calls until the drain begins.
pub(super) async fn send(callers: SocketAddr, key: &ApiKey, drain: &Drain) {
    let Ok(target) = Target::parse(&format!("http://{callers}")) else { return };
    let client = HttpClient::new(target, Some(Secret::new(key.reveal().to_owned())));
    let mut pace = tokio::time::interval(PAUSE);
    for body in BODIES.iter().cycle() {
        tokio::select! {
            () = drain.begun() => return,
            _ = pace.tick() => {}
        }
        let body = Some(Bytes::from_static(body.as_bytes()));
        let call = client.send(Method::POST, "/v1/chat/completions", body);
        tokio::select! {
            () = drain.begun() => return,
            answer = call => {
                if let Err(cause) = answer {
                    tracing::warn!(%cause, "a call of the demo's traffic failed");
                }
            }
        }
    }
}
