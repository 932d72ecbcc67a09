//! `cost.token-budget`, proved by how long answers were beside how long they may be.
//!
//! It must never count a budget that cuts answers off before they say anything.

use bastion_store::{ObservedCalls, ObservedText};
use bastion_types::SurfaceName;

use super::super::Check;
use crate::card::Card;
use crate::facts::{Facts, SurfaceFacts, UseFacts};
use crate::proof::{Evidence, Proof};
use crate::unapplied::unapplied;

pub(crate) struct TokenBudget;

/// A budget above so many times of what answers need is advised against.
const ADVISED_TIMES: u64 = 2;

const CARD: Card = Card {
    id: "cost.token-budget",
    sentence: "Token budgets per call (max_tokens) set to the smallest reasonable value for each \
         surface.",
    why: "an answer without an end is paid to its end",
    mend: "set surfaces.*.max_tokens = { default = …, ceiling = … }",
    proof: "calls of the last week: the 99th of a hundred answers, thinking apart, beside each \
         use case's budget; none was ended by it before it had any text",
};

impl Check for TokenBudget {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        let uses = &facts.uses;
        if let Some(open) = uses.unnamed(&facts.environment, UseFacts::texts_of) {
            return open;
        }
        if let Some(open) = unapplied(facts, "no budget ends anything") {
            return open;
        }
        let seen: Vec<Seen<'_>> = uses.surfaces.iter().filter_map(|one| see(uses, one)).collect();
        let evidence = seen.iter().map(|seen| Evidence::now(seen.told(), facts.now)).collect();
        if let Some(open) = seen.iter().find_map(Seen::open) {
            return open.seen(evidence);
        }
        let texts = seen.iter().map(|seen| seen.text.calls).fold(0, u64::saturating_add);
        let mut reason =
            format!("{texts} answers of the last 7 days, each within its use case's budget");
        let advice: Vec<String> = seen.iter().filter_map(Seen::advice).collect();
        if !advice.is_empty() {
            reason.push_str("; advice: ");
            reason.push_str(&advice.join("; "));
        }
        Proof::proved(reason, evidence)
    }
}

/// A use case with what its answers were like.
struct Seen<'a> {
    name: &'a SurfaceName,
    surface: &'a SurfaceFacts,
    text: ObservedText,
}

/// Over all models of the use case: the longest of their figures. None: it made no text.
fn see<'a>(
    uses: &UseFacts,
    (name, surface): (&'a SurfaceName, &'a SurfaceFacts),
) -> Option<Seen<'a>> {
    let of = |calls: &&ObservedCalls| calls.surface.as_deref() == Some(name.as_str());
    let longer = |one: ObservedText, calls: &ObservedCalls| ObservedText {
        calls: one.calls.saturating_add(calls.text.calls),
        p99_answer_tokens: one.p99_answer_tokens.max(calls.text.p99_answer_tokens),
        p99_thinking_tokens: one.p99_thinking_tokens.max(calls.text.p99_thinking_tokens),
        p99_tokens: one.p99_tokens.max(calls.text.p99_tokens),
        ended_empty: one.ended_empty.saturating_add(calls.text.ended_empty),
    };
    let text = uses.observed.iter().filter(of).fold(ObservedText::default(), longer);
    (text.calls > 0).then_some(Seen { name, surface, text })
}

