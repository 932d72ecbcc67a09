//! The report for a pull request or a wiki.
//!
//! It must never let a text of the deployment become markup.

use crate::report::told::{age, card, headline, moment, sections, word};
use crate::report::{BoxReport, Report, Verdict};

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let mut lines = vec![format!("# {}", plain(&headline(report))), String::new(), moment(report)];
    for section in sections(report) {
        lines.push(format!("\n## {}\n", section.title));
        for told in section.boxes {
            one(told, &mut lines);
        }
    }
    lines.join("\n")
}

fn one(told: &BoxReport, lines: &mut Vec<String>) {
    // A waived box stays unchecked: its reason stands beside it.
    let is_checked = matches!(told.verdict, Verdict::Pass | Verdict::Attested);
    let mark = if is_checked { "x" } else { " " };
    let sentence = card(told).map_or("", |card| card.sentence);
    lines.push(format!("- [{mark}] `{}` **{}** {}", told.id, word(told.verdict), plain(sentence)));
    lines.push(format!("  - {}", plain(&told.reason)));
    for evidence in &told.evidence {
        lines.push(format!("  - {} ({})", plain(&evidence.what), age(evidence)));
    }
    if told.verdict != Verdict::Pass {
        lines.push(format!("  - next: {}", plain(&told.mend)));
    }
}

/// What has a meaning in Markdown, or in the HTML that it may hold, is escaped.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\`*_[]<>&|#".contains(letter) {
            safe.push('\\');
        }
        safe.push(if letter.is_control() { ' ' } else { letter });
    }
    safe
}
