//! `/sim/log` and `/sim/control` over the wire.
//!
//! A change that is refused must never be made in part.

use crate::client::{PLAIN, chat, get, send};
use crate::upstream::Upstream;

#[tokio::test]
async fn a_wrong_change_changes_nothing() {
    let upstream = Upstream::seeded(1);
    let change = br#"{"balance_tokens":0,"script":"[[answer]]\nstatsu = 1"}"#;
    let reply = send(upstream.address, "POST", "/sim/control", None, change).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"));
    assert!(reply.text().contains("script line 2"), "{}", reply.text());
    let unknown = send(upstream.address, "POST", "/sim/control", None, b"{\"x\":1}").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("balance_tokens"), "the known ones are listed");
    assert_eq!(chat(upstream.address, PLAIN).await.status, 200);
}

#[tokio::test]
async fn balance_script_and_keys_change_while_it_runs() {
    let upstream = Upstream::seeded(1);
    let control = async |change: &str| {
        let reply = send(upstream.address, "POST", "/sim/control", None, change.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        chat(upstream.address, PLAIN).await.status
    };
    assert_eq!(control(r#"{"balance_tokens":0}"#).await, 402);
    assert_eq!(control(r#"{"balance_tokens":null}"#).await, 200);
    assert_eq!(control(r#"{"script":"[[answer]]\nstatus = 500"}"#).await, 500);
    assert_eq!(control(r#"{"keys":["other"]}"#).await, 500, "the script stays");
    assert_eq!(control(r#"{"script":null}"#).await, 401);
    assert_eq!(control(r#"{"keys":[],"rate_per_minute":0}"#).await, 429);
}

#[tokio::test]
async fn the_log_is_cleared_and_its_own_pages_are_not_in_it() {
    let upstream = Upstream::seeded(1);
    chat(upstream.address, PLAIN).await;
    let page = get(upstream.address, "/sim/log").await;
    assert_eq!(page.header("x-simulated"), Some("true"));
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(send(upstream.address, "DELETE", "/sim/log", None, b"").await.status, 200);
    assert_eq!(get(upstream.address, "/sim/log").await.json()["data"], serde_json::json!([]));
    chat(upstream.address, PLAIN).await;
    assert_eq!(upstream.log.entries()[0].n, 2, "numbers go on");
    assert_eq!(send(upstream.address, "PUT", "/sim/log", None, b"").await.status, 405);
    assert_eq!(get(upstream.address, "/sim/x").await.status, 404);
}
