//! What the reports for people have in common: sections, sums, ages, the next steps.
//!
//! It must never say more than the report holds.

use crate::card::Card;
use crate::checks::cards;
use crate::report::{BoxReport, EvidenceReport, Report, Verdict};
use crate::sections::{SECTIONS, section_of};

/// A section's title and its boxes.
pub(super) struct Section<'a> {
    pub(super) title: &'static str,
    pub(super) boxes: Vec<&'a BoxReport>,
}

/// The sections that have boxes in the report.
pub(super) fn sections(report: &Report) -> Vec<Section<'_>> {
    let section = |(name, title): &(&'static str, &'static str)| Section {
        title,
        boxes: report.boxes.iter().filter(|told| section_of(&told.id) == *name).collect(),
    };
    SECTIONS.iter().map(section).filter(|section| !section.boxes.is_empty()).collect()
}

/// The card of a box; none where the server is of another version.
pub(super) fn card(told: &BoxReport) -> Option<Card> {
    cards().find(|card| card.id == told.id)
}

/// `prod is not ready: 3 proved, 1 waived, 22 open`.
pub(super) fn headline(report: &Report) -> String {
    let count = |verdict| report.boxes.iter().filter(|told| told.verdict == verdict).count();
    let proved = count(Verdict::Pass).saturating_add(count(Verdict::Attested));
    let (seen, all) = (report.boxes.len(), cards().count());
    // A part of the boxes says nothing of all.
    let ready = match report.ready {
        _ if seen < all => format!("({seen} of {all} boxes)"),
        true => "is ready".to_owned(),
        false => "is not ready".to_owned(),
    };
    format!(
        "{} {ready}: {proved} proved, {} waived, {} open",
        report.environment,
        count(Verdict::Waived),
        count(Verdict::Fail)
    )
}

/// The word of a verdict.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Attested => "attested",
        Verdict::Waived => "waived",
    }
}

/// The moment, to the minute, in UTC.
pub(super) fn moment(report: &Report) -> String {
    let text = report.at.to_string();
    let minute = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("{minute} UTC")
}

/// How old evidence is, and may be.
pub(super) fn age(evidence: &EvidenceReport) -> String {
    let age = match evidence.age_s {
        ..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", evidence.age_s / 60),
        3_600..172_800 => format!("{} h ago", evidence.age_s / 3_600),
        _ => format!("{} days ago", evidence.age_s / 86_400),
    };
    match evidence.limit_s {
        Some(limit_s) => format!("{age}, counts for {} days", limit_s / 86_400),
        None => age,
    }
}

/// Text without what has a meaning in HTML and XML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Lines of at most so many letters, broken between words; a longer word has its own line.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let letters = line.chars().count().saturating_add(word.chars().count());
        if !line.is_empty() && letters >= width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("a verylongword b", 5), ["a", "verylongword", "b"]);
        assert!(wrapped("", 5).is_empty());
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<a b='1'>&\u{1b}\""), "&lt;a b=&#39;1&#39;&gt;&amp; &quot;");
    }
}
