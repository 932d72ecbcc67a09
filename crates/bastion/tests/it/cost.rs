//! Money: what is set aside, charged, refused and found again after a crash.
//!
//! A test here must never leave money held: each ends with a ledger that is worked out anew.

mod bounds;
mod caps;
mod commands;
mod estimates;
pub(crate) mod sqlite_only;
mod surfaces;

use std::time::Duration;

use serde_json::Value;

use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client, STREAM};
use crate::reliability::retrying;
use crate::upstream::Upstream;

/// Nano-units of a currency's unit.
const UNIT: i64 = 1_000_000_000;

/// A gateway whose models have prices, its upstream, and a key of `dev`.
struct Till {
    upstream: Upstream,
    bastion: Bastion,
    key: Key,
}

/// The configuration that tests begin with, with prices: 50 and 200 nano-units a token.
pub(crate) fn priced(config: &str) -> String {
    let price = "kind = \"chat\"\nprice = { input = \"0.05\", output = \"0.20\" }\n";
    let begin = "[models.\"gpt-oss-20b\"]\nupstream = \"simulated\"\n";
    let plain = format!("{begin}kind = \"chat\"\n");
    assert!(config.contains(&plain), "{config}");
    config.replace(&plain, &format!("{begin}{price}"))
}

/// Room for a call of either model: what a cap may be held for.
const CONTEXT: &str = "context_tokens = 131072\nmax_output_tokens = 4096\n";

/// The same with contexts, and with settings of `dev` and what stands behind.
fn capped(config: &str, dev: &str, rest: &str) -> String {
    let price = "price = { input = \"0.05\", output = \"0.20\" }\n";
    let renamed = "upstream_model = \"Qwen3-32B\"\n";
    assert!(config.contains(renamed), "{config}");
    let config = config.replacen(price, &format!("{price}{CONTEXT}"), 1);
    let config = config.replace(renamed, &format!("{renamed}{price}{CONTEXT}"));
    config.replace("[environments.dev]\n", &format!("[environments.dev]\n{dev}\n")) + rest
}

impl Till {
    fn set() -> Till {
        Till::with(|config| config)
    }

    fn with(change: impl FnOnce(String) -> String) -> Till {
        let upstream = Upstream::start();
        let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
        let bastion = Bastion::with(&change(priced(&config)));
        let key = bastion.key("dev", &[]);
        Till { upstream, bastion, key }
    }

    fn client(&self) -> Client {
        Client::new(self.bastion.callers, &self.key)
    }

    /// What a command prints as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let done = self.bastion.command(&[arguments, &["--json"]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    fn cap(&self, amount: &str) -> Value {
        self.told(&["cap", "set", "--env", "dev", amount])
    }

    fn shown(&self) -> Value {
        self.told(&["cap", "show", "--env", "dev"])
    }

    /// Waits until so many calls are charged and nothing is held, and works the ledger out anew.
    async fn is_clean_with(&self, charges: i64) {
        clean(&self.bastion, charges).await;
    }
}

