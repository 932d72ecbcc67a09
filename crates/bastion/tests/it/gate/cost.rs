//! `cost.spend-cap`, `cost.model-choice` and `cost.token-budget` with real calls: each fails for its
//! reason and passes once that is mended.
//!
//! It must never wait for luck: the gate is asked until it says what is expected.

use serde_json::{Value, json};

use super::{report, told, untouched};
use crate::bastion::{Bastion, CONFIG, LIMIT};
use crate::client::{Answer, Client};
use crate::cost::priced;
use crate::upstream::Upstream;

const CAP: &str = "cost.spend-cap";
const CHOICE: &str = "cost.model-choice";
const BUDGET: &str = "cost.token-budget";

/// A use case of a small model.
const SURFACE: &str = r#"
[surfaces.chat]
models = ["gpt-oss-20b"]
why = "short answers from a retrieved passage"
owner = "support-platform"
max_tokens = { default = 2000 }
"#;

fn config(upstream: &Upstream) -> String {
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
    let price = "price = { input = \"0.05\", output = \"0.20\" }\n";
    let ends = "context_tokens = 131072\nmax_output_tokens = 4096\nsize = \"small\"\n";
    priced(&config).replacen(price, &format!("{price}{ends}"), 1)
}

fn deployment(upstream: &Upstream, more: &str) -> Bastion {
    Bastion::with(&(config(upstream) + more))
}

/// With a price for the one model that has none.
fn wholly_priced(config: &str) -> String {
    let renamed = "upstream_model = \"Qwen3-32B\"\n";
    config.replace(renamed, &format!("{renamed}price = {{ input = \"0\", output = \"0\" }}\n"))
}

/// The box of an environment, once it says this.
async fn box_when(bastion: &Bastion, (environment, id): (&str, &str), part: &str) -> Value {
    let began = tokio::time::Instant::now();
    loop {
        let told = told(&report(bastion, environment).1, id);
        if told["reason"].as_str().unwrap().contains(part) {
            return told;
        }
        assert!(began.elapsed() < LIMIT, "no {part:?}: {told:#}");
        tokio::task::yield_now().await;
    }
}

