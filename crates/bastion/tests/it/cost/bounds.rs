//! What a call may cost, where that is known, where it is not, and where a report makes no sense.
//!
//! A test here must never let a charge stand on a guess where the upstream has told.

use super::{Till, nanos, price_of};
use crate::client::CHAT;

/// Names no limit.
const OPEN: &str = r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}]}"#;

fn reporting(usage: &str) -> String {
    format!(
        "[[answer]]\nheaders = {{ content-type = \"application/json\" }}\nbody = '{{\"object\":\
         \"chat.completion\",\"choices\":[],\"usage\":{usage}}}'\n"
    )
}

#[tokio::test]
async fn a_call_that_nothing_bounds_is_not_held_by_a_guess() {
    // No context_tokens: the file has no cap, so it loads; the cap comes by hand.
    let till = Till::set();
    assert_eq!(till.client().chat(OPEN).await.status, 200, "nothing limits it yet");
    till.is_clean_with(1).await;
    till.cap("5");
    let answer = till.client().chat(OPEN).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    for part in ["context_tokens", "max_tokens", "gpt-oss-20b"] {
        assert!(answer.text().contains(part), "{part}: {}", answer.text());
    }
    assert_eq!(till.client().chat(CHAT).await.status, 200, "its own limit bounds it");
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn a_long_honest_answer_is_charged_as_reported_where_nothing_bounds_it() {
    let till = Till::set();
    till.upstream.play(&reporting(r#"{"prompt_tokens":10,"completion_tokens":60000}"#));
    let answer = till.client().chat(OPEN).await;
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(nanos(&call["cost"]), 10 * 50 + 60_000 * 200, "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn reports_beyond_all_reason_are_estimated_and_sums_stay_countable() {
    let till = Till::set();
    let huge = "9000000000000000000";
    for body in [OPEN, CHAT, OPEN] {
        let usage = format!(r#"{{"prompt_tokens":{huge},"completion_tokens":{huge}}}"#);
        till.upstream.play(&reporting(&usage));
        let answer = till.client().chat(body).await;
        let call = till.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["usage"]["estimated"], true, "{call}");
        assert!(nanos(&call["cost"]) > 0 && nanos(&call["cost"]) < 1_000_000, "{call}");
        assert!(price_of(&call) > 0, "{call}");
    }
    till.is_clean_with(3).await;
    let month = till.told(&["spend"]);
    assert_eq!(month["data"][0]["estimated_calls"], 3, "{month}");
    assert!(month["data"][0]["input_tokens"].as_i64().unwrap() < 10_000, "{month}");
}

/// Chat with this besides.
fn chat_with(rest: &str) -> String {
    CHAT.replace("\"max_tokens\":60", &format!("\"max_tokens\":60,{rest}"))
}

#[tokio::test]
async fn what_may_cost_more_than_the_price_says_is_refused_under_a_cap_alone() {
    let till = Till::set();
    let tier = chat_with(r#""service_tier":"priority""#);
    assert_eq!(till.client().chat(&tier).await.status, 200, "nothing limits it");
    till.is_clean_with(1).await;
    till.cap("5");
    for (rest, field) in [
        (r#""service_tier":"priority""#, "service_tier"),
        (r#""tools":[{"type":"web_search"}]"#, "tools"),
        (r#""models":["dear"]"#, "models"),
    ] {
        let answer = till.client().chat(&chat_with(rest)).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["param"], field, "{error}");
        assert!(error["message"].as_str().unwrap().contains("price_covers"), "{error}");
    }
    for rest in [r#""service_tier":"default""#, r#""tools":[{"type":"function","function":{}}]"#] {
        let answer = till.client().chat(&chat_with(rest)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    till.is_clean_with(3).await;
    // Tokens and requests that were taken for a refused call come back, as for any other.
    assert_eq!(till.upstream.log.entries().len(), 3, "nothing was sent of what was refused");
}

#[tokio::test]
async fn a_price_that_covers_it_lets_it_pass_under_a_cap() {
    let till = Till::with(|config| {
        let config = super::capped(&config, "monthly_cap = \"5\"", "");
        let price = "price = { input = \"0.05\", output = \"0.20\" }\n";
        config.replacen(price, &format!("{price}price_covers = \"service_tier\"\n"), 1)
    });
    let tier = chat_with(r#""service_tier":"priority""#);
    let answer = till.client().chat(&tier).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tools = chat_with(r#""tools":[{"type":"web_search"}]"#);
    assert_eq!(till.client().chat(&tools).await.status, 400);
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn what_cannot_be_held_passes_where_caps_are_only_observed() {
    let till = Till::with(|config| {
        let dev = "[environments.dev]\n";
        config.replace(dev, &format!("{dev}enforce = \"observe\"\n"))
    });
    till.cap("5");
    let mut spent = 0;
    let tier = chat_with(r#""service_tier":"priority""#);
    for (body, code) in [(OPEN, "cap_exceeded"), (&tier, "invalid_request")] {
        let answer = till.client().chat(body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let call = till.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["observed"], code, "{call}");
        assert_eq!(nanos(&call["cost"]), price_of(&call), "{call}");
        spent += price_of(&call);
    }
    till.is_clean_with(2).await;
    assert_eq!(nanos(&till.shown()["spent"]), spent);
    // The balance is kept whatever is observed.
    till.told(&["balance", "top-up", "5", "--reference", "r"]);
    assert_eq!(till.client().chat(OPEN).await.status, 402);
    till.is_clean_with(3).await;
}

#[tokio::test]
async fn what_the_upstream_says_it_cost_is_kept_beside_ours_and_not_charged() {
    let till = Till::set();
    till.cap("5");
    let usage = r#"{"prompt_tokens":10,"completion_tokens":20,"cost":0.0123}"#;
    till.upstream.play(&reporting(usage));
    let answer = till.client().chat(CHAT).await;
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["usage"]["stated_cost"], "0.0123", "{call}");
    assert_eq!(nanos(&call["cost"]), 10 * 50 + 20 * 200, "{call}");
    // Who states nothing adds nothing.
    till.upstream.play(&reporting(r#"{"prompt_tokens":10,"completion_tokens":20}"#));
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(2).await;
    for by in ["model", "env"] {
        let month = till.told(&["spend", "--by", by]);
        let row = &month["data"][0];
        assert_eq!(
            (&row["calls"], &row["stated_amount"]),
            (&2.into(), &"0.0123".into()),
            "{month}"
        );
    }
}
