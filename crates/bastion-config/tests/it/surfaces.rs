//! Use cases: their models, reasons and budgets, and what environments ask of calls.

use bastion_config::{AboveCeiling, RenderStyle, TokenBudget};
use bastion_types::{Enforce, ModelName};

use super::{FULL, codes, read, with};

const MODELS: &str = "models = [\"gpt-oss-20b\", \"qwen\"]";
const BUDGET: &str = "max_tokens = { default = 1500, ceiling = 4000, above = \"clamp\" }";

fn check(line: &str, replacement: &str, expect: &[&str]) {
    assert_eq!(codes(read(&with(line, replacement))), expect, "{replacement}");
}

#[test]
fn a_surface_says_what_it_is() {
    let config = read(FULL).unwrap().config;
    let (name, surface) = config.surfaces.iter().next().unwrap();
    assert_eq!(name.as_str(), "support-chat");
    let models: Vec<&str> = surface.models.iter().map(ModelName::as_str).collect();
    assert_eq!(models, ["gpt-oss-20b", "qwen"]);
    assert_eq!((surface.why.len(), surface.owner.as_str()), (38, "support-platform"));
    let budget =
        TokenBudget { default: Some(1500), ceiling: Some(4000), above: AboveCeiling::Clamp };
    assert_eq!(surface.max_tokens, budget);
    assert_eq!((surface.require_user, surface.enforce), (true, Enforce::Observe));
    let plain = read(&with(BUDGET, "")).unwrap().config;
    assert_eq!(plain.surfaces.values().next().unwrap().max_tokens, TokenBudget::default());
}

#[test]
fn a_surface_has_models_a_reason_and_an_owner() {
    check("why = \"short answers from a retrieved passage\"", "", &["missing_key"]);
    check("why = \"short answers from a retrieved passage\"", "why = \" \"", &["bad_value"]);
    check("owner = \"support-platform\"", "", &["missing_key"]);
    check(MODELS, "", &["missing_key"]);
    check(MODELS, "models = []", &["out_of_range"]);
    check(MODELS, "models = \"gpt-oss-20b\"", &["wrong_type"]);
    check(MODELS, "models = [\"qwen\", \"qwen\"]", &["set_twice"]);
    check("[surfaces.support-chat]", "[surfaces.\"support chat\"]", &["bad_name"]);
    check("enforce = \"observe\"", "enforce = \"off\"", &["bad_value"]);
    check("require_user = true", "require_user = 1", &["wrong_type"]);
    check("pii = \"off\"", "pii = \"mask\"", &["not_in_this_version"]);
}

#[test]
fn a_surface_names_models_that_there_are() {
    let report = read(&with(MODELS, "models = [\"qwem\"]")).unwrap_err();
    let text = report.render(RenderStyle::Plain);
    for part in [
        "error[unknown_model]: the surface 'support-chat' names an unknown model 'qwem'",
        "configured: gpt-oss-20b, qwen",
        "did you mean 'qwen'?",
    ] {
        assert!(text.contains(part), "{text}");
    }
    check("[models.qwen]", "[models.\"surface:qwen\"]", &["bad_name", "unknown_model"]);
}

#[test]
fn a_budget_fits_itself_and_its_model() {
    let budget = |text: &str, expect: &[&str]| {
        check(BUDGET, &format!("max_tokens = {{ {text} }}"), expect);
    };
    budget("default = 10, ceiling = 9", &["out_of_range"]);
    budget("default = 0", &["out_of_range"]);
    budget("ceiling = -1", &["out_of_range"]);
    budget("default = \"10\"", &["wrong_type"]);
    budget("above = \"cut\"", &["bad_value"]);
    budget("", &["bad_value"]);
    budget("above = \"clamp\"", &["bad_value"]);
    budget("ceiling = 9, maximum = 5", &["unknown_key"]);
    budget("default = 8192", &[]);
    budget("default = 8193, ceiling = 9000", &["out_of_range"]);
    budget("ceiling = 4000", &[]);
    check(BUDGET, "max_tokens = 4000", &["wrong_type"]);
}

#[test]
fn an_environment_may_ask_for_more_of_its_calls() {
    let regions = "regions = [\"CA\"]";
    let more = "enforce = \"observe\"\nrequire_surface = true\nrequire_user = true";
    let config = read(&with(regions, more)).unwrap().config;
    let prod = config.environments.values().next_back().unwrap();
    assert_eq!(prod.enforce, Enforce::Observe);
    assert!(prod.require_surface && prod.require_user);
    check(regions, "require_surface = \"yes\"", &["wrong_type"]);
    check(regions, "enforce = \"observ\"", &["bad_value"]);
}
