//! `cost.spend-cap`, proved by the ledger.
//!
//! It must never count a cap that refuses nothing, or one that some calls pass by.

use bastion_store::BeyondHold;
use bastion_types::{Enforce, Money};

use super::super::Check;
use crate::card::Card;
use crate::facts::{CapFacts, CapSource, Facts, SpendFacts};
use crate::proof::{Evidence, Proof};

pub(crate) struct SpendCap;

/// With more estimates than so many of a hundred charges a month's sum says little.
const MOST_ESTIMATED_PERCENT: u64 = 5;

const CARD: Card = Card {
    id: "cost.spend-cap",
    sentence: "Per-environment monthly spend cap configured in the dashboard (so a runaway test \
         doesn't drain prod budget).",
    why: "one loop over a weekend can cost a month",
    mend: "set a cap: bastion cap set --env ENVIRONMENT AMOUNT, or environments.*.monthly_cap",
    proof: "the ledger: at no instant of the month was spend above the cap, every model has a \
         price, no upstream reported more than was held, and few charges are estimates",
};

impl Check for SpendCap {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        let spend = &facts.spend;
        let Some(cap) = spend.cap else { return uncapped(facts) };
        if let Some(open) = passed_by(facts) {
            return open;
        }
        // What was given back was spent before: more than this was never spent at any instant.
        let highest =
            spend.spent.checked_add(spend.given_back).unwrap_or(Money::from_nanos(i64::MAX));
        if highest > cap.amount {
            return above(facts, cap, highest);
        }
        if let Some(most) = spend.beyond_holds.rows.first() {
            return beyond(facts, cap, most);
        }
        let SpendFacts { calls, estimated_calls, .. } = *spend;
        let share = estimated_calls.saturating_mul(100);
        if share > calls.saturating_mul(MOST_ESTIMATED_PERCENT) {
            return estimated(facts, cap);
        }
        let reason = format!(
            "{} of {} {} is spent in {}, and never was more; {estimated_calls} of {calls} charges \
             are estimates",
            spend.spent,
            cap.amount,
            spend.currency,
            spend.month()
        );
        Proof::proved(reason, evidence(facts, cap))
    }
}

fn uncapped(facts: &Facts) -> Proof {
    let environment = &facts.environment;
    let reason = format!("{environment} has no monthly cap: nothing ends its spending");
    let mend = format!(
        "bastion cap set --env {environment} AMOUNT, or monthly_cap in [environments.{environment}]"
    );
    Proof::missing(reason).mend(mend)
}

/// What passes the cap by.
fn passed_by(facts: &Facts) -> Option<Proof> {
    let environment = &facts.environment;
    if facts.spend.enforce == Enforce::Observe {
        let reason =
            format!("environments.{environment}.enforce is \"observe\": the cap refuses nothing");
        let mend = format!("set enforce = \"on\" in [environments.{environment}]");
        return Some(Proof::missing(reason).mend(mend));
    }
    let model = facts.spend.unpriced.first()?;
    let reason = format!("models.{model} has no price: what it costs is counted as nothing");
    let mend = format!(
        "give it one, such as price = {{ input = \"0.05\", output = \"0.20\" }} in [models.\"{model}\"]"
    );
    Some(Proof::missing(reason).mend(mend))
}

fn above(facts: &Facts, cap: CapFacts, highest: Money) -> Proof {
    let SpendFacts { currency, .. } = &facts.spend;
    let month = facts.spend.month();
    let reason = format!(
        "up to {highest} {currency} was spent in {month}, above the cap of {}: it came when that \
         was spent already",
        cap.amount
    );
    let mend = "set a cap that holds for the whole month; the box counts again from the first of \
                the next one, or waive it until then";
    Proof::missing(reason).mend(mend).seen(evidence(facts, cap))
}

