//! `credentials.separate-keys` and `privacy.residency` with real traffic: each fails for its
//! reason and passes once that is mended.
//!
//! It must never wait for luck: the gate is asked until it says what is expected.

use serde_json::Value;

use super::{report, told};
use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client};
use crate::upstream::Upstream;

const KEYS: &str = "credentials.separate-keys";
const RESIDENCY: &str = "privacy.residency";

/// Loopback stands for a proxy, so that a test can say from where a call comes.
fn deployment(upstream: &Upstream, trusted: &str) -> Bastion {
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
    Bastion::with(&config.replacen("[server]\n", &format!("[server]\n{trusted}\n"), 1))
}

const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

async fn call(bastion: &Bastion, key: &Key, program: &str, from: &str) {
    let headers = [("user-agent", program), ("x-forwarded-for", from)];
    let client = Client::new(bastion.callers, key);
    let answer = client.post("/v1/chat/completions", &headers, CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The box, once it says this.
async fn box_when(bastion: &Bastion, id: &str, part: &str) -> Value {
    let began = tokio::time::Instant::now();
    loop {
        let told = told(&report(bastion, "prod").1, id);
        if told["reason"].as_str().unwrap().contains(part) {
            return told;
        }
        assert!(began.elapsed() < LIMIT, "no {part:?}: {told:#}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_that_two_services_share_is_seen_and_ends_with_its_revocation() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, TRUSTED);
    let key = bastion.key("prod", &[]);
    call(&bastion, &key, "OpenAI/Python 1.99.0", "192.0.2.7").await;
    call(&bastion, &key, "OpenAI/Python 2.0.1", "192.0.2.8").await;
    let one = box_when(&bastion, KEYS, "1 key was used").await;
    assert_eq!(one["verdict"], "pass", "another version and address is the same service: {one:#}");
    call(&bastion, &key, "OpenAI/Python 2.0.1", "198.51.100.9").await;
    call(&bastion, &key, "curl/8.5.0", "192.0.2.7").await;
    let shared = box_when(&bastion, KEYS, "used from two services").await;
    assert_eq!(shared["verdict"], "fail");
    let reason = shared["reason"].as_str().unwrap();
    assert!(reason.contains(&key.id) && reason.contains("curl from 192.0.2.0/24"), "{reason}");
    assert!(!reason.contains("192.0.2.7") && !reason.contains("8.5.0"), "{reason}");
    let mend = shared["mend"].as_str().unwrap();
    assert!(mend.contains(&format!("bastion keys revoke {}", key.id)), "{mend}");
    let own = bastion.key("prod", &[]);
    call(&bastion, &own, "curl/8.5.0", "192.0.2.7").await;
    assert!(bastion.command(&["keys", "revoke", &key.id, "--force"]).status.success());
    assert_eq!(box_when(&bastion, KEYS, "1 key was used").await["verdict"], "pass");
}

#[tokio::test]
async fn a_header_that_nobody_trusted_wrote_changes_nothing() {
    let upstream = Upstream::start();
    let mut bastion = deployment(&upstream, "");
    let key = bastion.key("prod", &[]);
    call(&bastion, &key, "node/20", "192.0.2.7").await;
    call(&bastion, &key, "curl/8", "198.51.100.9").await;
    let told = box_when(&bastion, KEYS, "1 key was used").await;
    assert_eq!(told["verdict"], "pass", "both came from loopback: {told:#}");
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0));
    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    let kept = box_when(&bastion, KEYS, "1 key was used").await;
    assert!(kept["evidence"][0]["what"].as_str().unwrap().contains("2 programs"), "{kept:#}");
}

#[tokio::test]
async fn residency_is_settings_clauses_and_where_calls_went() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, "");
    let key = bastion.key("prod", &[]);
    let id = Client::new(bastion.callers, &key).chat(CHAT).await.header("x-request-id").to_owned();
    bastion.last_call(&id).await;
    let silent = box_when(&bastion, RESIDENCY, "upstreams.simulated.residency_clause").await;
    assert_eq!(silent["verdict"], "fail");
    let config = std::fs::read_to_string(bastion.config_file()).unwrap();
    let promised =
        config.replace("region = \"CA\"\n", "region = \"CA\"\nresidency_clause = \"DPA 4.2\"\n");
    std::fs::write(bastion.config_file(), &promised).unwrap();
    bastion.signal("HUP");
    let kept = box_when(&bastion, RESIDENCY, "calls may go to CA only; 1 of this month").await;
    assert_eq!(kept["verdict"], "pass");
    // From now on only Quebec will do: what went to CA this month went elsewhere.
    let narrower = promised.replace("region = \"CA\"\n", "region = \"CA-QC\"\n");
    let narrower = narrower.replace("regions = [\"CA\"]", "regions = [\"CA-QC\"]");
    std::fs::write(bastion.config_file(), narrower).unwrap();
    bastion.signal("HUP");
    let strayed = box_when(&bastion, RESIDENCY, "1 of this month's calls went outside CA-QC").await;
    assert_eq!(strayed["verdict"], "fail");
    let (_, dev) = report(&bastion, "dev");
    let told = told(&dev, RESIDENCY);
    assert!(told["reason"].as_str().unwrap().contains("environments.dev.regions"), "{told:#}");
}
