//! The kinds of values: from a node of the tree to a typed value, or what is wrong with it.
//!
//! It must never repeat a value in a message unless the value is a word of ours: it may be a
//! secret at the wrong place.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use bastion_types::{Money, NameError, Span, SpanError};

use crate::codes;
use crate::field::{Field, Kind};
use crate::file_reference::FileReference;
use crate::notes::Problem;
use crate::secret_reference::{ReferenceError, SecretReference};
use crate::suggest;
use crate::tree::{Node, Value};

/// No time-out is longer: a day, in whole seconds.
pub(crate) const LONGEST_TIMEOUT: Span = Span::from_secs(24 * 60 * 60);

/// Digits behind the point of a share.
const SHARE_DIGITS: usize = 3;

/// A share of all, in thousandths.
const PER_MILLE: u32 = 1000;

/// The value is of another kind.
pub(crate) fn wrong_type(wanted: &str, node: &Node) -> Problem {
    Problem::new(codes::WRONG_TYPE, format!("must be {wanted}, not {}", node.describe()))
}

/// Any text without control characters, never empty.
pub(crate) fn text(node: &Node) -> Result<&str, Problem> {
    let (Value::Text(text) | Value::Written(text)) = &node.value else {
        return Err(wrong_type("a text in quotes", node));
    };
    if text.trim().is_empty() {
        return Err(Problem::new(codes::BAD_VALUE, "must not be empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::new(codes::BAD_VALUE, "must not hold control characters"));
    }
    Ok(text)
}

/// Such a text, owned.
pub(crate) fn string(node: &Node) -> Result<String, Problem> {
    text(node).map(str::to_owned)
}

/// A path; relative ones stay so.
pub(crate) fn path(node: &Node) -> Result<PathBuf, Problem> {
    text(node).map(PathBuf::from)
}

/// An address and a port; names are not looked up.
pub(crate) fn address(node: &Node) -> Result<SocketAddr, Problem> {
    text(node)?.parse().map_err(|_| {
        Problem::new(codes::BAD_VALUE, "must be an IP address and a port")
            .help("such as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::1]:8080\"")
    })
}

fn code_of(error: &SpanError) -> &'static str {
    match error {
        SpanError::Form => codes::WRONG_UNIT,
        SpanError::Zero | SpanError::TooLong => codes::OUT_OF_RANGE,
    }
}

fn said_of(error: &SpanError) -> &'static str {
    match error {
        SpanError::Form => "needs a whole number and a unit: ms, s, m, h or d, such as \"30s\"",
        SpanError::Zero => "must be above zero",
        SpanError::TooLong => "must be at most 1d",
    }
}

/// A length of time up to a day.
pub(crate) fn timeout(node: &Node) -> Result<Span, Problem> {
    let span = match &node.value {
        Value::Text(text) | Value::Written(text) => {
            Span::parse(text).map_err(|error| Problem::new(code_of(&error), said_of(&error)))?
        }
        Value::Integer(number) => {
            return Err(Problem::new(codes::WRONG_UNIT, "needs a unit")
                .help(format!("write \"{number}s\" for seconds, \"{number}m\" for minutes")));
        }
        Value::Float(_) | Value::Boolean(_) | Value::Date(_) | Value::List(_) | Value::Table(_) => {
            return Err(wrong_type("a length of time in quotes, such as \"30s\"", node));
        }
    };
    if span > LONGEST_TIMEOUT {
        let message = format!("must be at most {LONGEST_TIMEOUT}, not {span}");
        return Err(Problem::new(codes::OUT_OF_RANGE, message));
    }
    Ok(span)
}

