//! Money: an integer count of nano-units of the deployment's currency.
//!
//! It must never be a float, never wrap, and never be rounded in silence.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_UNIT: i64 = 1_000_000_000;
const FRACTION_DIGITS: usize = 9;

/// As many as the largest amount has.
const MOST_DIGITS: usize = 19;

/// Where the digit before the point stands among those.
const ONES: usize = MOST_DIGITS - FRACTION_DIGITS - 1;

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
    /// Two digits at least behind the point, as amounts are read; more only where they say
    /// something. Every call writes one: no formatting of numbers, no allocation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [b'0'; MOST_DIGITS];
        let mut rest = self.0.unsigned_abs();
        let mut first = ONES;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            let value = u8::try_from(rest % 10).unwrap_or_default();
            *digit += value;
            if value > 0 {
                first = first.min(at);
            }
            rest /= 10;
        }
        let digits = str::from_utf8(&digits).map_err(|_| fmt::Error)?;
        let (whole, fraction) = digits.split_at_checked(ONES + 1).ok_or(fmt::Error)?;
        let last = fraction.trim_end_matches('0').len().max(2);
        let (whole, fraction) = (whole.get(first..), fraction.get(..last));
        if self.0 < 0 {
            f.write_str("-")?;
        }
        f.write_str(whole.ok_or(fmt::Error)?)?;
        f.write_str(".")?;
        f.write_str(fraction.ok_or(fmt::Error)?)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From the text that is written.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Money::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, MoneyError>) {
        assert_eq!(Money::parse(text).map(|m| m.to_string()), expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn every_amount_is_written_with_its_digits() {
        for (nanos, expect) in [
            (0, "0.00"),
            (1, "0.000000001"),
            (-1, "-0.000000001"),
            (10_000_000, "0.01"),
            (100_000_000, "0.10"),
            (123_000_000, "0.123"),
            (10_000_000_000, "10.00"),
            (-1_000_500_000_000, "-1000.50"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Money::from_nanos(nanos).to_string(), expect, "{nanos}");
        }
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
