//! Where commands print: answers to stdout, everything else to stderr.
//!
//! It must never fail a command because nobody reads: a closed pipe ends the printing.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use bastion_config::RenderStyle;
use comfy_table::{Table, presets};

/// Longest answer of a person that is read.
const LONGEST_ANSWER_BYTES: u64 = 100;

/// A line of the answer, for people or programs.
pub(crate) fn line(text: &str) {
    written(io::stdout().lock(), text);
}

/// A line beside the answer: progress, a next step.
pub(crate) fn note(text: &str) {
    written(io::stderr().lock(), text);
}

/// A line beside the answer that takes the place of the one before it, on a terminal.
pub(crate) fn replaced_note(text: &str) {
    let mut stderr = io::stderr().lock();
    if write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush()).is_err() {
        // A closed stderr leaves nobody to tell.
    }
}

/// Why a command came to nothing.
pub(crate) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// Can a person be asked?
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a person; anything but `y` or `yes` is no.
pub(crate) fn ask(question: &str) -> bool {
    let mut stderr = io::stderr().lock();
    if write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    let read = io::stdin().lock().take(LONGEST_ANSWER_BYTES).read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// A table for people: columns side by side, no frame.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec()).add_rows(rows);
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n")
}

/// Somebody else's text without what could steer a terminal or turn the line's direction.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter_map(harmless).collect()
}

/// Colours only on a terminal, and not against `NO_COLOR`.
pub(crate) fn style_of_stderr() -> RenderStyle {
    style_of(&io::stderr())
}

/// The same for the answer.
pub(crate) fn style_of_stdout() -> RenderStyle {
    style_of(&io::stdout())
}

fn style_of(stream: &impl IsTerminal) -> RenderStyle {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !unwanted { RenderStyle::Colored } else { RenderStyle::Plain }
}

fn harmless(letter: char) -> Option<char> {
    match letter {
        '\n' | '\r' | '\t' => Some(' '),
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => None,
        letter if letter.is_control() => None,
        letter => Some(letter),
    }
}

fn written(mut to: impl Write, text: &str) {
    if writeln!(to, "{text}").is_err() {
        // The reader closed its end (`| head`): there is nobody left to tell.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}b\nc\u{202e}d\u{7f}é"), "a[2Jb cdé");
    }

    #[test]
    fn a_table_is_columns_side_by_side() {
        let rows = vec![vec!["1".into(), "long".into()], vec!["22".into(), "x".into()]];
        assert_eq!(table(&["id", "name"], rows), "id  name\n1   long\n22  x");
    }
}
