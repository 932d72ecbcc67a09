//! What a caller reads whose call does not fit: the limit, the call's bound, and what to do.
//!
//! It must never tell a caller what another key has spent.

use bastion_store::Shortage;
use bastion_types::{AccountId, Modifier, Period, Refusal, Scope, Zone};

use crate::path::screen::Screened;

/// Running calls end within seconds, mostly.
const RETRY_AFTER_S: u32 = 1;

/// It can never fit.
pub(super) fn spent(short: &Shortage, zone: &Zone) -> Refusal {
    let Shortage { account, cap, spent, asked, .. } = short;
    if *account == AccountId::BALANCE {
        let left = cap.checked_sub(*spent).unwrap_or_default();
        let message = format!(
            "the prepaid balance has {left} left and this call may cost {asked} (box \
             cost.low-balance); top it up, or lower max_tokens"
        );
        return Refusal::InsufficientFunds { message };
    }
    let (name, spent) = (named(account), spent.min(cap));
    let until = resets_at(account, zone);
    let message = format!(
        "{name} of {cap} is spent up to {spent} and this call may cost {asked} (box \
         cost.spend-cap); lower max_tokens, wait until {until}, or ask for a higher cap"
    );
    Refusal::CapExceeded { message }
}

/// It fits once running calls have settled.
pub(super) fn reserved(short: &Shortage) -> Refusal {
    let Shortage { account, cap, held, asked, .. } = short;
    let name = named(account);
    let message = format!(
        "{name} of {cap} has {held} reserved by running calls and this call may cost {asked} (box \
         cost.spend-cap); retry after {RETRY_AFTER_S} s, or lower max_tokens"
    );
    Refusal::CapReserved { retry_after_s: RETRY_AFTER_S, message }
}

/// A call whose cost cannot be bounded.
pub(super) fn countless(screened: &Screened) -> String {
    let model = &screened.model.name;
    let why = if screened.is_priced() {
        "says no context_tokens, so nothing bounds what this call may cost, and it cannot be held \
         under a cap or a balance (box cost.spend-cap); name max_tokens and send no media, or tell the operators"
    } else {
        "has no price, so what this call may cost cannot be held under a cap or a balance (box \
         cost.spend-cap); tell the operators"
    };
    format!("the model '{model}' {why}")
}

/// A call that asks for what the price may not say.
pub(super) fn uncovered(modifier: Modifier, screened: &Screened) -> Refusal {
    let (field, model) = (modifier.name(), &screened.model.name);
    let message = format!(
        "'{field}' may change what this call costs, and the price of '{model}' does not say how, so \
         it cannot be held under a cap (box cost.spend-cap); leave it out, or ask the operators to \
         add it to the model's price_covers"
    );
    Refusal::invalid_field(field, message)
}

/// The limit, in words.
fn named(account: &AccountId) -> String {
    let length = match account.period {
        Period::Ever => return "the prepaid balance".to_owned(),
        Period::Day(_) => "daily",
        Period::Month(_) => "monthly",
    };
    match &account.scope {
        Scope::Balance => "the prepaid balance".to_owned(),
        Scope::Environment(name) => format!("the {length} cap of the environment '{name}'"),
        Scope::Surface(_, name) => format!("the {length} cap of the surface '{name}'"),
        Scope::Key(_) => format!("the {length} cap of this key"),
    }
}

/// When the period ends, as RFC 3339.
fn resets_at(account: &AccountId, zone: &Zone) -> String {
    let end = match account.period {
        Period::Ever => None,
        Period::Day(day) => zone.end_of_day(day),
        Period::Month(month) => zone.end_of_month(month),
    };
    end.map_or_else(|| "it is topped up".to_owned(), |end| end.to_string())
}

#[cfg(test)]
mod tests {
    use bastion_types::{CalendarDay, EnvironmentName, Length, Money};

    use super::*;

    fn short(account: AccountId) -> Shortage {
        let m = |text| Money::parse(text).unwrap();
        Shortage { account, cap: m("5"), spent: m("4.9"), held: m("0.05"), asked: m("0.2") }
    }

    #[test]
    fn a_caller_reads_which_cap_the_bound_and_when_it_begins_anew() {
        let day = CalendarDay::parse("2026-11-25").unwrap();
        let scope = Scope::Environment(EnvironmentName::parse("prod").unwrap());
        let toronto = Zone::parse("America/Toronto").unwrap();
        let month = short(AccountId::over(scope.clone(), Length::Month, day));
        let told = spent(&month, &toronto);
        assert_eq!((told.status(), told.code()), (402, "cap_exceeded"));
        let message = told.message();
        for part in ["monthly cap", "'prod'", "5.00", "4.90", "0.20", "2026-12-01T05:00:00"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let told = reserved(&short(AccountId::over(scope, Length::Day, day)));
        assert_eq!((told.status(), told.code()), (429, "cap_reserved"));
        assert!(told.message().contains("0.05 reserved"), "{}", told.message());
        let told = spent(&short(AccountId::BALANCE), &toronto);
        assert_eq!((told.status(), told.code()), (402, "insufficient_funds"));
        assert!(told.message().contains("0.10 left"), "{}", told.message());
    }
}
