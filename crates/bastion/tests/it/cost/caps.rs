//! Caps of the file, of surfaces and of keys: what is held under which, and when it begins anew.
//!
//! A test here must never depend on the day on which it runs.

use serde_json::{Value, json};

use super::{Till, capped, nanos, price_of};
use crate::client::{CHAT, Client};

const SURFACES: &str = r#"
[surfaces.narrow]
models = ["gpt-oss-20b"]
why = "short answers"
owner = "support"
monthly_cap = "0.000000001"
[surfaces.wide]
models = ["gpt-oss-20b", "renamed"]
why = "long answers"
owner = "search"
daily_cap = "5"
[surfaces.trial]
models = ["gpt-oss-20b"]
why = "not decided yet"
owner = "lab"
daily_cap = "0.000000001"
enforce = "observe"
"#;

impl Till {
    fn capped(dev: &str, rest: &str) -> Till {
        Till::with(|config| capped(&config, dev, rest))
    }

    async fn chat_of(&self, surface: &str) -> (u16, String, String) {
        let headers = [("bastion-surface", surface)];
        let answer = self.client().post("/v1/chat/completions", &headers, CHAT).await;
        let code = if answer.status == 200 { String::new() } else { answer.refusal().1 };
        (answer.status, code, answer.text())
    }

    /// Writes the file anew and waits until it is taken.
    async fn reload(&self, change: impl FnOnce(String) -> String) {
        let file = self.bastion.config_file();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(text)).unwrap();
        self.bastion.signal("HUP");
        self.bastion.reloaded("taken", 1).await;
    }
}