/// A whole number within the field's limits.
pub(crate) fn integer(field: &Field) -> impl Fn(&Node) -> Result<u64, Problem> {
    let (least, most) =
        if let Kind::Integer { least, most } = field.kind { (least, most) } else { (0, u64::MAX) };
    move |node| {
        let number = match &node.value {
            Value::Integer(number) => *number,
            Value::Written(text) => {
                text.trim().parse().map_err(|_| wrong_type("a whole number", node))?
            }
            Value::Text(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date(_)
            | Value::List(_)
            | Value::Table(_) => return Err(wrong_type("a whole number", node)),
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => {
                let message = format!("must be from {least} to {most}, not {number}");
                Err(Problem::new(codes::OUT_OF_RANGE, message))
            }
        }
    }
}

/// A share from 0 to 1 with at most three digits behind the point, in thousandths.
pub(crate) fn share_per_mille(node: &Node) -> Result<u32, Problem> {
    let written = match &node.value {
        Value::Integer(number) => Cow::Owned(number.to_string()),
        Value::Float(text) | Value::Written(text) => Cow::Borrowed(text.trim()),
        Value::Text(_) | Value::Boolean(_) | Value::Date(_) | Value::List(_) | Value::Table(_) => {
            return Err(wrong_type("a number from 0 to 1, without quotes", node));
        }
    };
    let (negative, digits) = match written.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, written.strip_prefix('+').unwrap_or(&written)),
    };
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(behind) {
        return Err(Problem::new(codes::BAD_VALUE, "must be a plain number from 0 to 1")
            .help("digits and a point, such as 0.2 for a fifth"));
    }
    if behind.len() > SHARE_DIGITS {
        let message = format!("must have at most {SHARE_DIGITS} digits behind the point");
        return Err(Problem::new(codes::BAD_VALUE, message).help("such as 0.125"));
    }
    // Both parts are digits; what is too long for a number is above 1.
    let thousandths = format!("{whole}{behind:0<SHARE_DIGITS$}").parse();
    match thousandths {
        Ok(share @ 0..=PER_MILLE) if !negative => Ok(share),
        Ok(_) | Err(_) => Err(Problem::new(codes::OUT_OF_RANGE, "must be from 0 to 1")
            .help("a share, such as 0.2 for a fifth")),
    }
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node) -> Result<bool, Problem> {
    let flag = match &node.value {
        Value::Boolean(flag) => Some(*flag),
        Value::Written(text) => text.parse().ok(),
        Value::Text(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Date(_)
        | Value::List(_)
        | Value::Table(_) => None,
    };
    flag.ok_or_else(|| wrong_type("true or false, without quotes", node))
}

/// A name, by the rule of its type.
pub(crate) fn name<N>(
    parse: fn(&str) -> Result<N, NameError>,
) -> impl Fn(&Node) -> Result<N, Problem> {
    move |node| {
        parse(text(node)?)
            .map_err(|error| Problem::new(codes::BAD_NAME, format!("is no name: {error}")))
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(choices: &[(&'static str, T)], node: &Node) -> Result<T, Problem> {
    let text = text(node)?;
    choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let words = choices.iter().map(|(word, _)| *word);
        let list: Vec<String> = words.clone().map(|word| format!("\"{word}\"")).collect();
        let message = match list.as_slice() {
            [only] => format!("must be {only}"),
            _ => format!("must be one of {}", list.join(", ")),
        };
        let problem = Problem::new(codes::BAD_VALUE, message);
        match suggest::question(text, words) {
            Some(question) => problem.help(question),
            None => problem,
        }
    })
}

/// An amount of money: a decimal text, since a number would lose digits.
pub(crate) fn amount(node: &Node) -> Result<Money, Problem> {
    match &node.value {
        Value::Text(text) | Value::Written(text) => Money::parse(text)
            .map_err(|error| Problem::new(codes::BAD_VALUE, format!("is no amount: {error}"))),
        Value::Integer(_) | Value::Float(_) => {
            Err(Problem::new(codes::WRONG_TYPE, "must be an amount in quotes, not a bare number")
                .help("amounts are decimal texts, so that no digit is lost: \"0.05\""))
        }
        Value::Boolean(_) | Value::Date(_) | Value::List(_) | Value::Table(_) => {
            Err(wrong_type("an amount in quotes, such as \"0.05\"", node))
        }
    }
}

/// Where a secret is found. What was written is never repeated.
pub(crate) fn reference(node: &Node) -> Result<SecretReference, Problem> {
    let text = match &node.value {
        Value::Text(text) | Value::Written(text) => text,
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date(_)
        | Value::List(_)
        | Value::Table(_) => return Err(wrong_type("a reference such as \"env:NAME\"", node)),
    };
    SecretReference::parse(text).map_err(|error| match error {
        ReferenceError::Literal => {
            Problem::new(codes::LITERAL_SECRET, "holds a text that is no reference to a secret")
                .help("put the secret into a variable or a file and write \"env:NAME\" or \"file:PATH\"")
                .note("if it was a secret and this text was ever shared, revoke it")
        }
        ReferenceError::VariableName => {
            Problem::new(codes::BAD_VALUE, "names no environment variable behind 'env:'")
                .help("letters, digits and '_', such as \"env:QUBITTRON_API_KEY\"")
        }
        ReferenceError::NoPath => {
            Problem::new(codes::BAD_VALUE, "names no file behind 'file:'")
                .help("such as \"file:/run/secrets/upstream\"")
        }
        ReferenceError::Unbuilt(scheme) => Problem::new(
            codes::NOT_IN_THIS_VERSION,
            format!("is a reference by '{scheme}:', which is not in this version: reading that secret store is not built"),
        )
        .help("write \"env:NAME\" or \"file:PATH\""),
    })
}

/// Which file is meant. What was written is never repeated: it may be the key itself.
pub(crate) fn file(node: &Node) -> Result<FileReference, Problem> {
    let (Value::Text(text) | Value::Written(text)) = &node.value else {
        return Err(wrong_type("a reference such as \"file:tls/cert.pem\"", node));
    };
    let bad = |message: &str, help: &str| Problem::new(codes::BAD_VALUE, message).help(help);
    match SecretReference::parse(text) {
        Ok(SecretReference::File(path)) => Ok(FileReference { path }),
        Err(ReferenceError::Literal) if text.contains("PRIVATE KEY") => {
            Err(Problem::new(codes::LITERAL_SECRET, "holds a private key, not a reference to one")
                .help("put it into a file of mode 0600 and write \"file:PATH\"")
                .note("if this text was ever shared, take a new key and revoke the certificate"))
        }
        Err(ReferenceError::NoPath) => {
            Err(bad("names no file behind 'file:'", "such as \"file:tls/cert.pem\""))
        }
        Err(ReferenceError::Literal) => Err(bad(
            "must be a reference to a file",
            "write \"file:PATH\", such as \"file:tls/cert.pem\"",
        )),
        Ok(SecretReference::Env(_))
        | Err(ReferenceError::VariableName | ReferenceError::Unbuilt(_)) => Err(bad(
            "must be a reference to a file: only a file is read again when it changes",
            "put it into a file and write \"file:PATH\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn node(value: Value) -> Node {
        Node { value, origin: Origin::Default }
    }

    fn code<T>(result: Result<T, Problem>) -> &'static str {
        result.err().map_or("", |problem| problem.code)
    }

    #[test]
    fn a_timeout_needs_a_unit_and_an_end() {
        let text = |text: &str| timeout(&node(Value::Text(text.into())));
        assert_eq!(code(timeout(&node(Value::Integer(5)))), "wrong_unit");
        assert_eq!(code(timeout(&node(Value::Boolean(true)))), "wrong_type");
        assert_eq!(code(text("5")), "wrong_unit");
        assert_eq!(code(text("5 parsecs")), "wrong_unit");
        assert_eq!(code(text("0s")), "out_of_range");
        assert_eq!(code(text("25h")), "out_of_range");
        assert_eq!(text("24h"), Ok(LONGEST_TIMEOUT));
    }

    #[test]
    fn an_integer_keeps_to_its_limits() {
        let field = Field::required("n", Kind::Integer { least: 1, most: 9 }, "");
        let read = integer(&field);
        assert_eq!(code(read(&node(Value::Integer(0)))), "out_of_range");
        assert_eq!(code(read(&node(Value::Integer(-1)))), "out_of_range");
        assert_eq!(code(read(&node(Value::Integer(i128::MAX)))), "out_of_range");
        assert_eq!(code(read(&node(Value::Text("3".into())))), "wrong_type");
        assert_eq!(code(read(&node(Value::Written("x".into())))), "wrong_type");
        assert_eq!(read(&node(Value::Written("3".into()))), Ok(3));
    }

    #[test]
    fn a_share_is_exact_and_between_none_and_all() {
        for (written, expect) in
            [("0", 0), ("1", 1000), ("0.2", 200), ("0.125", 125), ("1.000", 1000), ("+0.05", 50)]
        {
            assert_eq!(share_per_mille(&node(Value::Float(written.into()))), Ok(expect));
            assert_eq!(share_per_mille(&node(Value::Written(written.into()))), Ok(expect));
        }
        assert_eq!(share_per_mille(&node(Value::Integer(1))), Ok(1000));
        for written in ["nan", "inf", "-inf", "2e-1", "1e400", ".2", "0.", "", "20%", "0,2"] {
            assert_eq!(code(share_per_mille(&node(Value::Written(written.into())))), "bad_value");
        }
        for written in ["0.1234", "0.2000", "0.0000000000000000000000001"] {
            assert_eq!(code(share_per_mille(&node(Value::Float(written.into())))), "bad_value");
        }
        for written in ["-0.1", "-1", "1.001", "2", "99999999999999999999"] {
            assert_eq!(code(share_per_mille(&node(Value::Float(written.into())))), "out_of_range");
        }
        assert_eq!(code(share_per_mille(&node(Value::Integer(i128::MIN)))), "out_of_range");
        assert_eq!(code(share_per_mille(&node(Value::Text("0.2".into())))), "wrong_type");
        assert_eq!(code(share_per_mille(&node(Value::Boolean(true)))), "wrong_type");
    }

    #[test]
    fn an_amount_is_never_a_bare_number() {
        assert_eq!(code(amount(&node(Value::Float("0.5".into())))), "wrong_type");
        assert_eq!(code(amount(&node(Value::Integer(1)))), "wrong_type");
        assert_eq!(code(amount(&node(Value::Text("1e3".into())))), "bad_value");
        assert_eq!(amount(&node(Value::Text("0.05".into()))), Ok(Money::from_nanos(50_000_000)));
    }

    #[test]
    fn a_literal_is_refused_without_repeating_it() {
        let problem = reference(&node(Value::Text("hunter2".into()))).unwrap_err();
        assert_eq!(problem.code, "literal_secret");
        assert!(!format!("{problem:?}").contains("hunter2"));
        assert_eq!(code(reference(&node(Value::Text("vault:a".into())))), "not_in_this_version");
        assert_eq!(code(reference(&node(Value::Integer(3)))), "wrong_type");
    }

    #[test]
    fn a_file_is_named_by_reference_only() {
        let named = |text: &str| file(&node(Value::Text(text.into())));
        assert_eq!(named("file:a/b.pem").unwrap().to_string(), "file:a/b.pem");
        for wrong in ["file:", "file:a\0b", "a/b.pem", "env:CERT", "env:1", "vault:pki", ""] {
            assert_eq!(code(named(wrong)), "bad_value", "{wrong}");
        }
        assert_eq!(code(named("-----BEGIN EC PRIVATE KEY-----\nAbc")), "literal_secret");
        assert_eq!(code(file(&node(Value::Integer(3)))), "wrong_type");
    }

    #[test]
    fn texts_addresses_flags_and_words_are_checked() {
        let text_of = |content: &str| node(Value::Text(content.into()));
        assert_eq!(code(text(&text_of(" "))), "bad_value");
        assert_eq!(code(text(&text_of("a\nb"))), "bad_value");
        assert_eq!(code(address(&text_of("localhost:1"))), "bad_value");
        assert!(address(&text_of("[::1]:0")).is_ok());
        assert_eq!(code(boolean(&text_of("true"))), "wrong_type");
        assert_eq!(boolean(&node(Value::Written("true".into()))), Ok(true));
        let problem = word(&[("small", 1), ("large", 2)], &text_of("smal")).unwrap_err();
        assert_eq!(problem.help.as_deref(), Some("did you mean 'small'?"));
    }
}
