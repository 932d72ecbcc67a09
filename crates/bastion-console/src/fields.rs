//! The fields of a JSON body: one flat object, a closed list, each at most once.
//!
//! It must never pass over a field that is not known, and never repeat a value in a message.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::problem::Problem;

/// The fields of one body; `null` counts as absent.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pairs: Vec<(String, Value)>,
}

impl Fields {
    /// Reads a body, whose fields must all be in `known`; an empty body has none.
    pub(crate) fn read(body: &[u8], known: &[&str]) -> Result<Fields, Problem> {
        if body.is_empty() {
            return Ok(Fields::default());
        }
        let fields: Fields = serde_json::from_slice(body).map_err(|cause| malformed(&cause))?;
        for (name, _) in &fields.pairs {
            if !known.contains(&name.as_str()) {
                return Err(Problem::unknown_name("field", name, known));
            }
        }
        for name in known {
            if fields.pairs.iter().filter(|(other, _)| other == name).count() > 1 {
                return Err(Problem::invalid_field(name, "stands twice; give it once"));
            }
        }
        Ok(fields)
    }

    /// Is the field there, be it as `null`?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(other, _)| other == name)
    }

    /// A field's value, if it is there.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        let pair = self.pairs.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let wrong = || Problem::invalid_field(name, "is a text, in quotation marks");
        self.value(name).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    /// A text that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&str, Problem> {
        self.text(name)?.ok_or_else(|| Problem::invalid_field(name, "is missing; it must be given"))
    }

    /// A whole number within its bounds, if it is there.
    pub(crate) fn number(
        &self,
        name: &str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = whole(value).filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            let rule = format!("is a whole number from {least} to {most}, without quotation marks");
            Problem::invalid_field(name, &rule)
        })
    }
}

/// A count however it is written: 5 and 5.0 are one number to JSON Schema, and to languages that
/// know no others than fractions.
fn whole(value: &Value) -> Option<u64> {
    let written = value.as_number()?.to_string();
    written.strip_suffix(".0").unwrap_or(&written).parse().ok()
}

fn malformed(cause: &serde_json::Error) -> Problem {
    if cause.is_data() {
        return Problem::invalid("the body must be one JSON object, such as {}");
    }
    let (line, column) = (cause.line(), cause.column());
    Problem::invalid(format!("the body is not JSON; look at line {line}, column {column}"))
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Fields, D::Error> {
        from.deserialize_map(FieldsVisitor)
    }
}

/// Keeps every pair, so that a field that stands twice can be told.
struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Fields { pairs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["service", "rpm"];

    fn check(body: &str, message: &str, param: Option<&str>) {
        let read = Fields::read(body.as_bytes(), &KNOWN).and_then(|fields| {
            fields.required_text("service")?;
            fields.number("rpm", 1..=9)
        });
        let problem = read.unwrap_err();
        assert!(problem.message.contains(message), "{body}: {}", problem.message);
        assert_eq!(problem.param.as_deref(), param, "{body}");
    }

    #[test]
    fn a_body_that_is_not_one_flat_object_is_told_with_its_place() {
        check("{\n\"service\"", "not JSON; look at line 2, column 9", None);
        check("{} {}", "not JSON", None);
        check("\u{feff}{}", "not JSON", None);
        check(&"[".repeat(10_000), "one JSON object", None);
        check(&format!("{{\"rpm\":{}", "[".repeat(10_000)), "not JSON", None);
        check("[]", "one JSON object", None);
        check("\"bst_prod_secret\"", "one JSON object", None);
        check("null", "one JSON object", None);
    }

    #[test]
    fn a_wrong_field_is_named_with_its_rule() {
        check("", "service is missing", Some("service"));
        check("{\"service\":null}", "service is missing", Some("service"));
        check("{\"service\":1}", "service is a text", Some("service"));
        check("{\"servce\":\"a\"}", "'servce'; did you mean one of service, rpm?", Some("servce"));
        check("{\"rpm\":1,\"rpm\":1}", "rpm stands twice", Some("rpm"));
        for wrong in
            ["0", "10", "-1", "1.5", "\"5\"", "true", "[]", "1e400", "99999999999999999999"]
        {
            let expect = if wrong == "1e400" { "not JSON" } else { "from 1 to 9" };
            let param = (wrong != "1e400").then_some("rpm");
            check(&format!("{{\"service\":\"a\",\"rpm\":{wrong}}}"), expect, param);
        }
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction() {
        for written in ["5", "5.0", "0.5e1"] {
            let body = format!("{{\"service\":\"a\",\"rpm\":{written}}}");
            let fields = Fields::read(body.as_bytes(), &KNOWN).unwrap();
            assert_eq!(fields.number("rpm", 1..=9).unwrap(), Some(5), "{written}");
        }
    }

    #[test]
    fn what_is_absent_is_none() {
        let fields = Fields::read(b" {\"service\":\"a\",\"rpm\":null} ", &KNOWN).unwrap();
        assert_eq!(fields.required_text("service").unwrap(), "a");
        assert_eq!(fields.number("rpm", 1..=9).unwrap(), None);
    }
}
