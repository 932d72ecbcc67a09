//! A drill from its start to its end, as whoever waits for it sees it.
//!
//! Ctrl-C ends the run, too: it must never go on behind the command's back.

use std::io::IsTerminal;
use std::time::Duration;

use bastion_types::EnvironmentName;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::operator::{Failure, Operator, Pause};
use crate::out;

pub(crate) const PATH: &str = "/admin/v1/drills";
pub(crate) const RUNS_PATH: &str = "/admin/v1/drills/runs";

/// How often the run is asked for; the server takes 5 s of silence for the end.
const PAUSE: Duration = Duration::from_millis(300);

/// Asked so often, a run is over: the server bounds it to 180 s, and 30 s to close.
const MOST_ASKS: u32 = 1000;

/// A run that is over.
pub(crate) struct Watched {
    /// As the server recorded it.
    pub(crate) run: Value,
    /// Did Ctrl-C end it?
    pub(crate) was_cut: bool,
}

/// Starts a drill and waits for its end, with its progress on stderr.
pub(crate) fn watched(
    operator: &Operator,
    drill: &str,
    environment: &EnvironmentName,
) -> Result<Watched, Failure> {
    let mut interrupts = operator.interrupts()?;
    let wish = json!({ "drill": drill, "environment": environment, "attended": true });
    let begun = operator.post(PATH, &wish)?;
    let id = field(&begun, "id");
    let path = format!("{RUNS_PATH}/{id}");
    let mut was_cut = false;
    let mut told = String::new();
    for _ in 0..MOST_ASKS {
        let run = operator.get(&path)?;
        if field(&run, "outcome") != "running" {
            clear(&told);
            return Ok(Watched { run, was_cut });
        }
        progress(drill, &field(&run, "progress"), &mut told);
        if operator.pause(&mut interrupts, PAUSE) == Pause::Cut && !was_cut {
            was_cut = true;
            operator.post(&format!("{path}/stop"), &json!({}))?;
        }
    }
    let message = format!("the run {id} does not end; look at the server's log");
    Err(Failure::new(Exit::No, message))
}

/// A field's text; empty where it is none.
pub(crate) fn field(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One line that changes on a terminal, one line for each change elsewhere.
fn progress(drill: &str, at: &str, told: &mut String) {
    if at.is_empty() || told == at {
        return;
    }
    let line = format!("{drill}: {at}");
    if std::io::stderr().is_terminal() {
        out::replaced_note(&line);
    } else {
        out::note(&line);
    }
    at.clone_into(told);
}

fn clear(told: &str) {
    if !told.is_empty() && std::io::stderr().is_terminal() {
        out::replaced_note("");
    }
}
