//! A length of time in a body: `30m`, `24h`, `90d`.
//!
//! It must never take what [`PATTERN`] does not describe, nor refuse what it does.

use bastion_types::Span;

/// What is taken, for the OpenAPI document; every such time is below the ten years of [`Span`].
pub(crate) const PATTERN: &str = "^(?:[1-9][0-9]{0,7}s|[1-9][0-9]{0,5}m|[1-9][0-9]{0,3}h|\
     (?:[1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-5][0-9]|3660)d)$";

/// Goes on behind a field's name.
pub(crate) const RULE: &str = "is a whole number with a unit (s, m, h or d) and at most \
     99999999s, 999999m, 9999h or 3660d, such as \"24h\" or \"90d\"";

/// Reads a length of time.
pub(crate) fn parse(text: &str) -> Option<Span> {
    let number = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let longest = match text.strip_prefix(number)? {
        "s" => 8,
        "m" => 6,
        "h" | "d" => 4,
        _ => return None,
    };
    let written_plainly = number.len() <= longest && !number.starts_with('0');
    Span::parse(text).ok().filter(|_| written_plainly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_describes_exactly_what_is_taken() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let numbers = [
            "",
            "0",
            "1",
            "00",
            "01",
            "9",
            "10",
            "99",
            "366",
            "999",
            "1000",
            "1999",
            "2999",
            "3000",
            "3599",
            "3600",
            "3659",
            "3660",
            "3661",
            "3670",
            "3999",
            "9999",
            "10000",
            "99999",
            "999999",
            "1000000",
            "9999999",
            "99999999",
            "100000000",
            "-1",
            "1.5",
            "1 ",
            "١",
            "99999999999999999999999",
        ];
        for number in numbers {
            for unit in ["s", "m", "h", "d", "ms", "", "S", "y", "d\n", " d", "dd"] {
                let text = format!("{number}{unit}");
                assert_eq!(parse(&text).is_some(), pattern.is_match(&text), "{text:?}");
            }
        }
        assert!(parse("90d").is_some_and(|span| span.to_string() == "90d"));
    }
}
