//! The report for a terminal: a plan, section by section.
//!
//! It must never put a colour where nobody sees it, nor say anything by colour alone.

use crate::report::told::{Section, age, card, headline, moment, sections, word, wrapped};
use crate::report::{BoxReport, Report, Verdict};

/// Are there colours?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// None.
    Plain,
    /// For a terminal.
    Colored,
}

/// Letters of a line.
const WIDTH: usize = 96;

/// How far what is said of a box stands in.
const INDENT: &str = "      ";

/// The whole report.
pub fn text(report: &Report, style: Style) -> String {
    let head =
        if report.ready { style.good(&headline(report)) } else { style.bad(&headline(report)) };
    let mut lines = vec![format!("{head}   ({})", moment(report))];
    for section in sections(report) {
        lines.push(String::new());
        lines.push(style.bold(&title(&section)));
        for told in section.boxes {
            one(told, style, &mut lines);
        }
    }
    lines.extend(next(report));
    lines.join("\n")
}

fn title(section: &Section<'_>) -> String {
    let open = section.boxes.iter().filter(|told| told.verdict == Verdict::Fail).count();
    let state = if open == 0 { "all done".to_owned() } else { format!("{open} open") };
    format!("{} ({state})", section.title)
}

fn one(told: &BoxReport, style: Style, lines: &mut Vec<String>) {
    let mark = match told.verdict {
        Verdict::Pass | Verdict::Attested => style.good("[x]"),
        Verdict::Waived => style.dim("[~]"),
        Verdict::Fail => style.bad("[ ]"),
    };
    lines.push(format!("  {mark} {:<30} {}", told.id, word(told.verdict)));
    if let Some(card) = card(told) {
        lines.extend(paragraph(INDENT, INDENT, card.sentence).iter().map(|line| style.dim(line)));
    }
    lines.extend(paragraph(INDENT, INDENT, &told.reason));
    for evidence in &told.evidence {
        let seen = format!("{} ({})", evidence.what, age(evidence));
        lines.extend(paragraph(&format!("{INDENT}- "), &format!("{INDENT}  "), &seen));
    }
    if told.verdict != Verdict::Pass {
        let first = format!("{INDENT}-> ");
        lines.extend(paragraph(&first, &format!("{INDENT}   "), &told.mend));
    }
}

fn paragraph(first: &str, rest: &str, text: &str) -> Vec<String> {
    let width = WIDTH.saturating_sub(first.len());
    let indent = |at: usize| if at == 0 { first } else { rest };
    wrapped(text, width)
        .iter()
        .enumerate()
        .map(|(at, line)| format!("{}{line}", indent(at)))
        .collect()
}

/// What to do first.
fn next(report: &Report) -> Vec<String> {
    if report.ready {
        return Vec::new();
    }
    let environment = &report.environment;
    let drills = report
        .boxes
        .iter()
        .filter(|told| told.verdict == Verdict::Fail && told.mend.contains("bastion drill run"));
    let mut lines = vec![String::new()];
    let drills = drills.count();
    if drills > 0 {
        lines.push(format!(
            "Next: 'bastion check --fix --env {environment}' runs the drills behind {drills} of the \
             open boxes."
        ));
    }
    lines.push(
        "What stays open on purpose is written down: [[waivers]] with box, reason, owner and expires."
            .to_owned(),
    );
    lines
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Colored => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
}
