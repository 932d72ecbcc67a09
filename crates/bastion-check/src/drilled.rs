//! A box that a drill proves: its newest run, and whether it still says something.
//!
//! It must never let a run of another configuration, another version or another month count.

use bastion_store::{DrillOutcome, DrillRun};
use bastion_types::Timestamp;

use crate::facts::Facts;
use crate::proof::{EVIDENCE_LIMIT, Evidence, Proof};

/// Proved by the newest run of this drill.
pub(crate) fn drilled(facts: &Facts, drill: &str) -> Proof {
    let environment = &facts.environment;
    let again = format!("run it: bastion drill run {drill} --env {environment}");
    let Some(run) = facts.drills.iter().find(|run| run.drill == drill) else {
        let reason = format!("no evidence: the drill '{drill}' has not been run in {environment}");
        return Proof::missing(reason).mend(again);
    };
    let seen = vec![evidence(run)];
    let day = day(run.started_at);
    if run.outcome != DrillOutcome::Pass {
        let reason = format!("the drill '{drill}' failed on {day}: {}", run.reason);
        let mend =
            format!("mend that, then run it again: bastion drill run {drill} --env {environment}");
        return Proof::missing(reason).mend(mend).seen(seen);
    }
    match stale(facts, run) {
        Some(why) => {
            let reason = format!("stale evidence: the drill '{drill}' passed on {day}, {why}");
            Proof::missing(reason).mend(again).seen(seen)
        }
        None => Proof::proved(run.reason.clone(), seen),
    }
}

fn stale(facts: &Facts, run: &DrillRun) -> Option<String> {
    if run.policy_hash != facts.policy_hash {
        return Some("against another configuration than the one that runs".to_owned());
    }
    if run.version != facts.version {
        return Some(format!("with version {}, and {} runs", run.version, facts.version));
    }
    let is_old = facts.now > run.started_at.plus(EVIDENCE_LIMIT);
    is_old.then(|| format!("and a drill counts for {EVIDENCE_LIMIT}"))
}

fn evidence(run: &DrillRun) -> Evidence {
    let outcome = run.outcome.as_str();
    Evidence::recorded(format!("drill {}, {}: {outcome}", run.drill, run.id), run.started_at)
}

/// The day, in UTC.
fn day(at: Timestamp) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use bastion_types::{RunId, Span};

    use super::*;

    /// A run of this drill that passed a day ago.
    pub(crate) fn passed(facts: &Facts, drill: &str) -> DrillRun {
        let started_at = facts.now.minus(Span::from_secs(24 * 60 * 60));
        DrillRun {
            id: RunId::parse("run_0fLHj4Nqk00000000000000a").unwrap(),
            drill: drill.to_owned(),
            environment: facts.environment.clone(),
            started_at,
            until: started_at,
            ended_at: Some(started_at),
            outcome: DrillOutcome::Pass,
            policy_hash: facts.policy_hash.clone(),
            version: facts.version.clone(),
            reason: "3 attempts".to_owned(),
            figures: serde_json::Value::Null,
        }
    }

    fn check(change: impl FnOnce(&mut DrillRun), expect: Result<&str, &str>) {
        let mut facts = Facts::nothing();
        let mut run = passed(&facts, "retry");
        change(&mut run);
        facts.drills = vec![passed(&facts, "cancel"), run];
        let proof = drilled(&facts, "retry");
        let (is_proved, part) = match expect {
            Ok(part) => (true, part),
            Err(part) => (false, part),
        };
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
        assert_eq!(proof.evidence.len(), 1);
    }

    #[test]
    fn a_run_counts_for_30_days_of_one_configuration_and_version() {
        let day = |days: u64| Facts::nothing().now.minus(Span::from_secs(days * 24 * 60 * 60));
        check(|_| {}, Ok("3 attempts"));
        check(|run| run.started_at = day(30), Ok("3 attempts"));
        check(|run| run.started_at = day(31), Err("counts for 30d"));
        check(|run| run.policy_hash.push('x'), Err("another configuration"));
        check(|run| run.version = "0.0.9".to_owned(), Err("with version 0.0.9, and 0.1.0 runs"));
        check(|run| run.outcome = DrillOutcome::Fail, Err("failed on 2026-11-24: 3 attempts"));
    }

    #[test]
    fn a_drill_that_was_not_run_is_the_next_step() {
        let proof = drilled(&Facts::nothing(), "retry");
        assert!(!proof.is_proved && proof.reason.contains("has not been run in prod"));
        assert_eq!(proof.mend.unwrap(), "run it: bastion drill run retry --env prod");
    }
}
