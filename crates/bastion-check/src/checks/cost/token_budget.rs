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
    proof: "calls of the last week, the newest 20000 at most: the 99th of a hundred answers, thinking \
         apart, beside each use case's budget; none was ended by it before it had any text",
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
        let mut reason = format!(
            "{texts} answers {}, each of a use case with a budget; none was ended by it before it had \
             any text",
            uses.period()
        );
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
    calls: u64,
    ended_empty: u64,
    text: ObservedText,
}

/// Over all models of the use case: the longest of their figures. None: it made no text, and none
/// of its answers was ended before it would have.
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
    };
    let groups = || uses.observed.iter().filter(of);
    let text = groups().fold(ObservedText::default(), longer);
    let calls = groups().map(|calls| calls.calls).fold(0, u64::saturating_add);
    let ended_empty = groups().map(|calls| calls.ended_empty).fold(0, u64::saturating_add);
    let is_text = text.calls > 0 || ended_empty > 0;
    is_text.then_some(Seen { name, surface, calls, ended_empty, text })
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
        let name = self.name;
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
        (self.ended_empty > 0).then(|| self.ended(budget))
    }

    /// Its budget cuts answers off before they say anything.
    fn ended(&self, budget: u64) -> Proof {
        let Seen { name, calls, ended_empty, text, .. } = self;
        let thinking = if text.calls == 0 {
            "of what they used nothing was reported".to_owned()
        } else {
            format!(
                "thinking takes up to {} tokens of a budget of {budget}",
                text.p99_thinking_tokens
            )
        };
        let reason = format!(
            "{ended_empty} of {calls} answers of {name} were ended by their limit before they had any \
             text: {thinking}"
        );
        // What was not reported is in no figure, and needed more than the budget.
        let enough = self.advised().max(budget.saturating_mul(ADVISED_TIMES));
        let mend = format!(
            "raise surfaces.{name}.max_tokens.default to {enough} at least, or ask for less thinking \
             (reasoning_effort); the box counts again when the last week has none"
        );
        Proof::missing(reason).mend(mend)
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
        let shown = "100 answers of the last 7 days, each of a use case with a budget; none was ended by \
                     it before it had any text";
        assert_eq!(check(|_| {}, true, shown), None);
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
        let nameless = |u: &mut UseFacts| {
            let mut calls = observed(None, "s", 2);
            calls.text = ObservedText { calls: 2, ..ObservedText::default() };
            u.observed.push(calls);
        };
        check(nameless, false, "2 of 102 answers");
    }

    #[test]
    fn answers_that_ended_empty_count_whether_or_not_their_usage_was_reported() {
        let mend = check(
            |u| u.observed[0].ended_empty = 1,
            false,
            "1 of 100 answers of chat were ended by their limit before they had any text: thinking \
             takes up to 200 tokens of a budget of 1000",
        );
        assert!(mend.unwrap().contains("default to 2000 at least"));
        let unreported = |u: &mut UseFacts| {
            u.observed[0].text = ObservedText::default();
            u.observed[0].ended_empty = 100;
        };
        let mend = check(
            unreported,
            false,
            "100 of 100 answers of chat were ended by their limit before they had any text: of what \
             they used nothing was reported",
        );
        assert!(mend.unwrap().contains("default to 2000 at least"));
    }

    #[test]
    fn where_calls_were_left_unread_it_is_said_since_when_they_were_read() {
        let cut = |u: &mut UseFacts| u.read_since = Some(Facts::nothing().now);
        let period =
            "100 answers since 2026-11-25T12:00:00.000Z (older ones were left unread), each";
        check(cut, true, period);
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
