//! The report for a build server: a suite for each section, a case for each box.
//!
//! It must never let an open box look like a passed case.

use crate::report::told::{Section, card, escaped, headline, sections};
use crate::report::{BoxReport, Report, Verdict};

/// The whole report, as `JUnit` XML.
pub fn junit(report: &Report) -> String {
    let all: Vec<&BoxReport> = report.boxes.iter().collect();
    let mut lines = vec![
        r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(),
        format!(r#"<testsuites name="{}"{}>"#, escaped(&headline(report)), counts(&all)),
    ];
    for section in sections(report) {
        suite(report, &section, &mut lines);
    }
    lines.push("</testsuites>".to_owned());
    lines.join("\n")
}

fn suite(report: &Report, section: &Section<'_>, lines: &mut Vec<String>) {
    let (title, at) = (escaped(section.title), report.at.to_string());
    let at = at.get(..19).unwrap_or(&at);
    let counts = counts(&section.boxes);
    lines.push(format!(r#"  <testsuite name="{title}" timestamp="{at}" time="0"{counts}>"#));
    for told in &section.boxes {
        case(report, told, lines);
    }
    lines.push("  </testsuite>".to_owned());
}

fn case(report: &Report, told: &BoxReport, lines: &mut Vec<String>) {
    let (id, environment) = (escaped(&told.id), escaped(&report.environment));
    let (reason, mend) = (escaped(&told.reason), escaped(&told.mend));
    let sentence = card(told).map(|card| escaped(card.sentence)).unwrap_or_default();
    lines.push(format!(r#"    <testcase classname="bastion.{environment}" name="{id}" time="0">"#));
    lines.push(match told.verdict {
        Verdict::Fail => {
            format!("      <failure message=\"{reason}\">{sentence}\n{mend}</failure>")
        }
        Verdict::Waived => format!("      <skipped message=\"{reason}\"/>"),
        Verdict::Pass | Verdict::Attested => {
            format!("      <system-out>{reason}</system-out>")
        }
    });
    lines.push("    </testcase>".to_owned());
}

fn counts(boxes: &[&BoxReport]) -> String {
    let count = |verdict| boxes.iter().filter(|told| told.verdict == verdict).count();
    let (failures, skipped) = (count(Verdict::Fail), count(Verdict::Waived));
    format!(r#" tests="{}" failures="{failures}" errors="0" skipped="{skipped}""#, boxes.len())
}
