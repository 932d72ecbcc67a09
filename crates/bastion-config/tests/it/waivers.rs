//! Waivers: what loads, and what is wrong with one, with its line and the mend.

use bastion_config::INIT_TOML;

use super::read;

const WHOLE: &str = "[[waivers]]\nbox = \"drills.credit-limit\"\nreason = \"no paying users\"\n\
     owner = \"platform\"\nexpires = 2026-12-31\n";

fn with(waivers: &str) -> String {
    format!("{INIT_TOML}\n{waivers}")
}

#[test]
fn a_waiver_has_a_box_a_reason_an_owner_and_an_end() {
    let second =
        WHOLE.replace("drills.credit-limit", "privacy.pii").replace("2026-12-31", "\"2027-01-01\"");
    let loaded = read(&with(&format!("{WHOLE}{second}"))).unwrap();
    let waivers = &loaded.config.waivers;
    assert_eq!(waivers.len(), 2);
    assert_eq!(waivers[0].box_id.as_str(), "drills.credit-limit");
    assert_eq!(
        (waivers[0].reason.as_str(), waivers[0].owner.as_str()),
        ("no paying users", "platform")
    );
    assert_eq!(waivers[0].expires.to_string(), "2026-12-31");
    assert_eq!(waivers[1].expires.to_string(), "2027-01-01");
    let shown = loaded.shown.iter().find(|row| row.key == "waivers[0].expires").unwrap();
    assert_eq!(shown.value, "2026-12-31");
    assert!(read(INIT_TOML).unwrap().config.waivers.is_empty());
}

/// `wrong` replaces `line` of a whole waiver; the report must hold every part.
fn check(line: &str, wrong: &str, parts: &[&str]) {
    assert!(WHOLE.contains(line), "{line}");
    let text = with(&WHOLE.replace(line, wrong));
    let report = read(&text).unwrap_err().to_string();
    for part in parts {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
    let line = text.lines().position(|line| line == "[[waivers]]").unwrap() + 1;
    let told = (line..line + 10).any(|line| report.contains(&format!("bastion.toml:{line}:")));
    assert!(told, "no line of the waiver in:\n{report}");
}

#[test]
fn a_waiver_that_lacks_something_does_not_load() {
    for name in ["box", "reason", "owner", "expires"] {
        let line = WHOLE.lines().find(|line| line.starts_with(name)).unwrap();
        check(line, "", &["missing_key", name]);
    }
    check("owner = \"platform\"", "owner = \"\"", &["bad_value", "must not be empty"]);
    check("owner = \"platform\"", "owner = 3", &["wrong_type"]);
}

#[test]
fn a_waiver_of_an_unknown_box_does_not_load() {
    let limt = "box = \"drills.credit-limt\"";
    check(
        "box = \"drills.credit-limit\"",
        limt,
        &["unknown_box", "did you mean 'drills.credit-limit'?"],
    );
    check("box = \"drills.credit-limit\"", "box = \"spend\"", &["unknown_box", "bastion check"]);
}

#[test]
fn a_waiver_ends_on_a_day_of_the_calendar() {
    for wrong in ["2026-12-31T00:00:00Z", "\"soon\"", "\"2027-02-29\"", "20261231"] {
        check("expires = 2026-12-31", &format!("expires = {wrong}"), &["2026-12-31"]);
    }
}

#[test]
fn a_box_is_waived_once_and_a_slip_is_understood() {
    check("expires = 2026-12-31", &format!("expires = 2026-12-31\n{WHOLE}"), &["set_twice"]);
    check("owner = ", "ownr = ", &["unknown_key", "did you mean 'owner'?"]);
    let report = read(&with("").replacen('\n', "\nwaivers = 3\n", 1)).unwrap_err().to_string();
    assert!(report.contains("write [[waivers]]"), "{report}");
}
