//! Surfaces: who names one, what it lets through, and what it writes into a call.
//!
//! A test here must look at what the upstream got, not only at what the caller was told.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::scene::{CHAT, Scene};

const SURFACES: &str = r#"
[surfaces.support]
models = ["gpt-oss-20b"]
why = "short answers"
owner = "support-platform"
max_tokens = { default = 150, ceiling = 400, above = "refuse" }

[surfaces.search]
models = ["renamed", "gpt-oss-20b"]
why = "long answers"
owner = "search"
max_tokens = { ceiling = 300, above = "clamp" }
require_user = true

[surfaces.trial]
models = ["gpt-oss-20b"]
why = "not decided yet"
owner = "lab"
max_tokens = { default = 10, ceiling = 20 }
require_user = true
enforce = "observe"

[environments.strict]
require_surface = true
require_user = true
[environments.watched]
require_surface = true
enforce = "observe"
"#;

fn scene() -> Scene {
    Scene::with(|config| config + SURFACES)
}

impl Scene {
    fn bound_to(&self, environment: &str, more: &[&str]) -> Client {
        Client::new(self.bastion.callers, &self.bastion.key(environment, more))
    }

    /// What the upstream got last.
    fn got(&self) -> String {
        self.upstream.log.entries().last().expect("the upstream got nothing").body.to_string()
    }

    fn calls(&self) -> usize {
        self.upstream.log.entries().len()
    }
}

fn body(model: &str, rest: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"x"}}]{rest}}}"#)
}

async fn of(client: &Client, surface: &str, body: String) -> Answer {
    client.post(CHAT, &[("bastion-surface", surface)], body).await
}

#[track_caller]
fn passed(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn refused(answer: &Answer, code: &str, param: &str) {
    assert_eq!(answer.refusal(), (400, code.to_owned()), "{}", answer.text());
    assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text());
}

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let data = json["data"].as_array().unwrap().iter();
    data.map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_alias_stands_for_the_surfaces_first_model() {
    let scene = scene();
    passed(&scene.client().chat(&body("surface:support", "")).await);
    let sent: Value = serde_json::from_str(&scene.got()).unwrap();
    assert_eq!((&sent["model"], &sent["max_tokens"]), (&json!("gpt-oss-20b"), &json!(150)));
    let user = r#","user":"u-1""#;
    let answer = scene.client().chat(&body("surface:search", user)).await;
    passed(&answer);
    assert!(scene.got().contains(r#""model":"Qwen3-32B""#), "its name at the upstream");
    let call = scene.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["surface"], &call["model"]), (&json!("search"), &json!("renamed")));
    for unknown in ["surface:suport", "surface:", "surface:support:x"] {
        let answer = scene.client().chat(&body(unknown, "")).await;
        assert_eq!(answer.refusal(), (404, "model_not_found".to_owned()), "{unknown}");
    }
}

#[tokio::test]
async fn a_surface_lets_only_its_own_models_through() {
    let scene = scene();
    let answer = of(&scene.client(), "support", body("renamed", "")).await;
    refused(&answer, "surface_model_not_allowed", "model");
    assert!(answer.text().contains("surface:support"), "{}", answer.text());
    let call = scene.bastion.call_with_code("surface_model_not_allowed").await;
    assert_eq!((&call["surface"], &call["model"]), (&json!("support"), &json!("renamed")));
    assert_eq!(scene.calls(), 0);
    passed(&of(&scene.client(), "support", body("gpt-oss-20b", "")).await);
}

#[tokio::test]
async fn what_names_two_surfaces_or_none_of_ours_is_refused() {
    let scene = scene();
    let client = scene.client();
    refused(
        &of(&client, "search", body("surface:support", "")).await,
        "invalid_request",
        "bastion-surface",
    );
    passed(&of(&client, "support", body("surface:support", "")).await);
    for unknown in ["suport", "", "surface:support", "Support", "s\u{e9}"] {
        let answer = of(&client, unknown, body("gpt-oss-20b", "")).await;
        refused(&answer, "invalid_request", "bastion-surface");
    }
    let twice = [("bastion-surface", "support"), ("bastion-surface", "support")];
    let answer = client.post(CHAT, &twice, body("gpt-oss-20b", "")).await;
    refused(&answer, "invalid_request", "bastion-surface");
    assert_eq!(scene.calls(), 1);
}