#[tokio::test]
async fn a_cap_of_the_file_holds_until_an_operator_sets_another_and_again_afterwards() {
    let till = Till::capped("monthly_cap = \"0.000000001\"", "");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    assert!(till.upstream.log.entries().is_empty(), "nothing is sent without a hold");
    let shown = till.shown();
    let of_file = (&"configuration".into(), &"0.000000001".into());
    assert_eq!((&shown["source"], &shown["cap"]), of_file, "{shown}");
    till.cap("5.00");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    let shown = till.shown();
    assert_eq!((&shown["source"], &shown["cap"]), (&"operator".into(), &"5.00".into()), "{shown}");
    till.told(&["cap", "set", "--env", "dev", "--remove"]);
    let shown = till.shown();
    assert_eq!((&shown["source"], &shown["cap"]), of_file, "{shown}");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn the_configuration_says_that_an_operator_set_another_cap() {
    let till = Till::capped("monthly_cap = \"7\"", "");
    let shown = || {
        let mut show = crate::bastion::command(till.bastion.folder());
        // The file asks for a free port: which one it became, the variable says.
        show.env("BASTION_SERVER", format!("http://{}", till.bastion.operators));
        let done = show.args(["config", "show", "--json"]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let rows: Value = serde_json::from_slice(&done.stdout).unwrap();
        let row = |row: &&Value| row["setting"] == "environments.dev.monthly_cap";
        rows["data"].as_array().unwrap().iter().find(row).unwrap().clone()
    };
    assert_eq!((&shown()["value"], &shown()["source"]["kind"]), (&json!("7"), &json!("file")));
    till.cap("5");
    let row = shown();
    assert_eq!(
        (&row["value"], &row["source"]["kind"]),
        (&json!("5.00"), &json!("operator")),
        "{row}"
    );
    let said = row["source"]["said"].as_str().unwrap();
    assert!(said.contains("in place of 7 (") && said.contains("bastion.toml:"), "{said}");
    let mut show = crate::bastion::command(till.bastion.folder());
    let unreached = show.env("BASTION_SERVER", "http://127.0.0.1:1").args(["config", "show"]);
    let unreached = unreached.output().unwrap();
    let told = String::from_utf8_lossy(&unreached.stderr).into_owned();
    assert!(unreached.status.success() && told.contains("caps that operators set are not shown"));
    till.told(&["cap", "set", "--env", "dev", "--remove"]);
    assert_eq!(shown()["value"], "7");
}

#[tokio::test]
async fn a_cap_that_is_written_while_calls_run_counts_from_the_next_call_on() {
    let till = Till::capped("", "");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(1).await;
    let begin = "[environments.dev]\n";
    till.reload(|text| text.replace(begin, &format!("{begin}daily_cap = \"0.000001\"\n"))).await;
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    assert!(answer.text().contains("daily cap of the environment 'dev'"), "{}", answer.text());
    // What was spent before it came counts.
    let shown = till.told(&["cap", "show", "--env", "dev", "--period", "day"]);
    assert!(nanos(&shown["spent"]) > 0, "{shown}");
    assert_eq!(nanos(&shown["free"]), 0, "below what is spent: {shown}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn a_surface_spends_its_own_cap_and_no_other() {
    let till = Till::capped("monthly_cap = \"5\"", SURFACES);
    let (status, code, text) = till.chat_of("narrow").await;
    assert_eq!((status, code.as_str()), (402, "cap_exceeded"), "{text}");
    assert!(text.contains("monthly cap of the surface 'narrow'"), "{text}");
    assert!(till.upstream.log.entries().is_empty());
    assert_eq!(till.chat_of("wide").await.0, 200);
    assert_eq!(till.client().chat(CHAT).await.status, 200, "without a surface");
    // In another environment the surface has its cap anew, and the same.
    let prod = Client::new(till.bastion.callers, &till.bastion.key("prod", &[]));
    let answer = prod.post("/v1/chat/completions", &[("bastion-surface", "narrow")], CHAT).await;
    assert_eq!(answer.status, 402, "{}", answer.text());
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn a_cap_that_is_only_observed_is_counted_shown_and_passed() {
    let dev = "monthly_cap = \"0.000000001\"\nenforce = \"observe\"";
    let till = Till::capped(dev, "");
    let mut spent = 0;
    for _ in 0..3 {
        let answer = till.client().chat(CHAT).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let call = till.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["observed"], &call["code"]), (&json!("cap_exceeded"), &Value::Null));
        spent += price_of(&call);
    }
    till.is_clean_with(3).await;
    let shown = till.shown();
    assert_eq!((nanos(&shown["spent"]), nanos(&shown["free"])), (spent, 0), "{shown}");
    let metrics = Client::with_text(till.bastion.operators, "").get("/metrics").await.text();
    let line = "bastion_observed_refusals_total{environment=\"dev\",code=\"cap_exceeded\"} 3";
    assert!(metrics.contains(line), "{metrics}");
    // The cap that an operator sets is the same environment's.
    till.cap("0.000000002");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    // What would pass is not told of.
    till.cap("5");
    let answer = till.client().chat(CHAT).await;
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["observed"], Value::Null, "{call}");
    till.is_clean_with(5).await;
}

#[tokio::test]
async fn what_is_observed_of_running_calls_waits_for_nobody() {
    let dev = "monthly_cap = \"0.000025\"\nenforce = \"observe\"\nhold_wait = \"60s\"";
    let till = Till::with(|config| {
        capped(&config.replace("answer = \"2s\"", "answer = \"20s\""), dev, "")
    });
    till.upstream.play("[[answer]]\ntimes = 1\ndelay_ms = 2000\n");
    let client = till.client();
    let slow = client.chat(CHAT);
    let fast = async {
        till.upstream.wait_for(|log| !log.is_empty()).await;
        till.client().chat(CHAT).await
    };
    let (slow, fast) = tokio::join!(slow, fast);
    assert_eq!((slow.status, fast.status), (200, 200), "{} {}", slow.text(), fast.text());
    let call = till.bastion.last_call(fast.header("x-request-id")).await;
    assert_eq!(call["observed"], "cap_reserved", "{call}");
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn a_surface_that_is_observed_does_not_spend_what_its_environment_keeps() {
    let till = Till::capped("monthly_cap = \"0.00003\"", SURFACES);
    let (status, _, text) = till.chat_of("trial").await;
    assert_eq!(status, 200, "its own cap is only observed: {text}");
    till.is_clean_with(1).await;
    till.cap("0.000000001");
    let (status, code, text) = till.chat_of("trial").await;
    assert_eq!((status, code.as_str()), (402, "cap_exceeded"), "{text}");
    assert!(text.contains("the environment 'dev'"), "{text}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn days_and_months_end_in_the_environments_time_zone() {
    // Fourteen hours before UTC and twelve behind it: never the same day.
    let early = "daily_cap = \"5\"\ntimezone = \"Pacific/Kiritimati\"";
    let late = "[environments.late]\ndaily_cap = \"5\"\ntimezone = \"Etc/GMT+12\"\n";
    let till = Till::capped(early, late);
    let other = Client::new(till.bastion.callers, &till.bastion.key("late", &[]));
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    assert_eq!(other.chat(CHAT).await.status, 200);
    till.is_clean_with(2).await;
    let of = |environment: &str, period: &str| {
        let cap = till.told(&["cap", "show", "--env", environment, "--period", period]);
        assert!(nanos(&cap["spent"]) > 0, "{cap}");
        cap["resets_at"].as_str().unwrap().to_owned()
    };
    for period in ["day", "month"] {
        assert!(of("dev", period).ends_with("T10:00:00.000Z"), "{}", of("dev", period));
        assert!(of("late", period).ends_with("T12:00:00.000Z"), "{}", of("late", period));
    }
}

#[tokio::test]
async fn a_prepaid_balance_refuses_before_the_first_top_up_or_never() {
    let till = Till::capped("", "[balance]\nprepaid = true\n");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "insufficient_funds".to_owned()), "{}", answer.text());
    till.told(&["balance", "top-up", "5", "--reference", "r1"]);
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(2).await;
    let till = Till::capped("", "[balance]\nprepaid = false\n");
    till.told(&["balance", "top-up", "0.000000001", "--reference", "r1"]);
    assert_eq!(till.client().chat(CHAT).await.status, 200, "it is only watched");
    till.is_clean_with(2).await;
    let balance = till.told(&["balance", "show"]);
    assert!(balance["balance"].as_str().unwrap().starts_with('-'), "{balance}");
}

/// A key under these caps, and what its calls are told.
struct Bearer {
    client: Client,
    id: String,
}

impl Till {
    fn bearer(&self, more: &[&str]) -> Bearer {
        let key = self.bastion.key("dev", more);
        Bearer { client: Client::new(self.bastion.callers, &key), id: key.id }
    }
}

#[tokio::test]
async fn a_key_spends_its_own_caps_and_no_other() {
    let till = Till::capped("monthly_cap = \"5\"", "");
    let narrow = till.bearer(&["--cap", "0.000000001/day", "--cap", "300/month"]);
    let answer = narrow.client.chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    assert!(answer.text().contains("daily cap of this key"), "{}", answer.text());
    assert!(till.upstream.log.entries().is_empty());
    let wide = till.bearer(&["--cap", "2/month"]);
    assert_eq!(wide.client.chat(CHAT).await.status, 200);
    assert_eq!(till.client().chat(CHAT).await.status, 200, "a key without a cap");
    let shown = till.told(&["keys", "show", &narrow.id]);
    assert_eq!(
        (&shown["daily_cap"], &shown["monthly_cap"]),
        (&json!("0.000000001"), &json!("300.00"))
    );
    let page = till.bastion.command(&["keys", "show", &wide.id]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("2.00 a month"), "{page}");
    // The environment's cap holds for it as well.
    till.cap("0.000000001");
    let answer = wide.client.chat(CHAT).await;
    assert!(answer.text().contains("the environment 'dev'"), "{}", answer.text());
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn a_key_that_is_observed_passes_its_own_cap_alone() {
    let till = Till::capped("monthly_cap = \"5\"", "");
    let key = till.bearer(&["--cap", "0/day", "--enforce", "observe"]);
    let answer = key.client.chat(CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["observed"], "cap_exceeded", "{call}");
    till.cap("0");
    assert_eq!(key.client.chat(CHAT).await.status, 402);
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn a_slip_in_a_keys_cap_makes_no_key() {
    let till = Till::set();
    let begin = ["keys", "create", "--env", "dev", "--service", "a", "--cap"];
    for wrong in ["5", "5/week", "/day", "-5/day", "1e3/day", "$5/day", "5/day/day", "", "5 / day"]
    {
        let made = till.bastion.command(&[&begin[..], &[wrong]].concat());
        assert_eq!(made.status.code(), Some(2), "{wrong}: {made:?}");
    }
    let twice = till.bastion.command(&[&begin[..], &["5/day", "--cap", "6/day"]].concat());
    assert_eq!(twice.status.code(), Some(2), "which of them holds?");
    let operators = Client::with_text(till.bastion.operators, &till.bastion.token());
    for wrong in [r#""-5""#, "5", r#""5/day""#, r#""1e3""#, r#""99999999999999999999""#] {
        let body = format!(r#"{{"environment":"dev","service":"a","daily_cap":{wrong}}}"#);
        let answer = operators.post("/admin/v1/keys", &[], body).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        assert_eq!(answer.json()["error"]["param"], "daily_cap", "{}", answer.text());
    }
    let keys = operators.get("/admin/v1/keys").await.json();
    assert_eq!(keys["data"].as_array().unwrap().len(), 1, "only the scene's own: {keys}");
}
