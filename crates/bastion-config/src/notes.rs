//! What the readers write down on their way: findings, and each effective value with its source.
//!
//! The one place where a finding meets the file's text; it must never keep the text unmasked.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::lines::Lines;
use crate::mask;
use crate::report::{Diagnostic, Excerpt, Place, Severity};
use crate::shown::{SettingSource, ShownSetting};
use crate::tree::Origin;

/// Longer lines are named and not shown.
const LONGEST_SHOWN_LINE_BYTES: usize = 1000;

/// What is wrong with a value, before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) note: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), help: None, note: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Problem {
        Problem { help: Some(help.into()), ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Problem {
        Problem { note: Some(note.into()), ..self }
    }
}

/// The readers' notebook.
#[derive(Debug)]
pub(crate) struct Notes {
    path: Option<PathBuf>,
    /// The whole file with everything hidden that could be a secret.
    masked: String,
    lines: Lines,
    findings: RefCell<Vec<Diagnostic>>,
    shown: RefCell<Vec<ShownSetting>>,
}

impl Notes {
    /// For a file of this path and, already masked, this text; none for defaults alone.
    pub(crate) fn new(path: Option<&Path>, masked: String) -> Notes {
        let lines = Lines::new(&masked);
        Notes {
            path: path.map(Path::to_owned),
            masked,
            lines,
            findings: RefCell::default(),
            shown: RefCell::default(),
        }
    }

    /// Writes an error down.
    pub(crate) fn error(&self, key: &str, origin: &Origin, problem: Problem) {
        self.note(Severity::Error, key, origin, problem);
    }

    /// Writes a warning down.
    pub(crate) fn warning(&self, key: &str, origin: &Origin, problem: Problem) {
        self.note(Severity::Warning, key, origin, problem);
    }

    fn note(&self, severity: Severity, key: &str, origin: &Origin, problem: Problem) {
        let (line, column, place) = self.locate(origin);
        self.findings.borrow_mut().push(Diagnostic {
            code: problem.code,
            severity,
            message: mask::keys(&problem.message),
            line,
            column,
            key: (!key.is_empty()).then(|| mask::keys(key)),
            help: problem.help.as_deref().map(mask::keys),
            note: problem.note.as_deref().map(mask::keys),
            place,
        });
    }

    /// Writes an effective value down.
    pub(crate) fn show(&self, key: String, value: &str, origin: &Origin) {
        let source = match (origin, &self.path) {
            (Origin::Variable(variable), _) => {
                SettingSource::Environment { variable: variable.clone() }
            }
            (Origin::Span(span), Some(path)) => {
                SettingSource::File { path: path.clone(), line: self.lines.of(span.start).0 }
            }
            (Origin::Default | Origin::Span(_), _) => SettingSource::Default,
        };
        self.shown.borrow_mut().push(ShownSetting { key, value: mask::keys(value), source });
    }

    /// Errors, warnings and values, each in the file's order.
    pub(crate) fn finish(self) -> (Vec<Diagnostic>, Vec<Diagnostic>, Vec<ShownSetting>) {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| {
            (finding.line.unwrap_or(usize::MAX), finding.column.unwrap_or(usize::MAX))
        });
        let (errors, warnings) =
            findings.into_iter().partition(|finding| finding.severity == Severity::Error);
        (errors, warnings, self.shown.into_inner())
    }

    fn locate(&self, origin: &Origin) -> (Option<usize>, Option<usize>, Place) {
        match (origin, &self.path) {
            (Origin::Variable(name), _) => (None, None, Place::Variable(name.clone())),
            (Origin::Default | Origin::Span(_), None) => (None, None, Place::Nowhere),
            (Origin::Default, Some(path)) => (None, None, Place::File(path.clone())),
            (Origin::Span(span), Some(path)) => {
                let (line, range) = self.lines.of(span.start);
                let text = self.masked.get(range.clone()).unwrap_or_default();
                let begin = floor(text, span.start.saturating_sub(range.start));
                let end = floor(text, span.end.saturating_sub(range.start)).max(begin);
                let column = text.get(..begin).unwrap_or_default().chars().count() + 1;
                // Where a comment stood there are spaces now.
                let shown = text.get(..text.trim_end().len().max(end)).unwrap_or(text);
                let text = (shown.len() <= LONGEST_SHOWN_LINE_BYTES).then(|| shown.to_owned());
                let excerpt = Excerpt { text, span: begin..end };
                (Some(line), Some(column), Place::Line(path.clone(), excerpt))
            }
        }
    }
}

/// The nearest character's begin at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{RenderStyle, Report};

    fn render(text: &str, origin: &Origin) -> String {
        let notes = Notes::new(Some(Path::new("bastion.toml")), text.to_owned());
        let problem = Problem::new("wrong_type", "'a' must be a text").help("put it in quotes");
        notes.error("a", origin, problem.note("or not"));
        Report::new(notes.finish().0).render(RenderStyle::Plain)
    }

    #[test]
    fn a_finding_is_shown_as_rustc_does() {
        let text = render("# one\na = 3\n", &Origin::Span(10..11));
        assert_eq!(
            text,
            "error[wrong_type]: 'a' must be a text
 --> bastion.toml:2:5
  |
2 | a = 3
  |     ^
  |
  = note: or not
  = help: put it in quotes
"
        );
    }

    #[test]
    fn a_place_may_lie_anywhere() {
        let spans = (0..12).flat_map(|begin| (begin..14).map(move |end| begin..end));
        for span in spans {
            for text in ["", "é", "a\r\n", "a = \"\"\"\nx"] {
                assert!(render(text, &Origin::Span(span.clone())).contains("bastion.toml:"));
            }
        }
    }

    #[test]
    fn a_very_long_line_is_named_and_not_shown() {
        let text = render(&"x".repeat(5000), &Origin::Span(3000..3001));
        assert!(text.contains("bastion.toml:1:3001") && !text.contains("xxx"), "{text}");
    }
}
