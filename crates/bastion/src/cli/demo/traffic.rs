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
const CALLS: [(&str, &str); 8] = [
    (CHAT, r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"Say something."}]}"#),
    ("/v1/embeddings", r#"{"model":"bge-m3","input":["One text.","And another one."]}"#),
    (
        CHAT,
        r#"{"model":"Qwen3-32B","stream":true,"messages":[{"role":"user","content":"And more."}]}"#,
    ),
    ("/v1/responses", r#"{"model":"gpt-oss-20b","stream":true,"input":"Say it in steps."}"#),
    (
        CHAT,
        r#"{"model":"gpt-oss-120b","stream":true,"max_tokens":40,"messages":[{"role":"user","content":"Short."}]}"#,
    ),
    ("/v1/completions", r#"{"model":"Qwen3-32B","prompt":"Once upon a tide","max_tokens":60}"#),
    ("/api/v1/tts/text_to_audio", r#"{"text":"Said aloud.","language_code":"en-US"}"#),
    (CHAT, r#"{"model":"no-such-model","messages":[]}"#),
];

const CHAT: &str = "/v1/chat/completions";

/// Sends calls until the drain begins.
pub(super) async fn send(callers: SocketAddr, key: &ApiKey, drain: &Drain) {
    let Ok(target) = Target::parse(&format!("http://{callers}")) else { return };
    let client = HttpClient::new(target, Some(Secret::new(key.reveal().to_owned())));
    let mut pace = tokio::time::interval(PAUSE);
    for (path, body) in CALLS.iter().cycle() {
        tokio::select! {
            () = drain.begun() => return,
            _ = pace.tick() => {}
        }
        let body = Some(Bytes::from_static(body.as_bytes()));
        let call = client.send(Method::POST, path, body);
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
