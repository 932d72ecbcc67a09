//! Upstreams in order: who is asked when the first one fails, under which name, with whose key.
//!
//! A test here must never be content with a good answer: each upstream's log says what it got.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::retry::{QUICK, good_calls};
use super::{LEAK, figure, retrying};
use crate::bastion::{Bastion, CONFIG, Key};
use crate::client::{Answer, CHAT, Client, STREAM};
use crate::upstream::Upstream;

const NAMES: [&str; 3] = ["first", "second", "third"];

/// Each upstream's own key, and the model's name there.
const KEYS: [&str; 3] = [
    "qbt_it_first_secret_00000000000001",
    "qbt_it_second_secret_000000000001",
    "qbt_it_third_secret_0000000000001",
];
const MODELS: [&str; 3] = ["gpt-oss-20b", "Qwen3-32B", "gpt-oss-120b"];

/// A gateway before several upstreams, and a key of an environment.
pub(super) struct Several {
    pub(super) upstreams: Vec<Upstream>,
    pub(super) bastion: Bastion,
    pub(super) key: Key,
}

impl Several {
    /// One upstream in each of these regions.
    pub(super) fn set(regions: &[&str], retry: &str) -> Several {
        Several::with(regions, retry, |config| config)
    }

    /// With a changed configuration.
    pub(super) fn with(
        regions: &[&str],
        retry: &str,
        change: impl FnOnce(String) -> String,
    ) -> Several {
        let upstreams: Vec<_> = regions.iter().map(|_| Upstream::start()).collect();
        for (upstream, key) in upstreams.iter().zip(KEYS) {
            upstream.takes_only(key);
        }
        let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address).collect();
        let folder = tempfile::tempdir().unwrap();
        let config = retrying(&config(&addresses, regions), retry);
        std::fs::write(folder.path().join("bastion.toml"), change(config)).unwrap();
        let bastion = Bastion::start(folder, |command| {
            for (name, key) in NAMES.iter().zip(KEYS) {
                command.env(format!("IT_KEY_{}", name.to_uppercase()), key);
            }
        });
        let key = bastion.key("dev", &[]);
        Several { upstreams, bastion, key }
    }

    /// A caller with the key of `dev`.
    pub(super) fn client(&self) -> Client {
        Client::new(self.bastion.callers, &self.key)
    }

    /// What each upstream answers from now on; nothing: as it likes.
    pub(super) fn play(&self, scripts: &[&str]) {
        for (upstream, script) in self.upstreams.iter().zip(scripts) {
            let script = if script.is_empty() { "match = { model = \"none\" }" } else { script };
            upstream.play(&format!("[[answer]]\n{script}\n"));
        }
    }

    /// How many requests each upstream got.
    pub(super) fn received(&self) -> Vec<usize> {
        self.upstreams.iter().map(|upstream| upstream.log.entries().len()).collect()
    }

    /// Checks who answered: headers, record, and what each upstream got.
    pub(super) async fn answered_by(&self, place: usize, answer: &Answer, received: &[usize]) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(self.received(), received);
        let attempts: usize = received.iter().sum();
        assert_eq!(answer.header("bastion-attempts"), attempts.to_string());
        assert_eq!(answer.header("bastion-upstream"), NAMES[place]);
        let call = self.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["upstream"], NAMES[place], "{call}");
        assert_eq!(call["region"], answer.header("bastion-region"), "{call}");
        assert_eq!((&call["attempts"], &call["status"]), (&attempts.into(), &200.into()), "{call}");
        assert_eq!(
            (&call["code"], &call["model"]),
            (&Value::Null, &"gpt-oss-20b".into()),
            "{call}"
        );
        self.tells_no_key(answer);
    }

    /// Checks an answer of our own after these attempts.
    pub(super) async fn failed(
        &self,
        answer: &Answer,
        status: u16,
        code: &str,
        received: &[usize],
    ) {
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{}", answer.text());
        assert_eq!(self.received(), received);
        let attempts: usize = received.iter().sum();
        assert_eq!(answer.header("bastion-attempts"), attempts.to_string());
        assert_eq!(answer.header("x-should-retry"), "false");
        let call = self.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["attempts"], &call["code"]), (&attempts.into(), &code.into()), "{call}");
        self.tells_no_key(answer);
    }

    fn tells_no_key(&self, answer: &Answer) {
        let all = format!("{:?} {} {}", answer.headers, answer.text(), self.bastion.log.text());
        assert!(KEYS.iter().all(|key| !all.contains(key)), "{all}");
        let told = format!("{:?} {}", answer.headers, answer.text());
        assert!(!told.contains(LEAK), "{told}");
    }
}

