//! What an upstream says that an answer cost, in whatever currency it counts.
//!
//! It must never be charged, and never make an answer's usage unreadable.

use std::time::Duration;

use bastion_types::Money;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A single answer that costs more is a slip of the upstream's: no statement.
const MOST_UNITS: u64 = 1_000;

/// A cost as those who state one write it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Stated {
    /// A number of units.
    Number(f64),
    /// A decimal text.
    Text(String),
    /// Parts and their sum.
    Parts {
        /// The sum, in units.
        total_cost: f64,
    },
    /// Something else.
    Other(IgnoredAny),
}

impl Stated {
    /// To the nearest nano-unit; none where it cannot be believed.
    pub(crate) fn amount(&self) -> Option<Money> {
        let nanos = match self {
            Stated::Number(units) | Stated::Parts { total_cost: units } => {
                // A duration counts seconds in billionths, as money counts units.
                Duration::try_from_secs_f64(*units).ok()?.as_nanos()
            }
            Stated::Text(text) => Money::parse(text).ok()?.nanos().try_into().ok()?,
            Stated::Other(_) => return None,
        };
        let most = Duration::from_secs(MOST_UNITS).as_nanos();
        let nanos = i64::try_from(nanos).ok().filter(|_| nanos <= most)?;
        Some(Money::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_as_it_is_written_or_not_at_all() {
        let check = |text: &str, expect: Option<&str>| {
            let stated: Stated = serde_json::from_str(text).unwrap();
            let told = stated.amount().map(|amount| amount.to_string());
            assert_eq!(told.as_deref(), expect, "{text}");
        };
        check("0.00014", Some("0.00014"));
        check("1.4e-05", Some("0.000014"));
        check("3", Some("3.00"));
        check("0", Some("0.00"));
        check("\"0.0021\"", Some("0.0021"));
        check(r#"{"input_tokens_cost":0.1,"total_cost":0.3}"#, Some("0.30"));
        check("0.0000000004", Some("0.00"));
        for odd in ["-1", "1e300", "1000.1", "\"-1\"", "\"$1\"", "{}", "[1]", "true", "null"] {
            check(odd, None);
        }
    }
}
