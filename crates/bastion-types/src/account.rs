//! What money is counted for: the balance, and each environment, surface and key by day and month.
//!
//! It must never have two spellings: its text is its identity in the store.

use std::fmt;

use crate::{CalendarDay, CalendarMonth, EnvironmentName, KeyId, SurfaceName};

/// Whose money it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The deployment's prepaid balance.
    Balance,
    /// An environment.
    Environment(EnvironmentName),
    /// A surface within an environment.
    Surface(EnvironmentName, SurfaceName),
    /// A key.
    Key(KeyId),
}

/// The time that a sum is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// All time: the balance's.
    Ever,
    /// One month.
    Month(CalendarMonth),
    /// One day.
    Day(CalendarDay),
}

/// How long a cap's period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Length {
    /// Until the day's end.
    Day,
    /// Until the month's end.
    Month,
}

/// One sum of the ledger. Written `balance`, `env/prod/2026-11`, `surface/prod/chat/2026-11-25`,
/// `key/0000000000Ab/2026-11`; accounts are locked in the order balance, environments, surfaces, keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    /// Whose.
    pub scope: Scope,
    /// Over which time.
    pub period: Period,
}

impl AccountId {
    /// The prepaid balance.
    pub const BALANCE: AccountId = AccountId { scope: Scope::Balance, period: Period::Ever };

    /// A scope's account over the day or the month in which `day` lies.
    pub fn over(scope: Scope, length: Length, day: CalendarDay) -> AccountId {
        let period = match length {
            Length::Day => Period::Day(day),
            Length::Month => Period::Month(day.month()),
        };
        AccountId { scope, period }
    }
}

impl Length {
    /// Day first.
    pub const BOTH: [Length; 2] = [Length::Day, Length::Month];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Length::Day => "day",
            Length::Month => "month",
        }
    }

    /// Reads what [`Length::as_str`] writes.
    pub fn parse(text: &str) -> Option<Length> {
        Length::BOTH.into_iter().find(|length| length.as_str() == text)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Balance => f.write_str("balance"),
            Scope::Environment(name) => write!(f, "env/{name}"),
            Scope::Surface(environment, name) => write!(f, "surface/{environment}/{name}"),
            Scope::Key(id) => write!(f, "key/{id}"),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            Period::Ever => write!(f, "{}", self.scope),
            Period::Month(month) => write!(f, "{}/{month}", self.scope),
            Period::Day(day) => write!(f, "{}/{day}", self.scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_its_text() {
        let day = CalendarDay::parse("2026-11-25").unwrap();
        let prod = EnvironmentName::parse("prod").unwrap();
        let chat = SurfaceName::parse("support-chat").unwrap();
        let check = |scope, length, expect: &str| {
            assert_eq!(AccountId::over(scope, length, day).to_string(), expect);
        };
        check(Scope::Environment(prod.clone()), Length::Month, "env/prod/2026-11");
        check(Scope::Surface(prod, chat), Length::Day, "surface/prod/support-chat/2026-11-25");
        let key = KeyId::parse("0000000000Ab").unwrap();
        check(Scope::Key(key), Length::Month, "key/0000000000Ab/2026-11");
        assert_eq!(AccountId::BALANCE.to_string(), "balance");
        assert_eq!(Length::parse("month"), Some(Length::Month));
    }
}
