//! Money: an integer count of nano-units of the deployment's currency.
//!
//! It must never be a float, never wrap, and never be rounded in silence.

use std::fmt;

use serde::{Serialize, Serializer};

const NANOS_PER_UNIT: i64 = 1_000_000_000;
const FRACTION_DIGITS: usize = 9;

/// An amount in nano-units (10⁻⁹ of the currency's unit); at most about 9.2 billion units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point.
    #[error("an amount is written as digits with at most 9 behind the point, such as \"0.05\"")]
    Form,
    /// Beyond what can be counted.
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// From nano-units.
    pub const fn from_nanos(nanos: i64) -> Money {
        Money(nanos)
    }

    /// In nano-units.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Both together; none beyond what can be counted.
    pub const fn checked_add(self, other: Money) -> Option<Money> {
        match self.0.checked_add(other.0) {
            Some(nanos) => Some(Money(nanos)),
            None => None,
        }
    }

    /// Without `other`, perhaps below nothing; none beyond what can be counted.
    pub const fn checked_sub(self, other: Money) -> Option<Money> {
        match self.0.checked_sub(other.0) {
            Some(nanos) => Some(Money(nanos)),
            None => None,
        }
    }

    /// Reads a decimal text; neither sign nor exponent are taken.
    ///
    /// # Errors
    /// When the form is another, or the amount too large.
    pub fn parse(text: &str) -> Result<Money, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > FRACTION_DIGITS {
            return Err(MoneyError::Form);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let fraction: i64 =
            format!("{fraction:0<FRACTION_DIGITS$}").parse().map_err(|_| MoneyError::Form)?;
        whole
            .checked_mul(NANOS_PER_UNIT)
            .and_then(|nanos| nanos.checked_add(fraction))
            .map(Money)
            .ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        let unit = NANOS_PER_UNIT.unsigned_abs();
        let fraction = format!("{:09}", nanos % unit);
        // Two digits at least, as amounts are read; more only where they say something.
        let tail = fraction.trim_end_matches('0').len().max(2);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{}", nanos / unit, fraction.get(..tail).unwrap_or(&fraction))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, MoneyError>) {
        assert_eq!(Money::parse(text).map(|m| m.to_string()), expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn amounts_are_exact_decimals() {
        check("0.05", Ok("0.05"));
        check("500", Ok("500.00"));
        check("0.000000001", Ok("0.000000001"));
        check("0.0000000001", Err(MoneyError::Form));
        check("-1", Err(MoneyError::Form));
        check("1e3", Err(MoneyError::Form));
        check(".5", Err(MoneyError::Form));
        check("9223372036.854775807", Ok("9223372036.854775807"));
        check("9223372036.854775808", Err(MoneyError::TooLarge));
        check("99999999999999999999", Err(MoneyError::TooLarge));
    }
}
