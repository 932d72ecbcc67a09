//! The forms that the gate's report can have.
//!
//! It must never colour what is not for a terminal.

use bastion_check::{Report, Style, html, junit, markdown, text};
use bastion_config::RenderStyle;
use clap::ValueEnum;

use crate::exit::Exit;
use crate::operator::Failure;
use crate::out;

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal
    Text,
    /// For programs, in one line
    Json,
    /// For a pull request
    Markdown,
    /// For a build server
    Junit,
    /// One page that needs nothing else
    Html,
}

impl Format {
    /// The whole report.
    pub(super) fn write(self, report: &Report) -> Result<String, Failure> {
        Ok(match self {
            Format::Text => text(report, style()),
            Format::Json => serde_json::to_string(report).map_err(|cause| {
                Failure::new(Exit::No, format!("the report cannot be written: {cause}"))
            })?,
            Format::Markdown => markdown(report),
            Format::Junit => junit(report),
            Format::Html => html(report),
        })
    }
}

fn style() -> Style {
    match out::style_of_stdout() {
        RenderStyle::Colored => Style::Colored,
        RenderStyle::Plain => Style::Plain,
    }
}
