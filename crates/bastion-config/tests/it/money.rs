//! Caps, the balance and the ledger in the file: what loads, and what nothing could hold.

use bastion_config::{Prepaid, UnknownOutcome};
use bastion_types::{EnvironmentName, Money, Span, SurfaceName};

use super::{FULL, codes, read, rendered, with};

const REGIONS: &str = "regions = [\"CA\"]";
const USER: &str = "require_user = true";
const CONTEXT: &str = "context_tokens = 131072\n";

fn check(line: &str, replacement: &str, expect: &[&str]) {
    assert_eq!(codes(read(&with(line, replacement))), expect, "{replacement}");
}

/// The full file with a price and a context for its other model.
fn priced() -> String {
    let qwen = "usage_option = false";
    let price = "context_tokens = 32768\nprice = { input = \"0.1\", output = \"0.4\" }";
    with(qwen, &format!("{qwen}\n{price}"))
}

fn priced_with(line: &str, replacement: &str) -> String {
    let text = priced();
    assert_eq!(text.matches(line).count(), 1, "{line}");
    text.replace(line, replacement)
}

#[test]
fn caps_and_what_goes_with_them_load_as_they_say() {
    let caps = "monthly_cap = \"500.00\"\ndaily_cap = \"40\"\nhold_wait = \"5s\"\n\
                timezone = \"America/Toronto\"";
    let text = priced_with(REGIONS, &format!("{REGIONS}\n{caps}"))
        .replace(USER, &format!("{USER}\nmonthly_cap = \"7.5\""));
    let text = text + "[balance]\nprepaid = false\n[ledger]\nunknown_outcome = \"release\"\n";
    let config = read(&text).unwrap().config;
    let money = |text: &str| Money::parse(text).ok();
    let prod = &config.environments[&EnvironmentName::parse("prod").unwrap()];
    assert_eq!((prod.caps.monthly, prod.caps.daily), (money("500"), money("40")));
    assert_eq!((prod.hold_wait, prod.timezone.name()), (Span::from_secs(5), "America/Toronto"));
    let dev = &config.environments[&EnvironmentName::parse("dev").unwrap()];
    assert!(dev.caps.is_none());
    assert_eq!((dev.hold_wait, dev.timezone.name()), (Span::from_secs(2), "UTC"));
    let chat = &config.surfaces[&SurfaceName::parse("support-chat").unwrap()];
    assert_eq!((chat.caps.monthly, chat.caps.daily), (money("7.5"), None));
    assert_eq!(config.prepaid, Prepaid::Never);
    assert_eq!(config.unknown_outcome, UnknownOutcome::Release);
}

#[test]
fn amounts_that_are_none_do_not_load() {
    for (cap, code) in [
        ("\"-5\"", "bad_value"),
        ("\"1e3\"", "bad_value"),
        ("\"20/day\"", "bad_value"),
        ("\"5 USD\"", "bad_value"),
        ("\"$5\"", "bad_value"),
        ("\"1,50\"", "bad_value"),
        ("\"0.0000000001\"", "bad_value"),
        ("\"99999999999999999999\"", "bad_value"),
        ("\"1000000001\"", "out_of_range"),
        ("500", "wrong_type"),
        ("5.0", "wrong_type"),
        ("true", "wrong_type"),
    ] {
        for name in ["monthly_cap", "daily_cap"] {
            check(REGIONS, &format!("{name} = {cap}"), &[code]);
            check(USER, &format!("{name} = {cap}"), &[code]);
        }
    }
    check(REGIONS, "hold_wait = \"61s\"", &["out_of_range"]);
    check(REGIONS, "hold_wait = 2", &["wrong_unit"]);
    check(REGIONS, "timezone = \"Mars/Olympus\"", &["bad_value"]);
    check("[environments.dev]", "[balance]\nprepaid = \"yes\"\n[environments.dev]", &["bad_value"]);
    let outcome = "[ledger]\nunknown_outcome = \"forget\"\n[environments.dev]";
    check("[environments.dev]", outcome, &["bad_value"]);
    check("[environments.dev]", "[balance]\nlow = \"5\"\n[environments.dev]", &["unknown_key"]);
}