/// Waits until a ledger has so many entries and nothing is held.
async fn clean(bastion: &Bastion, entries: i64) {
    let operators = Client::with_text(bastion.operators, &bastion.token());
    let mut last = Value::Null;
    let settled = async {
        loop {
            last = operators.get("/admin/v1/ledger/verify").await.json();
            if last["entries"].as_i64() == Some(entries) && last["holds_open"] == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(LIMIT, settled).await.is_ok();
    assert!(done, "not so many entries, or something is still held: {last}");
    assert!(last["ok"] == true, "{last}");
}

/// An amount as the API writes it, in nano-units.
pub(crate) fn nanos(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap_or_else(|| panic!("no amount: {amount}"));
    bastion_types::Money::parse(text).unwrap().nanos()
}

/// What a recorded call's usage costs by the price of these tests.
pub(crate) fn price_of(call: &Value) -> i64 {
    let tokens = |name: &str| call["usage"][name].as_i64().unwrap();
    tokens("input_tokens") * 50 + tokens("output_tokens") * 200
}

#[tokio::test]
async fn a_charge_is_usage_times_price_to_the_nano_unit() {
    let till = Till::set();
    let mut spent = 0;
    for body in [CHAT, STREAM] {
        let answer = till.client().chat(body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let call = till.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(nanos(&call["cost"]), price_of(&call), "{call}");
        assert!(price_of(&call) > 0, "{call}");
        // A stream's is not known when it begins.
        let told = if body == CHAT { call["cost"].as_str().unwrap() } else { "" };
        assert_eq!(answer.header("bastion-cost"), told, "{call}");
        spent += price_of(&call);
    }
    till.is_clean_with(2).await;
    let month = till.told(&["spend", "--by", "model"]);
    assert_eq!(nanos(&month["total"]), spent, "{month}");
    assert_eq!(month["data"][0]["name"], "gpt-oss-20b");
    assert_eq!((&month["data"][0]["calls"], &month["currency"]), (&2.into(), &"CAD".into()));
}

#[tokio::test]
async fn a_spent_cap_is_a_402_that_names_cap_bound_and_reset() {
    let till = Till::set();
    till.cap("0.000000001");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    assert_eq!(answer.header("x-should-retry"), "false");
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in ["monthly cap", "'dev'", "0.000000001", "may cost", "max_tokens", "T00:00:00"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(till.upstream.log.entries().is_empty(), "nothing is sent without a hold");
    // It counts from the next call on.
    till.cap("5.00");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(1).await;
    let cap = till.shown();
    assert_eq!((&cap["source"], &cap["cap"]), (&"operator".into(), &"5.00".into()), "{cap}");
    assert!(nanos(&cap["spent"]) > 0 && nanos(&cap["held"]) == 0, "{cap}");
    assert_eq!(nanos(&cap["free"]), 5 * UNIT - nanos(&cap["spent"]));
}

#[tokio::test]
async fn two_hundred_callers_never_pass_a_cap_worth_fifty_calls() {
    let till = Till::set();
    let first = till.client().chat(CHAT).await;
    let one = price_of(&till.bastion.last_call(first.header("x-request-id")).await);
    // Fifty such calls in all, and room for the last one's bound, which is several times its cost.
    let cap = 49 * one + 40_000;
    till.cap(&bastion_types::Money::from_nanos(cap).to_string());
    let calls = (0..200).map(|_| async {
        let client = till.client();
        loop {
            let answer = client.chat(CHAT).await;
            match answer.status {
                200 => return 1,
                402 => return 0,
                // Reserved by running calls: that is not final.
                429 => assert_eq!(answer.header("retry-after"), "1"),
                other => panic!("{other}: {}", answer.text()),
            }
        }
    });
    let passed: i64 = 1 + futures_util::future::join_all(calls).await.iter().sum::<i64>();
    till.is_clean_with(passed).await;
    let spent = nanos(&till.shown()["spent"]);
    assert_eq!(spent, passed * one);
    assert!(spent <= cap, "{spent} of {cap}");
    // Whoever fits is let through, to the last one: as many as one after the other would be.
    let last = till.client().chat(CHAT).await;
    assert_eq!(last.refusal(), (402, "cap_exceeded".to_owned()));
    let text = last.text();
    let (_, bound) = text.split_once("this call may cost ").unwrap();
    let (bound, _) = bound.split_once(' ').unwrap();
    let bound = bastion_types::Money::parse(bound).unwrap().nanos();
    assert_eq!(passed, (cap - bound) / one + 1, "{spent} of {cap}, {bound} each at most");
}

#[tokio::test]
async fn large_bounds_under_a_nearly_empty_cap_wait_and_pass() {
    let till = Till::set();
    // A bound of about 0.0008, one such call at a time.
    till.cap("0.0012");
    let body = CHAT.replace("\"max_tokens\":60", "\"max_tokens\":4000");
    let calls = (0..8).map(|_| async {
        let answer = till.client().chat(&body).await;
        assert_ne!(answer.status, 402, "a false one: {}", answer.text());
        answer.status
    });
    let told = futures_util::future::join_all(calls).await;
    assert!(told.iter().all(|status| *status == 200), "{told:?}");
    till.is_clean_with(8).await;
}

#[tokio::test]
async fn what_running_calls_hold_is_a_429_and_no_402() {
    let till = Till::with(|config| config.replace("answer = \"2s\"", "answer = \"10s\""));
    till.cap("0.000025");
    till.upstream.play("[[answer]]\ntimes = 1\ndelay_ms = 4000\n");
    let client = till.client();
    let slow = client.chat(CHAT);
    let fast = async {
        till.upstream.wait_for(|log| !log.is_empty()).await;
        let held = till.shown();
        assert!(nanos(&held["held"]) > 0, "{held}");
        till.client().chat(CHAT).await
    };
    let (slow, fast) = tokio::join!(slow, fast);
    assert_eq!(slow.status, 200, "{}", slow.text());
    assert_eq!(fast.refusal(), (429, "cap_reserved".to_owned()), "{}", fast.text());
    assert_eq!(fast.header("retry-after"), "1");
    assert!(!fast.headers.contains_key("x-should-retry"), "a retry may help");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn an_attempt_of_unknown_outcome_is_charged_and_marked() {
    let retry = "attempts = 2\nbase = \"10ms\"\nbreaker = { failures = 1000 }";
    let till = Till::with(|config| retrying(&config, retry));
    till.cap("5.00");
    till.upstream.play("[[answer]]\ntimes = 1\ncut_after = 1\n");
    let answer = till.client().chat(CHAT).await;
    assert_eq!((answer.status, answer.header("bastion-attempts")), (200, "2"));
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    let [lost, answered] = call["attempt_charges"].as_array().unwrap().as_slice() else {
        panic!("two attempts: {call}");
    };
    assert_eq!((&lost["estimated"], &answered["estimated"]), (&true.into(), &false.into()));
    assert_eq!(
        (nanos(&answered["cost"]), &call["usage"]["estimated"]),
        (price_of(&call), &false.into())
    );
    assert!(nanos(&lost["cost"]) > nanos(&answered["cost"]), "it may have used all: {call}");
    assert_eq!(nanos(&call["cost"]), nanos(&lost["cost"]) + nanos(&answered["cost"]), "{call}");
    assert_eq!(answered["upstream"], call["upstream"]);
    till.is_clean_with(1).await;
    let month = till.told(&["spend"]);
    assert_eq!(month["data"][0]["estimated_calls"], 1, "{month}");
}

#[tokio::test]
async fn an_attempt_that_never_left_costs_nothing() {
    // It takes connections and says nothing: no handshake comes to its end.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let till = Till::with(|config| {
        let times = "connect = \"1s\", first_event = \"2s\", idle = \"1s\", answer = \"2s\"";
        let shorter = times.replace("1s\", first", "5s\", first");
        let shorter = shorter.replace("answer = \"2s\"", "answer = \"500ms\"");
        assert!(config.contains(times), "{config}");
        let begin = config.find("base_url = \"").unwrap() + 12;
        let end = begin + config[begin..].find('"').unwrap();
        let config = format!("{}https://{address}/v1{}", &config[..begin], &config[end..]);
        config.replace(times, &shorter)
    });
    till.cap("5.00");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()), "{}", answer.text());
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((nanos(&call["cost"]), &call["usage"]["estimated"]), (0, &false.into()), "{call}");
    till.is_clean_with(1).await;
    drop(mute);
}

#[tokio::test]
async fn a_pictures_bytes_are_no_tokens_of_a_call_that_is_left() {
    let picture = "A".repeat(400_000);
    let body = format!(
        r#"{{"model":"gpt-oss-20b","stream":true,"max_tokens":50,"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}]}}]}}"#
    );
    let till = Till::with(|config| {
        let price = "price = { input = \"0.05\", output = \"0.20\" }\n";
        config.replacen(price, &format!("{price}image_input_tokens = 1000\n"), 1)
    });
    till.upstream.play("[[answer]]\ncut_after = 3\n");
    let answer = till.client().chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["stream"], "interrupted", "{call}");
    let input = call["usage"]["input_tokens"].as_u64().unwrap();
    assert!((1000..1200).contains(&input), "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn without_room_for_another_attempt_the_last_failure_stands() {
    let retry = "attempts = 3\nbase = \"10ms\"\nbreaker = { failures = 1000 }";
    let till = Till::with(|config| retrying(&config, retry));
    let good = till.client().chat(CHAT).await;
    assert_eq!(good.status, 200);
    till.is_clean_with(1).await;
    let spent = nanos(&till.shown()["spent"]);
    // Room for one bound, not for two.
    till.cap(&bastion_types::Money::from_nanos(spent + 25_000).to_string());
    till.upstream.play("[[answer]]\ncut_after = 1\n");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()), "{}", answer.text());
    assert_eq!(answer.header("bastion-attempts"), "1");
    assert_eq!(till.upstream.log.entries().len(), 1);
    till.is_clean_with(2).await;
    let cap = till.shown();
    assert!(nanos(&cap["spent"]) <= nanos(&cap["cap"]), "{cap}");
}