impl Seen<'_> {
    /// What a call gets that names no limit.
    fn budget(&self) -> Option<u64> {
        self.surface.budget.default.or(self.surface.budget.ceiling)
    }

    fn told(&self) -> String {
        let ObservedText { calls, p99_answer_tokens, p99_thinking_tokens, .. } = self.text;
        let budget = self.budget().map_or_else(|| "none".to_owned(), |tokens| tokens.to_string());
        format!(
            "{}: of {calls} answers 99 in a hundred had at most {p99_answer_tokens} tokens of answer \
             and {p99_thinking_tokens} of thinking; budget {budget}",
            self.name
        )
    }

    /// Why its budget is none.
    fn open(&self) -> Option<Proof> {
        let Seen { name, text, .. } = self;
        let Some(budget) = self.budget() else {
            let reason = format!(
                "surfaces.{name}.max_tokens is not set: an answer may be as long as it likes"
            );
            let mend = format!(
                "set max_tokens = {{ default = {}, ceiling = … }} in [surfaces.{name}]",
                self.advised()
            );
            return Some(Proof::missing(reason).mend(mend));
        };
        if text.ended_empty == 0 {
            return None;
        }
        let reason = format!(
            "{} of {} answers of {name} were ended by their limit before they had any text: thinking \
             takes up to {} tokens of a budget of {budget}",
            text.ended_empty, text.calls, text.p99_thinking_tokens
        );
        let mend = format!(
            "raise surfaces.{name}.max_tokens.default to {} at least, or ask for less thinking \
             (reasoning_effort); the box counts again when the last week has none",
            self.advised()
        );
        Some(Proof::missing(reason).mend(mend))
    }

    /// A budget that most answers fit into with room.
    fn advised(&self) -> u64 {
        let needed = self.text.p99_answer_tokens.saturating_add(self.text.p99_thinking_tokens);
        needed.max(self.text.p99_tokens).saturating_mul(ADVISED_TIMES)
    }

    /// What would be a smaller budget, where this one is far above the need.
    fn advice(&self) -> Option<String> {
        let (budget, advised) = (self.budget()?, self.advised());
        (budget > advised).then(|| {
            format!(
                "surfaces.{}.max_tokens is {budget}; {advised} would do for 99 of 100 answers",
                self.name
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use bastion_config::TokenBudget as Budget;

    use super::*;
    use crate::facts::tests::{key, observed, surface};
    use crate::unapplied::tests::{environment_observes, key_observes, surface_observes};

    fn good() -> UseFacts {
        let mut calls = observed(Some("chat"), "s", 100);
        calls.text = ObservedText {
            calls: 100,
            p99_answer_tokens: 300,
            p99_thinking_tokens: 200,
            p99_tokens: 450,
            ended_empty: 0,
        };
        let (name, mut facts) = surface("chat");
        facts.budget = Budget { default: Some(1000), ..Budget::default() };
        UseFacts { surfaces: [(name, facts)].into(), observed: vec![calls], ..UseFacts::default() }
    }

    fn check(change: impl FnOnce(&mut UseFacts), is_proved: bool, part: &str) -> Option<String> {
        let mut uses = good();
        change(&mut uses);
        let proof = TokenBudget.prove(&Facts { uses, ..Facts::nothing() });
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
        proof.mend
    }

    fn budgeted(uses: &mut UseFacts) -> &mut SurfaceFacts {
        uses.surfaces.values_mut().next().unwrap()
    }

    #[test]
    fn a_budget_is_held_against_what_answers_were() {
        assert_eq!(check(|_| {}, true, "100 answers of the last 7 days"), None);
        let advised =
            "advice: surfaces.chat.max_tokens is 1001; 1000 would do for 99 of 100 answers";
        check(|u| budgeted(u).budget.default = Some(1001), true, advised);
        check(
            |u| budgeted(u).budget = Budget::default(),
            false,
            "surfaces.chat.max_tokens is not set",
        );
        check(
            |u| u.observed[0].text = ObservedText::default(),
            false,
            "no call of prod was answered with text",
        );
        check(|u| u.surfaces.clear(), false, "no use case is written down");
        let mend = check(
            |u| u.observed[0].text.ended_empty = 1,
            false,
            "1 of 100 answers of chat were ended by their limit before they had any text: thinking \
             takes up to 200 tokens of a budget of 1000",
        );
        assert!(mend.unwrap().contains("default to 1000 at least"));
        let nameless = |u: &mut UseFacts| {
            let mut calls = observed(None, "s", 2);
            calls.text = ObservedText { calls: 2, ..ObservedText::default() };
            u.observed.push(calls);
        };
        check(nameless, false, "2 of 102 answers");
    }

    #[test]
    fn a_budget_that_is_only_observed_is_none() {
        let check = |change: fn(&mut Facts), is_proved: bool, part: &str| {
            let mut facts = Facts { uses: good(), ..Facts::nothing() };
            change(&mut facts);
            let proof = TokenBudget.prove(&facts);
            assert_eq!(proof.is_proved, is_proved, "{proof:?}");
            assert!(proof.reason.contains(part), "{proof:?}");
        };
        check(|facts| facts.keys.push(key("000000000001")), true, "100 answers");
        let part = "environments.prod.enforce is \"observe\": no budget ends anything";
        check(environment_observes, false, part);
        let part = "surfaces.audit.enforce is \"observe\": no budget ends anything";
        check(surface_observes, false, part);
        check(key_observes, false, "the key 000000000001 of prod/web was made with enforce");
    }
}