#[test]
fn what_a_cap_can_reach_has_a_price() {
    // Nothing limits money: a price is nobody's duty.
    assert_eq!(codes(read(FULL)), [""; 0]);
    check(REGIONS, &format!("{REGIONS}\nmonthly_cap = \"5\""), &["unpriced_model"]);
    check(USER, "daily_cap = \"5\"", &["unpriced_model"]);
    check(
        "[environments.dev]",
        "[balance]\nprepaid = true\n[environments.dev]",
        &["unpriced_model"],
    );
    assert_eq!(codes(read(&priced_with(REGIONS, "monthly_cap = \"5\""))), [""; 0]);
    // A model that no upstream in the environment's regions answers for is not reached.
    check(REGIONS, "regions = [\"DE\"]\nmonthly_cap = \"5\"", &[""; 0]);
    // One that the capped surface does not list, neither.
    let other = with("models = [\"gpt-oss-20b\", \"qwen\"]", "models = [\"gpt-oss-20b\"]");
    assert_eq!(codes(read(&other.replace(USER, "daily_cap = \"5\""))), [""; 0]);
    // A fallback without a price is a way to spend unseen.
    let half = priced().replace("price = { input = \"0.1\", output = \"0.4\" }", "");
    let half = half.replace(
        "upstream = [\"bastion\", { name = \"spare\", model = \"qwen3-32b\" }]",
        "upstream = [{ name = \"bastion\", price = { input = \"1\", output = \"1\" } }, \"spare\"]",
    );
    let capped = half.replace("[environments.dev]", "[environments.dev]\nmonthly_cap = \"5\"");
    assert_eq!(codes(read(&capped)), ["unpriced_model"]);
}

#[test]
fn what_a_cap_can_reach_has_an_end() {
    let capped = |text: &str| text.replace(REGIONS, "monthly_cap = \"5\"");
    let endless = priced_with(CONTEXT, "");
    assert_eq!(codes(read(&capped(&endless))), ["unbounded_model"]);
    assert_eq!(codes(read(&endless)), [""; 0]);
    let kind = |kind: &str, price: &str| {
        let text = endless.replace("kind = \"chat\"", &format!("kind = \"{kind}\""));
        let text = text.replace("price = { input = \"0.05\", output = \"0.20\" }", price);
        codes(read(&capped(&text)))
    };
    let free = "price = { input = \"0\", output = \"0\" }";
    assert_eq!(kind("chat", free), [""; 0], "what costs nothing needs no bound");
    assert_eq!(kind("embeddings", "price = { input = \"0.05\" }"), [""; 0]);
    assert_eq!(kind("transcription", "price = { audio_minute = \"0.01\" }"), [""; 0]);
    let by_tokens = "price = { audio_minute = \"0.01\", input = \"1\" }";
    assert_eq!(kind("transcription", by_tokens), ["unbounded_model"]);
}

#[test]
fn the_message_names_the_cap_the_model_and_the_mend() {
    let told = rendered(&with(REGIONS, "monthly_cap = \"5\""));
    assert_eq!(
        told,
        "error[unpriced_model]: the environment 'prod' has a cap and can reach the model 'qwen', \
         which has no price at the upstream 'bastion'
  --> bastion.toml:50:1
   |
50 | [models.qwen]
   | ^^^^^^^^^^^^^
   |
   = help: add its price, such as price = { input = \"0.05\", output = \"0.20\" }, or keep it out \
         of this environment by its regions
"
    );
}

#[test]
fn a_cap_that_holds_few_calls_is_warned_of_and_each_says_how_many() {
    let capped = |cap: &str| {
        let text = priced_with(REGIONS, &format!("monthly_cap = \"{cap}\"\ndaily_cap = \"90\""));
        read(&text).unwrap()
    };
    let loaded = capped("80");
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let rows = loaded.config.calls_at_once();
    // 131072 tokens at 0.05 and the surface's ceiling of 4000 at 0.20 are dearer than the other's
    // 32768 at 0.1 and 4000 at 0.4.
    assert_eq!((rows.len(), rows[0].model.as_str()), (1, "gpt-oss-20b"));
    assert_eq!(
        (rows[0].cap.as_str(), rows[0].each.nanos()),
        ("environments.prod.monthly_cap", 7_353_600)
    );
    assert_eq!(rows[0].calls, 80_000_000_000 / 7_353_600);
    let warnings = capped("0.0735").warnings;
    let found = &warnings.diagnostics[0];
    assert_eq!((warnings.diagnostics.len(), found.code, found.line), (1, "few_calls", Some(36)));
    assert!(found.message.contains("9 full calls of the surface 'support-chat'"), "{warnings}");
    assert!(capped("0.073536").warnings.is_empty(), "ten are enough");
    assert_eq!(capped("0").warnings.diagnostics.len(), 1);
}