/// The ledger charged less than the provider bills.
fn beyond(facts: &Facts, cap: CapFacts, most: &BeyondHold) -> Proof {
    let SpendFacts { calls, beyond_holds, .. } = &facts.spend;
    let unknown = "one that is not known";
    let model = most.model.as_deref().unwrap_or(unknown);
    let upstream = most.upstream.as_deref().unwrap_or(unknown);
    let reason = format!(
        "{} of {calls} charges of {} are at their holds: more was reported than their calls were \
         bounded by, most often for {model} at {upstream}; the bill is above what the ledger says",
        beyond_holds.calls,
        facts.spend.month()
    );
    let of_model = most
        .model
        .as_ref()
        .map_or_else(|| "of the model".to_owned(), |model| format!("in [models.\"{model}\"]"));
    let mend = format!(
        "say {of_model} what bounds it: limit_field, limits_thinking, tokens_per_byte, template_tokens, \
         image_input_tokens, min_audio_bytes_per_s, context_tokens or its price ('What a cap rests on' \
         in docs/reference/money.md); what it really cost is put right by bastion ledger adjust. The \
         box counts again from the first of the next month; waive it until then"
    );
    Proof::missing(reason).mend(mend).seen(evidence(facts, cap))
}

fn estimated(facts: &Facts, cap: CapFacts) -> Proof {
    let SpendFacts { calls, estimated_calls, .. } = facts.spend;
    let reason = format!(
        "{estimated_calls} of {calls} charges of {} are estimates, more than \
         {MOST_ESTIMATED_PERCENT} of a hundred: what was spent is not known well enough",
        facts.spend.month()
    );
    let mend = "see which upstream reports no usage (bastion spend --by upstream), and let it; \
                what it really cost is put right by bastion ledger adjust";
    Proof::missing(reason).mend(mend).seen(evidence(facts, cap))
}

fn evidence(facts: &Facts, cap: CapFacts) -> Vec<Evidence> {
    let SpendFacts { spent, held, given_back, currency, calls, .. } = &facts.spend;
    let source = match cap.source {
        CapSource::Configured => format!("environments.{}.monthly_cap", facts.environment),
        CapSource::SetByHand => "set by an operator".to_owned(),
    };
    let month = facts.spend.month();
    let cap = format!("cap of {month}: {} {currency}, {source}", cap.amount);
    let sums = format!(
        "ledger of {month}: {spent} {currency} spent by {calls} calls, {held} held, {given_back} \
         given back"
    );
    vec![Evidence::now(cap, facts.now), Evidence::now(sums, facts.now)]
}

#[cfg(test)]
mod tests {
    use bastion_store::BeyondHolds;
    use bastion_types::{CalendarMonth, ModelName};

    use super::*;

    fn good() -> SpendFacts {
        SpendFacts {
            cap: Some(CapFacts { amount: money("10"), source: CapSource::SetByHand }),
            month: CalendarMonth::parse("2026-11").ok(),
            currency: "CAD".to_owned(),
            spent: money("4"),
            held: money("1"),
            given_back: money("6"),
            calls: 100,
            estimated_calls: 5,
            ..SpendFacts::default()
        }
    }

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn check(change: impl FnOnce(&mut SpendFacts), is_proved: bool, part: &str) {
        let mut spend = good();
        change(&mut spend);
        let proof = SpendCap.prove(&Facts { spend, ..Facts::nothing() });
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
    }

    #[test]
    fn a_cap_counts_while_it_refuses_and_was_never_passed() {
        check(|_| {}, true, "4.00 of 10.00 CAD is spent in 2026-11, and never was more; 5 of 100");
        check(|s| s.cap = None, false, "prod has no monthly cap");
        check(|s| s.enforce = Enforce::Observe, false, "environments.prod.enforce");
        check(
            |s| s.unpriced = vec![ModelName::parse("m").unwrap()],
            false,
            "models.m has no price",
        );
        check(|s| s.given_back = money("6.000000001"), false, "up to 10.000000001 CAD");
        check(|s| s.estimated_calls = 6, false, "6 of 100 charges of 2026-11 are estimates");
        check(|s| (s.calls, s.estimated_calls) = (0, 0), true, "0 of 0 charges");
        let beyond = |model: Option<&str>, calls: u64| BeyondHold {
            model: model.map(str::to_owned),
            upstream: Some("canada".to_owned()),
            calls,
        };
        check(
            |s| {
                let rows = vec![beyond(Some("m"), 2), beyond(None, 1)];
                s.beyond_holds = BeyondHolds { calls: 23, rows };
            },
            false,
            "23 of 100 charges of 2026-11 are at their holds: more was reported than their calls \
             were bounded by, most often for m at canada",
        );
    }
}
