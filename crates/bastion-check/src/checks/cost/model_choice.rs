//! `cost.model-choice`, proved by the use cases that are written down and by what calls used.
//!
//! It must never count a call that named no use case, or a model of which nobody says how large it is.

use bastion_config::Size;
use bastion_store::ObservedCalls;

use super::super::Check;
use crate::card::Card;
use crate::facts::{Facts, UseFacts};
use crate::proof::{Evidence, Proof};
use crate::unapplied::unapplied;

pub(crate) struct ModelChoice;

const CARD: Card = Card {
    id: "cost.model-choice",
    sentence: "Model selection documented per use-case (don't default everything to the largest model).",
    why: "the largest model costs many times the one that would do",
    mend: "write each use case down with its models, why and whose: [surfaces.NAME]",
    proof: "calls of the last week, the newest 20000 at most: they name a use case with a reason and \
         an owner (but for one in a hundred), and not all of them went to large models",
};

impl Check for ModelChoice {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        let uses = &facts.uses;
        if let Some(open) = uses.unnamed(&facts.environment, UseFacts::calls_of) {
            return open;
        }
        if let Some(open) = unapplied(facts, "any model is let pass") {
            return open;
        }
        let seen = evidence(facts);
        if let Some(unsized_model) = uses.observed.iter().find(|calls| size(uses, calls).is_none())
        {
            let model = &unsized_model.model;
            let reason = format!("models.{model}.size is not set: is it the largest?");
            let mend =
                format!("set size = \"small\", \"medium\" or \"large\" in [models.\"{model}\"]");
            return Proof::missing(reason).mend(mend).seen(seen);
        }
        let period = uses.period();
        let large = |calls: &&ObservedCalls| size(uses, calls) == Some(Size::Large);
        let all = uses.observed.iter().map(|calls| calls.calls).fold(0, u64::saturating_add);
        let to_large = uses.observed.iter().filter(large).map(|calls| calls.calls);
        let to_large = to_large.fold(0, u64::saturating_add);
        if to_large == all {
            let reason = format!("all {all} calls {period} went to large models");
            let mend = "see for each surface whether a smaller model would do, and make it the \
                        first of its models; where none would, waive this box with why";
            return Proof::missing(reason).mend(mend).seen(seen);
        }
        let each = match uses.nameless(UseFacts::calls_of) {
            0 => "each".to_owned(),
            nameless => format!("all but {nameless}"),
        };
        let reason = format!(
            "{all} calls {period}, {each} of a use case with a reason and an owner; {to_large} went to \
             large models"
        );
        Proof::proved(reason, seen)
    }
}

fn size(uses: &UseFacts, calls: &ObservedCalls) -> Option<Size> {
    uses.sizes.get(&calls.model).copied().flatten()
}

/// Each use case with its models, its reason and its owner.
fn evidence(facts: &Facts) -> Vec<Evidence> {
    let uses = &facts.uses;
    let told = uses.surfaces.iter().filter_map(|(name, surface)| {
        let of = |calls: &&ObservedCalls| calls.surface.as_deref() == Some(name.as_str());
        let models: Vec<String> = uses
            .observed
            .iter()
            .filter(of)
            .map(|calls| format!("{} {}", calls.model, calls.calls))
            .collect();
        let what =
            format!("{name} ({}): {}; calls: {}", surface.owner, surface.why, models.join(", "));
        (!models.is_empty()).then(|| Evidence::now(what, facts.now))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use bastion_types::ModelName;

    use super::*;
    use crate::facts::tests::{key, observed, surface};
    use crate::unapplied::tests::{environment_observes, key_observes, surface_observes};

    fn good() -> UseFacts {
        let model = |name: &str| ModelName::parse(name).unwrap();
        UseFacts {
            surfaces: [surface("chat"), surface("draft")].into(),
            sizes: [(model("s"), Some(Size::Small)), (model("l"), Some(Size::Large))].into(),
            observed: vec![observed(Some("chat"), "s", 1), observed(Some("draft"), "l", 99)],
            read_since: None,
        }
    }

    fn check(change: impl FnOnce(&mut UseFacts), is_proved: bool, part: &str) {
        let mut uses = good();
        change(&mut uses);
        let proof = ModelChoice.prove(&Facts { uses, ..Facts::nothing() });
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
    }

    #[test]
    fn each_call_has_a_use_case_and_not_all_go_to_the_largest() {
        check(|_| {}, true, "100 calls of the last 7 days, each of a use case");
        check(|u| u.surfaces.clear(), false, "no use case is written down");
        check(|u| u.observed.clear(), false, "no call of prod");
        let one_nameless = "101 calls of the last 7 days, all but 1 of a use case";
        check(|u| u.observed.push(observed(None, "s", 1)), true, one_nameless);
        check(|u| u.observed.push(observed(None, "s", 2)), false, "2 of 102 answers");
        check(|u| u.observed.push(observed(Some("gone"), "s", 2)), false, "2 of 102 answers");
        check(|u| drop(u.observed.remove(0)), false, "all 99 calls of the last 7 days");
        check(
            |u| {
                u.sizes.insert(ModelName::parse("s").unwrap(), None);
            },
            false,
            "models.s.size",
        );
    }

    #[test]
    fn where_calls_were_left_unread_it_is_said_since_when_they_were_read() {
        let cut = |u: &mut UseFacts| u.read_since = Some(Facts::nothing().now);
        let period = "100 calls since 2026-11-25T12:00:00.000Z (older ones were left unread), each";
        check(cut, true, period);
        let all_large = |u: &mut UseFacts| (cut(u), drop(u.observed.remove(0))).0;
        check(all_large, false, "all 99 calls since 2026-11-25T12:00:00.000Z");
        let none = |u: &mut UseFacts| (cut(u), u.observed.clear()).0;
        check(none, false, "no call of prod was answered with text, of those since 2026");
        let nameless = |u: &mut UseFacts| (cut(u), u.observed.push(observed(None, "s", 2))).0;
        check(nameless, false, "2 of 102 answers since 2026-11-25T12:00:00.000Z");
    }

    #[test]
    fn a_choice_that_is_only_observed_is_none() {
        let check = |change: fn(&mut Facts), is_proved: bool, part: &str| {
            let mut facts = Facts { uses: good(), ..Facts::nothing() };
            change(&mut facts);
            let proof = ModelChoice.prove(&facts);
            assert_eq!(proof.is_proved, is_proved, "{proof:?}");
            assert!(proof.reason.contains(part), "{proof:?}");
        };
        check(|facts| facts.keys.push(key("000000000001")), true, "100 calls");
        let part = "environments.prod.enforce is \"observe\": any model is let pass";
        check(environment_observes, false, part);
        let part = "surfaces.audit.enforce is \"observe\": any model is let pass";
        check(surface_observes, false, part);
        check(key_observes, false, "the key 000000000001 of prod/web was made with enforce");
    }
}