/// The configuration that tests begin with, before these upstreams.
fn config(addresses: &[SocketAddr], regions: &[&str]) -> String {
    let (begin, rest) = CONFIG.split_once("[upstreams.simulated]").unwrap();
    let (_, rest) = rest.split_once("[retry]").unwrap();
    let (mut upstreams, mut routes) = (Vec::new(), Vec::new());
    for (place, (address, region)) in addresses.iter().zip(regions).enumerate() {
        let (name, model) = (NAMES[place], MODELS[place]);
        upstreams.push(format!(
            "[upstreams.{name}]\nbase_url = \"http://{address}/v1\"\n\
             api_key = \"env:IT_KEY_{}\"\nregion = \"{region}\"\n\
             timeout = {{ connect = \"1s\", first_event = \"2s\", idle = \"1s\", answer = \"2s\" }}",
            name.to_uppercase()
        ));
        routes.push(format!("{{ name = \"{name}\", model = \"{model}\" }}"));
    }
    let (upstreams, routes) = (upstreams.join("\n"), routes.join(", "));
    let model = format!("[models.\"gpt-oss-20b\"]\nkind = \"chat\"\nupstream = [{routes}]");
    [begin, &upstreams, "\n", &model, "\n[retry]", rest].concat()
}

#[tokio::test]
async fn the_next_one_in_order_is_asked_at_once_under_its_own_name() {
    let several = Several::set(&["CA", "US", "EU"], QUICK);
    several.play(&["", "", ""]);
    good_calls(&several.client(), 20).await;
    for body in [CHAT, STREAM] {
        for (scripts, place, received) in [
            (["", "", ""], 0, [1, 0, 0]),
            (["status = 500", "", ""], 1, [1, 1, 0]),
            (["cut_after = 0", "status = 429", ""], 2, [1, 1, 1]),
            (["status = 503", "delay_ms = 3600000", ""], 2, [1, 1, 1]),
        ] {
            several.play(&scripts);
            let answer = several.client().chat(body).await;
            several.answered_by(place, &answer, &received).await;
            assert_eq!(answer.header("bastion-region"), ["CA", "US", "EU"][place]);
            for (upstream, model) in several.upstreams.iter().zip(MODELS) {
                for entry in upstream.log.entries() {
                    // The caller's own bytes but for the name.
                    assert_eq!(entry.model.as_deref(), Some(model), "{entry:#?}");
                    let own = CHAT.replacen("gpt-oss-20b", model, 1);
                    assert!(body != CHAT || *entry.body == own, "{}", entry.body);
                }
            }
        }
    }
    several.play(&["status = 500", "status = 502", "status = 529"]);
    let answer = several.client().chat(CHAT).await;
    several.failed(&answer, 502, "upstream_error", &[1, 1, 1]).await;
    // Behind the last one the first has its turn again.
    let two = Several::set(&["CA", "US"], QUICK);
    two.play(&["times = 1\nstatus = 500", "status = 401\nbody = '{}'"]);
    let answer = two.client().chat(CHAT).await;
    two.answered_by(0, &answer, &[2, 1]).await;
}

#[tokio::test]
async fn a_refusal_of_the_request_is_not_taken_to_the_next_one() {
    let several = Several::set(&["CA", "US"], QUICK);
    for status in [400, 408, 409, 413, 422, 451] {
        for how in [
            "body = '{\"error\":{\"message\":\"no\",\"code\":\"x\"}}'",
            "body = \"<html>no</html>\"",
            "body = '{\"error\":{\"message\":\"no\"}}'\ncut_after = 9",
        ] {
            several.play(&[&format!("status = {status}\n{how}"), ""]);
            let answer = several.client().chat(CHAT).await;
            assert_eq!(several.received(), [1, 0], "{status}, {how}");
            assert_eq!(answer.header("bastion-attempts"), "1", "{status}, {how}");
            assert_eq!(answer.header("bastion-upstream"), "first");
        }
    }
}

