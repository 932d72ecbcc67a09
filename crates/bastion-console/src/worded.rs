//! What operators word for the ledger: amounts, references, reasons. Each rule stands beside the
//! pattern that the document shows for it.
//!
//! It must never take what the document does not describe.

use bastion_types::Money;
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::problem::Problem;
use crate::schema;

/// An amount that may be zero.
pub(crate) const AMOUNT_PATTERN: &str = "^[0-9]{1,9}([.][0-9]{1,9})?$";

/// What makes an entry once-only.
pub(crate) const REFERENCE_PATTERN: &str = "^[!-~]{1,128}$";

/// An amount of nothing, however it is written.
const ZERO_PATTERN: &str = "^-?[0.]*$";

/// No control characters: what is written in one line is read in one line.
const LINE_PATTERN: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";

/// Blanks and nothing else.
const BLANK_PATTERN: &str = "^\\s*$";

/// Longest reference, in bytes.
const MAX_REFERENCE_BYTES: usize = 128;
/// Longest reason or note, in letters.
const MAX_LINE_CHARS: usize = 256;
/// Most digits before an amount's point: sums of such amounts can be counted.
const MAX_WHOLE_DIGITS: usize = 9;

/// An amount, as [`amount_schema`]; it may be zero.
pub(crate) fn amount(text: &str) -> Option<Money> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    Money::parse(text).ok().filter(|_| whole.len() <= MAX_WHOLE_DIGITS)
}

/// An amount above zero, as [`positive_schema`].
pub(crate) fn positive(text: &str) -> Option<Money> {
    amount(text).filter(|amount| *amount > Money::ZERO)
}

/// An amount that is not zero, with its sign before it, as [`signed_schema`].
pub(crate) fn signed(text: &str) -> Option<Money> {
    let Some(back) = text.strip_prefix('-') else { return positive(text) };
    Money::ZERO.checked_sub(positive(back)?)
}

/// A reference, as [`REFERENCE_PATTERN`].
pub(crate) fn reference(fields: &Fields) -> Result<&str, Problem> {
    let reference = fields.required_text("reference")?;
    let visible = reference.bytes().all(|byte| byte.is_ascii_graphic());
    if reference.is_empty() || reference.len() > MAX_REFERENCE_BYTES || !visible {
        let rule = format!("is 1 to {MAX_REFERENCE_BYTES} visible ASCII letters without blanks");
        return Err(Problem::invalid_field("reference", &rule));
    }
    Ok(reference)
}

/// A reason: one line that is not blank.
pub(crate) fn reason(fields: &Fields) -> Result<&str, Problem> {
    let reason = fields.required_text("reason")?;
    if reason.trim().is_empty() || !is_line(reason) {
        let rule = format!("is a text of 1 to {MAX_LINE_CHARS} letters on one line");
        return Err(Problem::invalid_field("reason", &rule));
    }
    Ok(reason)
}

/// A note, if there is one.
pub(crate) fn note(fields: &Fields) -> Result<Option<&str>, Problem> {
    let note = fields.text("note")?;
    if note.is_some_and(|note| !is_line(note)) {
        let rule = format!("is at most {MAX_LINE_CHARS} letters on one line");
        return Err(Problem::invalid_field("note", &rule));
    }
    Ok(note)
}

fn is_line(text: &str) -> bool {
    text.chars().count() <= MAX_LINE_CHARS && !text.chars().any(char::is_control)
}

/// What the document says of an amount that may be zero.
pub(crate) fn amount_schema() -> Value {
    schema::text(AMOUNT_PATTERN)
}

/// What it says of an amount above zero.
pub(crate) fn positive_schema() -> Value {
    not_zero(AMOUNT_PATTERN)
}

/// What it says of an amount with a sign.
pub(crate) fn signed_schema() -> Value {
    not_zero("^-?[0-9]{1,9}([.][0-9]{1,9})?$")
}

fn not_zero(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "not": { "pattern": ZERO_PATTERN } })
}

/// What it says of a reason.
pub(crate) fn reason_schema() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": MAX_LINE_CHARS,
        "pattern": LINE_PATTERN, "not": { "pattern": BLANK_PATTERN },
        "description": "why; one line",
    })
}

/// What it says of a note.
pub(crate) fn note_schema() -> Value {
    json!({
        "type": ["string", "null"], "maxLength": MAX_LINE_CHARS,
        "pattern": LINE_PATTERN,
        "description": "for people; one line",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: [Option<&str>; 3]) {
        let told = [amount(text), positive(text), signed(text)];
        let told = told.map(|amount| amount.map(|amount| amount.to_string()));
        assert_eq!(told, expect.map(|amount| amount.map(str::to_owned)), "{text}");
    }

    #[test]
    fn an_amount_is_decimal_exact_and_within_reason() {
        check("12.5", [Some("12.50"); 3]);
        check("0", [Some("0.00"), None, None]);
        check("0.000000000", [Some("0.00"), None, None]);
        check("0.000000001", [Some("0.000000001"); 3]);
        check("999999999.999999999", [Some("999999999.999999999"); 3]);
        check("-3", [None, None, Some("-3.00")]);
        for wrong in ["1000000000", "0.0000000001", "-0", "--1", "+1", "1e3", "1.", ".5", "", "١"]
        {
            check(wrong, [None; 3]);
        }
    }

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        let read = |reason: &str| {
            let body = json!({ "reason": reason }).to_string();
            let fields = Fields::read(body.as_bytes(), &["reason"]).unwrap();
            reason_of(&fields)
        };
        assert!(read("priced too high").is_ok());
        for wrong in ["", "  ", "a\nb", "a\u{85}b", &"x".repeat(MAX_LINE_CHARS + 1)] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    fn reason_of(fields: &Fields) -> Result<String, Problem> {
        reason(fields).map(str::to_owned)
    }
}
