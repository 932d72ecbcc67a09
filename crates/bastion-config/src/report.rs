//! What is wrong with a configuration, and how it is shown: in the manner of rustc.
//!
//! It must never be given text that was not masked before: all of it is shown.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Everything that is wrong with one configuration, in the file's order.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Each finding, at most a hundred.
    pub diagnostics: Vec<Diagnostic>,
    /// Findings beyond those.
    pub omitted: usize,
}

/// How a report is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderStyle {
    /// Text alone.
    Plain,
    /// With terminal colours.
    Colored,
}

/// Does a finding stop the start?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Yes.
    Error,
    /// No.
    Warning,
}

/// One finding. No field of it ever holds a secret.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The stable code that `bastion explain` knows.
    pub code: &'static str,
    /// Does it stop the start?
    pub severity: Severity,
    /// What is wrong: lower case, one line.
    pub message: String,
    /// Line in the file, from 1; none when it is about no line.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// The setting's dotted key.
    pub key: Option<String>,
    /// The mend.
    pub help: Option<String>,
    /// What else is worth knowing, such as the settings that are known there.
    pub note: Option<String>,
    pub(crate) place: Place,
}

/// Where a finding is shown.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Neither file nor variable: defaults alone were read.
    Nowhere,
    /// The file as a whole.
    File(PathBuf),
    /// A line of it.
    Line(PathBuf, Excerpt),
    /// An environment variable.
    Variable(String),
}

/// One masked line of the file.
#[derive(Debug, Clone)]
pub(crate) struct Excerpt {
    /// None where the line is too long to be shown.
    pub(crate) text: Option<String>,
    /// What the finding is about, in bytes of that line.
    pub(crate) span: Range<usize>,
}

/// More findings than these help nobody; the rest are counted.
const MAX_FINDINGS: usize = 100;

impl Report {
    /// Of these findings, in this order.
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Report {
        let omitted = diagnostics.len().saturating_sub(MAX_FINDINGS);
        diagnostics.truncate(MAX_FINDINGS);
        Report { diagnostics, omitted }
    }

    /// Is nothing wrong?
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// As text, a paragraph for each finding; empty when there is none.
    pub fn render(&self, style: RenderStyle) -> String {
        let renderer = match style {
            RenderStyle::Plain => Renderer::plain(),
            RenderStyle::Colored => Renderer::styled(),
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut paragraphs: Vec<String> =
            self.diagnostics.iter().map(|finding| renderer.render(&[group(finding)])).collect();
        if self.omitted > 0 {
            paragraphs.push(format!("and {} more; mend these first", self.omitted));
        }
        let mut text = paragraphs.join("\n\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(RenderStyle::Plain))
    }
}

impl std::error::Error for Report {}

fn group(finding: &Diagnostic) -> Group<'_> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&finding.message).id(finding.code);
    let line = finding.line.unwrap_or(1);
    let mut group = match &finding.place {
        Place::Nowhere => Group::with_title(title),
        Place::File(path) => title.element(Origin::path(path.to_string_lossy())),
        Place::Variable(name) => {
            title.element(Origin::path(format!("environment variable {name}")))
        }
        Place::Line(path, Excerpt { text: Some(text), span }) => title.element(
            Snippet::source(text)
                .line_start(line)
                .path(path.to_string_lossy())
                .annotation(AnnotationKind::Primary.span(span.clone())),
        ),
        Place::Line(path, Excerpt { text: None, .. }) => {
            let origin = Origin::path(path.to_string_lossy()).line(line);
            title.element(origin.char_column(finding.column.unwrap_or(1)))
        }
    };
    if let Some(note) = &finding.note {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}