#[tokio::test]
async fn a_key_is_bound_to_its_surfaces() {
    let scene = scene();
    let one = scene.bound_to("dev", &["--surface", "support"]);
    passed(&one.chat(&body("gpt-oss-20b", "")).await);
    assert!(scene.got().contains(r#""max_tokens":150"#), "its only surface holds unnamed");
    refused(&one.chat(&body("renamed", "")).await, "surface_model_not_allowed", "model");
    refused(
        &of(&one, "search", body("gpt-oss-20b", "")).await,
        "invalid_request",
        "bastion-surface",
    );
    let answer = one.chat(&body("surface:search", "")).await;
    assert_eq!(answer.refusal().0, 404, "another's alias is nobody's business");
    let two = scene.bound_to("dev", &["--surface", "support", "--surface", "search"]);
    refused(&two.chat(&body("gpt-oss-20b", "")).await, "invalid_request", "bastion-surface");
    passed(&of(&two, "support", body("gpt-oss-20b", "")).await);
    assert_eq!(scene.calls(), 2);
    let unknown = scene.bastion.command(&[
        "keys",
        "create",
        "--env",
        "dev",
        "--service",
        "a",
        "--surface",
        "x",
    ]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("search, support, trial"));
}

#[tokio::test]
async fn the_list_of_models_shows_exactly_what_a_key_may_use() {
    let scene = scene();
    let all = ["gpt-oss-20b", "renamed", "surface:search", "surface:support", "surface:trial"];
    assert_eq!(ids(&scene.client().get("/v1/models").await), all);
    let bound = scene.bound_to("dev", &["--surface", "support"]);
    assert_eq!(ids(&bound.get("/v1/models").await), ["gpt-oss-20b", "surface:support"]);
    passed(&bound.get("/v1/models/surface:support").await);
    assert_eq!(bound.get("/v1/models/surface:search").await.status, 404);
    assert_eq!(bound.get("/v1/models/renamed").await.status, 404);
    let quebec = scene.bound_to("quebec", &[]);
    assert_eq!(ids(&quebec.get("/v1/models").await), [""; 0], "no region, no alias");
}

#[tokio::test]
async fn a_limit_above_the_ceiling_is_refused_under_every_spelling() {
    let scene = scene();
    for field in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        let answer =
            of(&scene.client(), "support", body("gpt-oss-20b", &format!(r#","{field}":401"#)))
                .await;
        refused(&answer, "token_budget_exceeded", field);
        assert!(answer.text().contains("400 tokens"), "{}", answer.text());
    }
    assert_eq!(scene.calls(), 0);
    let within = body("gpt-oss-20b", r#","max_tokens":400"#);
    passed(&of(&scene.client(), "support", within.clone()).await);
    assert_eq!(scene.got(), within, "a call within its budget is not touched");
}

#[tokio::test]
async fn a_ceiling_is_written_where_the_limit_stood_and_nothing_else_changes() {
    let scene = scene();
    let call = |rest: &str| {
        body("gpt-oss-20b", &format!(r#","user":"u"{rest},"seed":123456789012345678901234567890"#))
    };
    for field in ["max_tokens", "max_completion_tokens"] {
        passed(&of(&scene.client(), "search", call(&format!(r#","{field}": 9000"#))).await);
        assert_eq!(scene.got(), call(&format!(r#","{field}": 300"#)));
    }
    passed(&of(&scene.client(), "search", call("")).await);
    assert_eq!(scene.got(), call("").replacen('{', r#"{"max_tokens":300,"#, 1));
    passed(&of(&scene.client(), "search", call(r#","max_output_tokens":9000"#)).await);
    let kept = call(r#","max_output_tokens":300"#).replacen('{', r#"{"max_tokens":300,"#, 1);
    assert_eq!(scene.got(), kept, "a spelling that the upstream may not read is kept");
    let streamed = call(r#","max_tokens":9000,"stream":true"#);
    passed(&of(&scene.client(), "search", streamed).await);
    let sent: Value = serde_json::from_str(&scene.got()).unwrap();
    assert_eq!(
        (&sent["max_tokens"], &sent["stream_options"]["include_usage"]),
        (&json!(300), &json!(true))
    );
}

#[tokio::test]
async fn a_call_without_a_user_is_refused_where_one_is_asked_for() {
    let scene = scene();
    let client = scene.client();
    for rest in ["", r#","user":null"#, r#","user":"""#, r#","user":" ""#] {
        refused(&of(&client, "search", body("gpt-oss-20b", rest)).await, "user_required", "user");
    }
    for rest in [r#","user":"u-1""#, r#","safety_identifier":"u-1""#] {
        passed(&of(&client, "search", body("gpt-oss-20b", rest)).await);
    }
    let headers = [("bastion-surface", "search"), ("bastion-user", "u-1")];
    passed(&client.post(CHAT, &headers, body("gpt-oss-20b", "")).await);
    assert_eq!(scene.calls(), 3);
}

#[tokio::test]
async fn an_environment_may_ask_every_call_for_its_surface() {
    let scene = scene();
    let strict = scene.bound_to("strict", &[]);
    let user = r#","user":"u""#;
    refused(&strict.chat(&body("gpt-oss-20b", user)).await, "invalid_request", "bastion-surface");
    refused(&of(&strict, "support", body("gpt-oss-20b", "")).await, "user_required", "user");
    passed(&of(&strict, "support", body("gpt-oss-20b", user)).await);
    passed(&strict.chat(&body("surface:support", user)).await);
    assert_eq!(scene.calls(), 2);
    passed(&scene.client().chat(&body("gpt-oss-20b", "")).await);
    assert!(!scene.got().contains("max_tokens"), "no surface, no budget");
}

#[tokio::test]
async fn what_is_only_observed_is_counted_shown_and_passed_on_unchanged() {
    let scene = scene();
    let large = body("gpt-oss-20b", r#","max_tokens":9000"#);
    let answer = of(&scene.client(), "trial", large.clone()).await;
    passed(&answer);
    assert_eq!(scene.got(), large);
    let call = scene.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(
        (&call["observed"], &call["code"]),
        (&json!("user_required"), &Value::Null),
        "{call}"
    );
    let named = body("gpt-oss-20b", r#","max_tokens":9000,"user":"u""#);
    let answer = of(&scene.client(), "trial", named).await;
    let call = scene.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["observed"], "token_budget_exceeded", "{call}");
    passed(&scene.bound_to("watched", &[]).chat(&body("gpt-oss-20b", "")).await);
    let key = ["--surface", "support", "--enforce", "observe"];
    passed(&scene.bound_to("dev", &key).chat(&body("renamed", "")).await);
    let good = body("gpt-oss-20b", r#","max_tokens":5,"user":"u""#);
    let answer = of(&scene.client(), "trial", good).await;
    let call = scene.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["observed"], Value::Null, "{call}");
    let metrics = Client::with_text(scene.bastion.operators, "").get("/metrics").await.text();
    for (environment, code) in [
        ("dev", "user_required"),
        ("dev", "token_budget_exceeded"),
        ("dev", "surface_model_not_allowed"),
        ("watched", "invalid_request"),
    ] {
        let line = format!(
            "bastion_observed_refusals_total{{environment=\"{environment}\",code=\"{code}\"}} 1"
        );
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn a_refused_call_leaves_its_rates_and_its_slot() {
    let scene = scene();
    let one = scene.bound_to("dev", &["--surface", "support", "--rpm", "1", "--concurrency", "1"]);
    for _ in 0..5 {
        let answer = one.chat(&body("gpt-oss-20b", r#","max_tokens":401"#)).await;
        refused(&answer, "token_budget_exceeded", "max_tokens");
    }
    passed(&one.chat(&body("gpt-oss-20b", "")).await);
}
