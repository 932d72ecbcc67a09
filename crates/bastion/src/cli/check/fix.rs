//! `--fix`: the harmless drills behind open boxes, before the gate is asked again.
//!
//! It must never run a drill that touches what is live.

use bastion_check::{Report, Verdict};
use bastion_types::EnvironmentName;
use serde_json::Value;

use crate::drilling::{PATH, Watched, field, watched};
use crate::exit::Exit;
use crate::operator::{Failure, Operator};
use crate::out;

/// Runs them; was there any?
pub(super) fn drilled(operator: &Operator, report: &Report) -> Result<bool, Failure> {
    let environment = EnvironmentName::parse(&report.environment)
        .map_err(|cause| Failure::new(Exit::No, cause.to_string()))?;
    let answer = operator.get(PATH)?;
    let drills = answer.get("data").and_then(Value::as_array).into_iter().flatten();
    let mut any = false;
    for drill in drills.filter(|drill| is_wanted(drill, report)) {
        any = true;
        let Watched { run, was_cut } = watched(operator, &field(drill, "name"), &environment)?;
        let (name, outcome) = (field(&run, "drill"), field(&run, "outcome"));
        out::note(&format!("drill {name}: {outcome}: {}", field(&run, "reason")));
        if was_cut {
            return Err(Failure::new(Exit::No, "it was cut; the gate was not asked"));
        }
    }
    Ok(any)
}

fn is_wanted(drill: &Value, report: &Report) -> bool {
    let box_id = field(drill, "box");
    let open =
        |told: &&bastion_check::BoxReport| told.id == box_id && told.verdict == Verdict::Fail;
    let harmless = drill.get("harmless").and_then(Value::as_bool) == Some(true);
    harmless && report.boxes.iter().any(|told| open(&told))
}