#[tokio::test]
async fn absurd_usage_is_charged_at_the_bound() {
    let till = Till::set();
    till.cap("5.00");
    let absurd = |usage: &str| {
        format!(
            "[[answer]]\nheaders = {{ content-type = \"application/json\" }}\nbody = '{{\"object\":\
             \"chat.completion\",\"choices\":[],\"usage\":{usage}}}'\n"
        )
    };
    let mut charged = Vec::new();
    for usage in [
        r#"{"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000}"#,
        r#"{"prompt_tokens":900000000,"completion_tokens":1}"#,
        r#"{"prompt_tokens":-5,"completion_tokens":-1}"#,
        "{}",
    ] {
        till.upstream.play(&absurd(usage));
        let answer = till.client().chat(CHAT).await;
        assert_eq!(answer.status, 200, "{usage}: {}", answer.text());
        let call = till.bastion.last_call(answer.header("x-request-id")).await;
        let told = answer.header("bastion-cost");
        assert!(told.is_empty() || call["cost"] == told, "{told}: {call}");
        charged.push(nanos(&call["cost"]));
    }
    till.is_clean_with(4).await;
    // What can be read and is too much is cut at the bound; what cannot be read is estimated.
    let bound = charged[1];
    assert!(bound > 0 && bound < UNIT / 1000, "{charged:?}");
    assert!(charged.iter().all(|cost| *cost > 0 && *cost <= bound), "{charged:?}");
    assert_eq!(nanos(&till.shown()["spent"]), charged.iter().sum::<i64>());
}

