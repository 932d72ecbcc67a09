//! `bastion explain`: the page of each code, of refusals and of the configuration.
//!
//! It must never promise what this version does not do.

mod pages;

use clap::Args;
use serde_json::json;

use crate::exit::Exit;
use crate::out;
use pages::{About, Page};

const EXAMPLES: &str = "\
Examples:
  bastion explain                      all codes, a line each
  bastion explain model_not_found
  bastion explain literal_secret --json";

/// Longest unknown code that is repeated, in characters.
const LONGEST_ECHO_CHARS: usize = 64;

/// What a code means, why, and how to mend it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArguments {
    /// The code of an answer or of `bastion config check`; without one: all of them
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never: an unknown code is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &ExplainArguments) -> anyhow::Result<Exit> {
    let Some(asked) = &arguments.code else {
        out::line(&if arguments.json { list_json() } else { list() });
        return Ok(Exit::Done);
    };
    let code = normal(asked);
    let Some(page) = pages::all().find(|page| page.code == code) else {
        out::error(&unknown(&code));
        return Ok(Exit::Usage);
    };
    if arguments.json {
        let about = page.about.as_str();
        out::line(&json!({ "code": page.code, "about": about, "page": page.text }).to_string());
    } else {
        out::line(&for_people(page.text));
    }
    Ok(Exit::Done)
}

/// The code in what was pasted: `error[unknown_key]`, `"code": "x"`, another case.
fn normal(asked: &str) -> String {
    let inside = asked.split_once('[').map_or(asked, |(_, behind)| behind);
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    inside.trim_matches(|letter| !is_letter(letter)).to_lowercase().replace('-', "_")
}

fn unknown(code: &str) -> String {
    let shown: String = out::printable(code).chars().take(LONGEST_ECHO_CHARS).collect();
    let near = pages::all()
        .map(|page| (strsim::osa_distance(&shown, page.code), page.code))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, known)) => format!("no code '{shown}'; did you mean '{known}'?"),
        None => format!("no code '{shown}'; 'bastion explain' lists all of them"),
    }
}

fn list() -> String {
    let of = |about: About| {
        let rows = pages::all().filter(|page| page.about == about);
        let rows = rows.map(|page| vec![page.code.to_owned(), page.summary()]).collect();
        out::table(&["code", about.title()], rows)
    };
    format!("{}\n\n{}", of(About::Refusal), of(About::Configuration))
}

fn list_json() -> String {
    let row = |page: Page| json!({ "code": page.code, "about": page.about.as_str(), "summary": page.summary() });
    json!({ "data": pages::all().map(row).collect::<Vec<_>>(), "next": null }).to_string()
}

/// A page without its marks: titles stand alone, examples are set in.
fn for_people(text: &str) -> String {
    let mut lines = Vec::new();
    let mut in_example = false;
    for line in text.trim_end().lines() {
        if line.starts_with("```") {
            in_example = !in_example;
        } else if in_example {
            lines.push(format!("    {line}").trim_end().to_owned());
        } else {
            lines.push(line.trim_start_matches('#').trim_start().to_owned());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_code_is_found() {
        let check = |asked: &str, expect: &str| assert_eq!(normal(asked), expect);
        check("model_not_found", "model_not_found");
        check("MODEL-NOT-FOUND", "model_not_found");
        check("error[unknown_key]:", "unknown_key");
        check("\"upstream_error\",", "upstream_error");
        check("", "");
    }

    #[test]
    fn an_unknown_code_is_answered_with_the_nearest() {
        assert!(unknown("model_not_fund").contains("did you mean 'model_not_found'?"));
        assert!(unknown("literal_secrets").contains("did you mean 'literal_secret'?"));
        for stranger in ["", "teapot", &"x".repeat(100_000)] {
            assert!(unknown(stranger).ends_with("'bastion explain' lists all of them"));
        }
        assert!(!unknown("\u{1b}[2J").contains('\u{1b}'));
    }

    #[test]
    fn the_list_has_every_code_on_a_line() {
        let list = list();
        for page in pages::all() {
            assert!(list.lines().any(|line| line.starts_with(page.code)), "{}", page.code);
        }
    }

    #[test]
    fn a_page_is_read_without_marks() {
        let page = "# a\n\nwhat\n\n## Why\nso\n\n```toml\n# set\nx = 1\n```\n";
        assert_eq!(for_people(page), "a\n\nwhat\n\nWhy\nso\n\n    # set\n    x = 1");
    }
}
