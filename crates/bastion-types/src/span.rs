//! A length of time as people write it: `500ms`, `5s`, `2m`, `24h`, `90d`.
//!
//! It must never guess a unit: a bare number is an error.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A length of time above zero, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    millis: u64,
}

/// Ten years: longer is a mistake of unit.
const MAX_MILLIS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// No unit behind the number, or no number at all.
    #[error("a length of time needs a whole number and a unit: ms, s, m, h or d, such as \"30s\"")]
    Form,
    /// Zero.
    #[error("a length of time must be above zero")]
    Zero,
    /// More than ten years.
    #[error("a length of time must be at most ten years")]
    TooLong,
}

impl Span {
    /// From milliseconds; for constants.
    pub const fn from_millis(millis: u64) -> Span {
        Span { millis }
    }

    /// From seconds; for constants.
    pub const fn from_secs(seconds: u64) -> Span {
        Span { millis: seconds * 1000 }
    }

    /// # Errors
    /// When unit or number are missing, or the number is zero or over ten years.
    pub fn parse(text: &str) -> Result<Span, SpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or(SpanError::Form)?;
        let unit_millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            "d" => 24 * 60 * 60 * 1000,
            _ => return Err(SpanError::Form),
        };
        if number.is_empty() {
            return Err(SpanError::Form);
        }
        let number: u64 = number.parse().map_err(|_| SpanError::TooLong)?;
        match number.checked_mul(unit_millis) {
            Some(0) => Err(SpanError::Zero),
            Some(millis) if millis <= MAX_MILLIS => Ok(Span { millis }),
            _ => Err(SpanError::TooLong),
        }
    }

    /// As the standard library's duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// In microseconds.
    pub fn micros(self) -> i64 {
        i64::try_from(self.millis.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit_millis, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")]
        {
            if self.millis >= unit_millis && self.millis.is_multiple_of(unit_millis) {
                return write!(f, "{}{unit}", self.millis / unit_millis);
            }
        }
        write!(f, "{}ms", self.millis)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, SpanError>) {
        let got = Span::parse(text).map(|span| span.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_span_needs_number_and_unit() {
        check("500ms", Ok("500ms"));
        check("60s", Ok("1m"));
        check("90d", Ok("90d"));
        check("24h", Ok("1d"));
        check("5", Err(SpanError::Form));
        check("s", Err(SpanError::Form));
        check("-5s", Err(SpanError::Form));
        check("1.5s", Err(SpanError::Form));
        check("5 s", Err(SpanError::Form));
        check("0s", Err(SpanError::Zero));
        check("99999999999999999999s", Err(SpanError::TooLong));
        check("4000d", Err(SpanError::TooLong));
    }
}
