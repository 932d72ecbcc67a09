//! `monthly_cap` and `daily_cap`, wherever they stand: the most that may be spent in a period.
//!
//! It must never let a cap load that nothing holds.

use bastion_types::Money;

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::Node;

/// The most that may be spent in a period of the environment's calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// In a month; none: no cap.
    pub monthly: Option<Money>,
    /// In a day; none: no cap.
    pub daily: Option<Money>,
}

impl Caps {
    /// Is there no cap at all?
    pub fn is_none(&self) -> bool {
        self.monthly.is_none() && self.daily.is_none()
    }
}

/// More than that is no cap, and sums of it could not be counted.
const MOST_UNITS: i64 = 1_000_000_000;

const NANOS_PER_UNIT: i64 = 1_000_000_000;

pub(crate) const MONTHLY_CAP: Field =
    Field::absent("monthly_cap", Kind::Amount, "no cap", "the most that is spent in a month");
pub(crate) const DAILY_CAP: Field =
    Field::absent("daily_cap", Kind::Amount, "no cap", "the most that is spent in a day");

/// Reads both.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Caps, Invalid> {
    let monthly = reader.maybe(&MONTHLY_CAP, cap);
    let daily = reader.maybe(&DAILY_CAP, cap);
    Ok(Caps { monthly: monthly?, daily: daily? })
}

/// An amount that can be a cap.
fn cap(node: &Node) -> Result<Money, Problem> {
    let cap = kinds::amount(node)?;
    if cap > Money::from_nanos(MOST_UNITS.saturating_mul(NANOS_PER_UNIT)) {
        let message = format!("must be at most {MOST_UNITS}: more is no cap");
        return Err(Problem::new(codes::OUT_OF_RANGE, message).help("leave it out for no cap"));
    }
    Ok(cap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    #[test]
    fn a_cap_is_an_exact_amount_within_reason() {
        let check = |text: &str, expect: Result<&str, &'static str>| {
            let read = cap(&Node::written(text, Origin::Default));
            let told = read.map(|cap| cap.to_string()).map_err(|problem| problem.code);
            assert_eq!(told, expect.map(str::to_owned), "{text}");
        };
        check("500.00", Ok("500.00"));
        check("0", Ok("0.00"));
        check("1000000000", Ok("1000000000.00"));
        check("1000000000.000000001", Err("out_of_range"));
        for wrong in ["-1", "1e3", "20/day", "$20", "", "1,5", "0.0000000001", "99999999999999"] {
            check(wrong, Err("bad_value"));
        }
    }
}