fn set_cap(bastion: &Bastion, amount: &str) {
    let set = bastion.command(&["cap", "set", "--env", "prod", amount]);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

async fn call(bastion: &Bastion, environment: &str, surface: Option<&str>, rest: Value) -> Answer {
    let key = bastion.key(environment, &[]);
    let mut body = json!({
        "model": "gpt-oss-20b", "messages": [{ "role": "user", "content": "x" }],
    });
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let headers: Vec<_> = surface.map(|name| ("bastion-surface", name)).into_iter().collect();
    let client = Client::new(bastion.callers, &key);
    let answer = client.post("/v1/chat/completions", &headers, body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[tokio::test]
async fn a_cap_counts_once_every_model_has_a_price_and_while_it_was_never_passed() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, "");
    let open = box_when(&bastion, ("prod", CAP), "prod has no monthly cap").await;
    assert_eq!(open["verdict"], "fail");
    assert!(open["mend"].as_str().unwrap().contains("bastion cap set --env prod"), "{open:#}");
    set_cap(&bastion, "5");
    let open = box_when(&bastion, ("prod", CAP), "models.renamed has no price").await;
    assert_eq!(open["verdict"], "fail");
    let config = std::fs::read_to_string(bastion.config_file()).unwrap();
    std::fs::write(bastion.config_file(), wholly_priced(&config)).unwrap();
    bastion.signal("HUP");
    let counts = box_when(&bastion, ("prod", CAP), "0.00 of 5.00 CAD is spent").await;
    assert_eq!(counts["verdict"], "pass", "{counts:#}");
    call(&bastion, "prod", None, json!({ "max_tokens": 60 })).await;
    let counts = box_when(&bastion, ("prod", CAP), "0 of 1 charges").await;
    assert_eq!(counts["verdict"], "pass", "{counts:#}");
    set_cap(&bastion, "0");
    let above = box_when(&bastion, ("prod", CAP), "above the cap of 0.00").await;
    assert_eq!(above["verdict"], "fail");
    let (_, dev) = report(&bastion, "dev");
    assert_eq!(told(&dev, CAP)["verdict"], "fail", "each environment has its own");
}

#[tokio::test]
async fn a_cap_does_not_count_where_an_upstream_reports_more_than_a_call_was_bounded_by() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&wholly_priced(&config(&upstream)));
    set_cap(&bastion, "5");
    box_when(&bastion, ("prod", CAP), "0 of 0 charges").await;
    let reported = |usage: &str| {
        format!(
            "[[answer]]\nheaders = {{ content-type = \"application/json\" }}\nbody = '{{\"object\":\
             \"chat.completion\",\"choices\":[],\"usage\":{usage}}}'\n"
        )
    };
    upstream.play(&reported(r#"{"prompt_tokens":10,"completion_tokens":60}"#));
    call(&bastion, "prod", None, json!({ "max_tokens": 60 })).await;
    let counts = box_when(&bastion, ("prod", CAP), "0 of 1 charges").await;
    assert_eq!(counts["verdict"], "pass", "{counts:#}");
    // It did not keep the limit.
    upstream.play(&reported(r#"{"prompt_tokens":10,"completion_tokens":6000}"#));
    let answer = call(&bastion, "prod", None, json!({ "max_tokens": 60 })).await;
    let open = box_when(&bastion, ("prod", CAP), "1 of 2 charges").await;
    assert_eq!(open["verdict"], "fail");
    assert!(open["reason"].as_str().unwrap().contains("for gpt-oss-20b at "), "{open:#}");
    assert!(open["mend"].as_str().unwrap().contains("[models.\"gpt-oss-20b\"]"), "{open:#}");
    let (id, log) = (answer.header("x-request-id"), bastion.log.text());
    let tells = |line: &str| line.contains(id) && line.contains("it is charged at its bound");
    assert!(log.lines().any(tells), "{log}");
}

#[tokio::test]
async fn each_call_belongs_to_a_use_case_with_a_reason() {
    let nothing = untouched();
    let open = box_when(&nothing, ("prod", CHOICE), "no use case is written down").await;
    assert_eq!(open["verdict"], "fail");
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, SURFACE);
    box_when(&bastion, ("prod", CHOICE), "no call of prod was answered").await;
    call(&bastion, "dev", None, json!({})).await;
    let nameless = box_when(&bastion, ("dev", CHOICE), "1 of 1 answers").await;
    assert_eq!(nameless["verdict"], "fail");
    assert!(nameless["mend"].as_str().unwrap().contains("--surface"), "{nameless:#}");
    call(&bastion, "prod", Some("chat"), json!({})).await;
    let counts = box_when(&bastion, ("prod", CHOICE), "1 calls of the last 7 days, each").await;
    assert_eq!(counts["verdict"], "pass", "{counts:#}");
    let evidence = counts["evidence"][0]["what"].as_str().unwrap();
    assert!(evidence.contains("support-platform") && evidence.contains("gpt-oss-20b 1"));
    let config = std::fs::read_to_string(bastion.config_file()).unwrap();
    let larger = config.replace("size = \"small\"", "size = \"large\"");
    std::fs::write(bastion.config_file(), larger).unwrap();
    bastion.signal("HUP");
    let large = box_when(&bastion, ("prod", CHOICE), "all 1 calls of the last 7 days").await;
    assert_eq!(large["verdict"], "fail");
}

#[tokio::test]
async fn rules_that_are_only_observed_choose_and_budget_nothing() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, SURFACE);
    call(&bastion, "prod", Some("chat"), json!({})).await;
    let both = async |part: &str, verdict: &str| {
        for id in [CHOICE, BUDGET] {
            let told = box_when(&bastion, ("prod", id), part).await;
            assert_eq!(told["verdict"], verdict, "{told:#}");
        }
    };
    both("of the last 7 days, each ", "pass").await;
    let key = bastion.key("prod", &["--enforce", "observe"]);
    both(&format!("the key {} of prod/it was made with enforce", key.id), "fail").await;
    let revoked = bastion.command(&["keys", "revoke", &key.id]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    both("of the last 7 days, each ", "pass").await;
    let config = std::fs::read_to_string(bastion.config_file()).unwrap();
    let table = "[environments.prod]\n";
    let observed = config.replace(table, &format!("{table}enforce = \"observe\"\n"));
    std::fs::write(bastion.config_file(), observed).unwrap();
    bastion.signal("HUP");
    both("environments.prod.enforce is \"observe\"", "fail").await;
}

/// The whole budget of thinking, and no text: unstreamed and streamed.
const ALL_THINKING: &str = r#"
[[answer]]
match = { nth = 1 }
body = '{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"length","message":{"role":"assistant","content":""}}],"usage":{"prompt_tokens":5,"completion_tokens":2000,"completion_tokens_details":{"reasoning_tokens":2000}}}'
[[answer]]
match = { nth = 2 }
events = [
'{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}',
'{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}',
'{"id":"x","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2000,"completion_tokens_details":{"reasoning_tokens":2000}}}',
'[DONE]']
"#;

#[tokio::test]
async fn a_budget_counts_until_it_ends_answers_before_they_have_any_text() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream, SURFACE);
    box_when(&bastion, ("prod", BUDGET), "no call of prod was answered with text").await;
    call(&bastion, "prod", Some("chat"), json!({})).await;
    let counts = box_when(&bastion, ("prod", BUDGET), "1 answers of the last 7 days").await;
    assert_eq!(counts["verdict"], "pass", "{counts:#}");
    assert!(counts["evidence"][0]["what"].as_str().unwrap().contains("budget 2000"), "{counts:#}");
    upstream.play(ALL_THINKING);
    call(&bastion, "prod", Some("chat"), json!({})).await;
    let open = box_when(&bastion, ("prod", BUDGET), "1 of 2 answers of chat were ended").await;
    assert_eq!(open["verdict"], "fail");
    assert!(open["mend"].as_str().unwrap().contains("surfaces.chat.max_tokens.default to 4"));
    let usage = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let streamed = call(&bastion, "prod", Some("chat"), usage).await;
    let of_all = box_when(&bastion, ("prod", BUDGET), "2 of 3 answers of chat were ended").await;
    assert!(of_all["reason"].as_str().unwrap().contains("up to 2000 tokens of a budget of 2000"));
    let shown = bastion.last_call(streamed.header("x-request-id")).await;
    assert_eq!(shown["ended_empty"], true, "{shown:#}");
    let metrics = Client::with_text(bastion.operators, "").get("/metrics").await.text();
    let counted = "bastion_answers_ended_empty_total{environment=\"prod\",model=\"gpt-oss-20b\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}
