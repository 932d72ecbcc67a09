//! The gate: facts through every check, waivers over what is not proved, one report.
//!
//! It must never pass a box by a waiver, and never let a waiver count behind its last day.

use bastion_config::Waiver;
use bastion_types::{Timestamp, Zone};

use crate::checks::{self, Check};
use crate::facts::Facts;
use crate::proof::{Evidence, Proof};
use crate::report::{BoxReport, EvidenceReport, Report, Verdict, WaiverReport};

/// From so many days before its end on a waiver is warned of.
const WARN_DAYS: i32 = 14;

/// The report on these boxes (all of them where none is named), in the checklist's order.
pub fn judge(facts: &Facts, waivers: &[Waiver], only: &[&str]) -> Report {
    let wanted = |check: &&&dyn Check| only.is_empty() || only.contains(&check.card().id);
    let boxes = checks::ALL.iter().filter(wanted).map(|check| judge_one(*check, facts, waivers));
    let boxes: Vec<BoxReport> = boxes.collect();
    let counts = |verdict| matches!(verdict, Verdict::Pass | Verdict::Attested | Verdict::Waived);
    Report {
        ready: boxes.iter().all(|report| counts(report.verdict)),
        environment: facts.environment.to_string(),
        at: facts.now,
        boxes,
    }
}

fn judge_one(check: &dyn Check, facts: &Facts, waivers: &[Waiver]) -> BoxReport {
    let card = check.card();
    let Proof { is_proved, reason, mend, evidence } = check.prove(facts);
    let waiver = waivers.iter().find(|waiver| waiver.box_id.as_str() == card.id);
    let standing = waiver.map(|waiver| standing(waiver, facts.now));
    let (verdict, reason) = match (is_proved, waiver, standing) {
        (true, _, _) => (Verdict::Pass, reason),
        (false, Some(waiver), Some(Standing::Counts { days_left })) => {
            (Verdict::Waived, waived(waiver, days_left, &reason))
        }
        (false, Some(waiver), Some(Standing::Ended)) => {
            let ended = format!("its waiver by {} ended on {}", waiver.owner, waiver.expires);
            (Verdict::Fail, format!("{ended}; {reason}"))
        }
        (false, _, _) => (Verdict::Fail, reason),
    };
    BoxReport {
        id: card.id.to_owned(),
        verdict,
        reason,
        mend: mend.unwrap_or_else(|| card.mend.to_owned()),
        proved_by: card.proof.to_owned(),
        evidence: evidence.iter().map(|evidence| told(evidence, facts.now)).collect(),
        waiver: waiver.map(|waiver| WaiverReport {
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires.to_string(),
            expired: standing == Some(Standing::Ended),
        }),
    }
}

/// Does a waiver still count?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Counts { days_left: i32 },
    Ended,
}

fn standing(waiver: &Waiver, now: Timestamp) -> Standing {
    let ended = Zone::UTC.end_of_day(waiver.expires).is_some_and(|end| end <= now);
    let days_left = waiver.expires.days_since(Zone::UTC.day_of(now));
    if ended { Standing::Ended } else { Standing::Counts { days_left } }
}

fn waived(waiver: &Waiver, days_left: i32, open: &str) -> String {
    let Waiver { reason, owner, expires, .. } = waiver;
    let soon = match days_left {
        ..=0 => "; it ends today".to_owned(),
        1 => "; it ends tomorrow".to_owned(),
        2..=WARN_DAYS => format!("; it ends in {days_left} days"),
        _ => String::new(),
    };
    format!("waived by {owner} until {expires}{soon}: {reason} (open: {open})")
}

fn told(evidence: &Evidence, now: Timestamp) -> EvidenceReport {
    EvidenceReport {
        what: evidence.what.clone(),
        at: evidence.at,
        age_s: now.seconds().saturating_sub(evidence.at.seconds()).max(0),
        limit_s: evidence.limit.map(|limit| limit.duration().as_secs()),
    }
}

#[cfg(test)]
mod tests;
