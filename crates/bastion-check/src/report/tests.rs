//! The report of an untouched deployment in every format, and that no text becomes markup.

use bastion_config::Waiver;
use bastion_types::{BoxId, CalendarDay};

use super::html::html;
use super::junit::junit;
use super::markdown::markdown;
use super::text::{Style, text};
use super::*;
use crate::drilled::tests::passed;
use crate::facts::Facts;
use crate::gate::judge;

/// One box of each verdict.
fn mixed() -> Report {
    let mut facts = Facts::nothing();
    facts.drills = vec![passed(&facts, "retry")];
    let waiver = Waiver {
        box_id: BoxId::parse("privacy.pii").unwrap(),
        reason: "<b>no</b> & 'paying' *users*".to_owned(),
        owner: "platform".to_owned(),
        expires: CalendarDay::parse("2026-11-30").unwrap(),
    };
    judge(&facts, &[waiver], &["reliability.retry", "reliability.retry-after", "privacy.pii"])
}

#[test]
fn an_untouched_deployment_reads_like_a_plan() {
    insta::assert_snapshot!(text(&judge(&Facts::nothing(), &[], &[]), Style::Plain));
}

#[test]
fn verdicts_are_told_in_text() {
    insta::assert_snapshot!(text(&mixed(), Style::Plain));
    let colored = text(&mixed(), Style::Colored);
    assert!(colored.contains("\u{1b}[32m[x]\u{1b}[0m reliability.retry "), "{colored}");
}

#[test]
fn verdicts_are_told_in_markdown_and_junit() {
    insta::assert_snapshot!(markdown(&mixed()));
    insta::assert_snapshot!(junit(&mixed()));
}

#[test]
fn a_page_needs_nothing_else_and_no_text_is_markup() {
    let page = html(&judge(&Facts::nothing(), &[], &[]));
    for outside in ["http:", "https:", "<script", "<link", "<img", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert_eq!(page.matches("<article").count(), 26);
    let page = html(&mixed());
    assert!(!page.contains("<b>no") && page.contains("&lt;b&gt;no&lt;/b&gt; &amp; &#39;paying"));
    let all = format!("{}{}", junit(&mixed()), markdown(&mixed()));
    assert!(!all.contains("<b>no"), "{all}");
}

#[test]
fn the_report_reads_back_as_it_was_written() {
    let report = mixed();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(serde_json::from_value::<Report>(json.clone()).unwrap(), report);
    let fields: Vec<&String> = json["boxes"][0].as_object().unwrap().keys().collect();
    let expect = ["id", "verdict", "reason", "mend", "proved_by", "evidence", "waiver"];
    assert_eq!(fields, expect);
    assert_eq!(json["boxes"][0]["evidence"][0]["limit_s"], 2_592_000);
    assert_eq!(json["boxes"][2]["verdict"], "waived");
}