#[tokio::test]
async fn our_account_at_the_first_leads_to_the_second_and_never_back() {
    let several = Several::set(&["CA", "US"], QUICK);
    several.play(&["", ""]);
    good_calls(&several.client(), 20).await;
    let ours = |status: u16| {
        format!("status = {status}\nbody = '{{\"error\":{{\"message\":\"{LEAK}\"}}}}'")
    };
    for status in [401, 402, 403] {
        several.play(&[&ours(status), ""]);
        let answer = several.client().chat(STREAM).await;
        several.answered_by(1, &answer, &[1, 1]).await;
        // The second fails, too: it is asked again, the first is not.
        several.play(&[&ours(status), "status = 500"]);
        let answer = several.client().chat(CHAT).await;
        several.failed(&answer, 502, "upstream_error", &[1, 2]).await;
        several.play(&[&ours(status), &ours(401)]);
        let answer = several.client().chat(CHAT).await;
        several.failed(&answer, 502, "upstream_credentials", &[1, 1]).await;
    }
    let lone = Several::set(&["CA"], QUICK);
    for (status, told, code) in [
        (401, 502, "upstream_credentials"),
        (403, 502, "upstream_credentials"),
        (402, 503, "upstream_funds"),
    ] {
        for body in [CHAT, STREAM] {
            lone.play(&[&ours(status)]);
            let answer = lone.client().chat(body).await;
            lone.failed(&answer, told, code, &[1]).await;
        }
    }
}

#[tokio::test]
async fn our_account_at_the_first_costs_no_call_however_small_the_budget() {
    // The first refused us at its door: asking the second is not asking again.
    let several = Several::set(&["CA", "US"], &QUICK.replace("budget = 1.0", "budget = 0.0"));
    for status in [401, 402] {
        several.play(&[&format!("status = {status}\nbody = '{{}}'"), ""]);
        good_calls(&several.client(), 30).await;
        assert_eq!(several.received(), [30, 30], "{status}");
    }
    assert_eq!(figure(&several.bastion, "bastion_refused_retries_total").await, 0);
}

#[tokio::test]
async fn a_path_that_the_first_does_not_know_leads_to_the_second() {
    let several = Several::set(&["CA", "US"], QUICK);
    several.play(&["status = 404\nbody = '{\"detail\":\"Not Found\"}'", ""]);
    let answer = several.client().chat(CHAT).await;
    several.answered_by(1, &answer, &[1, 1]).await;
    // Of the model it is the caller's.
    let theirs = r#"{"error":{"message":"no","type":"x","code":"model_not_found"}}"#;
    several.play(&[&format!("status = 404\nbody = '{theirs}'"), ""]);
    let answer = several.client().chat(CHAT).await;
    assert_eq!((answer.status, answer.text()), (404, theirs.to_owned()));
    assert_eq!(several.received(), [1, 0]);
}

#[tokio::test]
async fn a_wait_for_the_first_does_not_delay_the_second() {
    let several = Several::set(&["CA", "US"], &QUICK.replace("20ms", "10s"));
    for wait in ["5", "3600"] {
        several.play(&[&format!("status = 429\nheaders = {{ retry-after = \"{wait}\" }}"), ""]);
        let began = Instant::now();
        let answer = several.client().chat(CHAT).await;
        several.answered_by(1, &answer, &[1, 1]).await;
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert_eq!(answer.header("retry-after"), "");
    }
}

#[tokio::test]
async fn no_attempt_begins_behind_the_total_at_another_one_either() {
    let retry = "attempts = 6\nbase = \"10ms\"\ncap = \"20ms\"\ntotal = \"300ms\"\n\
                 breaker = { failures = 1000 }";
    let several = Several::set(&["CA", "US"], retry);
    // The first could be asked again long before the second's answer, which comes too late.
    several.play(&["status = 500", "status = 500\ndelay_ms = 500"]);
    let answer = several.client().chat(CHAT).await;
    several.failed(&answer, 502, "upstream_error", &[1, 1]).await;
}
