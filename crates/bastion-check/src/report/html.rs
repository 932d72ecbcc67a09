//! The report as one page: light and dark, readable when printed, without a script.
//!
//! It must never load anything, and never let a text of the deployment become markup.

use crate::report::told::{Section, age, card, escaped, headline, moment, sections, word};
use crate::report::{BoxReport, Report, Verdict};

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub fn html(report: &Report) -> String {
    let title = escaped(&headline(report));
    let state = if report.ready { "ready" } else { "open" };
    let mut parts = vec![
        "<!doctype html>".to_owned(),
        "<html lang=\"en\"><head><meta charset=\"utf-8\">".to_owned(),
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">".to_owned(),
        "<meta name=\"color-scheme\" content=\"light dark\">".to_owned(),
        format!("<title>{title}</title><style>{STYLE}</style></head><body><main>"),
        format!("<header class=\"{state}\"><h1>{title}</h1><p>{}</p></header>", moment(report)),
        contents(report),
    ];
    parts.extend(sections(report).iter().map(section));
    parts.push("</main></body></html>".to_owned());
    parts.join("\n")
}

/// A line of the sections with how many of their boxes are done.
fn contents(report: &Report) -> String {
    let entry = |section: &Section<'_>| {
        let all = section.boxes.len();
        let open = section.boxes.iter().filter(|told| told.verdict == Verdict::Fail).count();
        let title = section.title;
        let done = all.saturating_sub(open);
        format!("<li><a href=\"#{}\">{title}</a> <span>{done} of {all}</span></li>", anchor(title))
    };
    let entries: String = sections(report).iter().map(entry).collect();
    format!("<nav aria-label=\"sections\"><ul>{entries}</ul></nav>")
}

fn section(section: &Section<'_>) -> String {
    let boxes: String = section.boxes.iter().map(|told| one(told)).collect();
    let title = section.title;
    format!("<section id=\"{}\"><h2>{title}</h2>{boxes}</section>", anchor(title))
}

fn one(told: &BoxReport) -> String {
    let verdict = word(told.verdict);
    let (id, reason) = (escaped(&told.id), escaped(&told.reason));
    let card = card(told);
    let sentence = card.map(|card| escaped(card.sentence)).unwrap_or_default();
    let why = card.map(|card| escaped(card.why)).unwrap_or_default();
    let evidence = told.evidence.iter().map(|evidence| {
        format!("<li>{} <span>{}</span></li>", escaped(&evidence.what), age(evidence))
    });
    let evidence: String = evidence.collect();
    let evidence = if evidence.is_empty() {
        evidence
    } else {
        format!("<dt>Evidence</dt><dd><ul>{evidence}</ul></dd>")
    };
    let next = if told.verdict == Verdict::Pass {
        String::new()
    } else {
        format!("<p class=\"next\"><b>Next:</b> {}</p>", escaped(&told.mend))
    };
    format!(
        "<article class=\"{verdict}\" id=\"{id}\"><h3><span class=\"verdict\">{verdict}</span> \
         <code>{id}</code></h3><p class=\"sentence\">{sentence}</p><p>{reason}</p>{next}<dl>{evidence}\
         <dt>Why</dt><dd>{why}</dd><dt>Proved by</dt><dd>{}</dd></dl></article>\n",
        escaped(&told.proved_by)
    )
}

fn anchor(title: &str) -> String {
    title.split(' ').next().unwrap_or_default().to_lowercase()
}