#[tokio::test]
async fn a_caller_who_leaves_pays_for_what_came_and_holds_nothing() {
    let till = Till::set();
    till.cap("5.00");
    till.upstream.play("[[answer]]\ngap_ms = 100\n");
    let stream = till.client().open_stream().await;
    let mut body = stream.into_body();
    http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
    drop(body);
    till.is_clean_with(1).await;
    let calls = till.bastion.calls_when(|calls| calls.len() == 1).await;
    assert_eq!(calls[0]["stream"], "cancelled", "{}", calls[0]);
    // An estimate by the bytes that came, and never above what was set aside.
    let cost = nanos(&calls[0]["cost"]);
    assert!(cost > 0 && cost <= price_of(&calls[0]), "{}", calls[0]);
    assert_eq!(nanos(&till.shown()["spent"]), cost);
}

#[tokio::test]
async fn without_any_limit_calls_are_charged_all_the_same() {
    let till = Till::set();
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.status, 200);
    till.is_clean_with(1).await;
    let cap = till.shown();
    assert_eq!(cap["cap"], Value::Null, "{cap}");
    assert!(nanos(&cap["spent"]) > 0, "{cap}");
    assert_eq!(nanos(&till.told(&["balance", "show"])["balance"]), 0);
}

/// So long a test lets a server be away.
const AWAY: Duration = Duration::from_secs(10);
