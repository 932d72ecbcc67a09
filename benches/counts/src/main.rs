//! Counts instructions under valgrind and holds them against `benches/counts/counts.txt`.
//!
//! It must never time anything: seconds are the machine's, instructions are ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use bastion_counts::{Work, all};

/// Runs of each work; the fewer are taken from the more, so that start and end do not count.
const FEW: u64 = 50;
const MANY: u64 = 150;

/// By how much a count may grow, in per cent.
const TOLERANCE_PERCENT: u64 = 5;

/// The counts that were accepted.
const ACCEPTED: &str = "benches/counts/counts.txt";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["work", name, times] => work(name, times),
        [] => count().and_then(|counts| compare(&counts)),
        ["--accept"] => count().and_then(|counts| accept(&counts)),
        _ => Err("say nothing, or --accept".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            // A closed stderr leaves nobody to tell.
            writeln!(io::stderr(), "error: {cause}").ok();
            ExitCode::FAILURE
        }
    }
}

fn work(name: &str, times: &str) -> Result<(), String> {
    let times: u64 = times.parse().map_err(|_| "how often?".to_owned())?;
    let work = all().into_iter().find(|work| work.name == name).ok_or("no such work")?;
    for _ in 0..times {
        work.act();
    }
    Ok(())
}

/// Instructions of each work, once.
fn count() -> Result<BTreeMap<&'static str, u64>, String> {
    let counted = |work: Work| {
        let (few, many) = (instructions(work.name, FEW)?, instructions(work.name, MANY)?);
        Ok((work.name, many.saturating_sub(few) / (MANY - FEW)))
    };
    all().into_iter().map(counted).collect()
}

fn instructions(name: &str, times: u64) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|cause| cause.to_string())?;
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["work", name, &times.to_string()])
        .output()
        .map_err(|cause| format!("valgrind does not run ({cause}); install Debian's valgrind"))?;
    let told = String::from_utf8_lossy(&ran.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind says no count:\n{told}"))
}

fn compare(counts: &BTreeMap<&'static str, u64>) -> Result<(), String> {
    let text = std::fs::read_to_string(ACCEPTED)
        .map_err(|cause| format!("{ACCEPTED} cannot be read: {cause}; run it at the root"))?;
    let accepted: BTreeMap<&str, u64> = text.lines().filter_map(line).collect();
    let mut grown = String::new();
    for (name, count) in counts {
        let before = accepted.get(name).copied().ok_or(format!("{name} was never accepted"))?;
        writeln!(io::stdout(), "{name:<24} {count:>9} instructions, accepted {before:>9}").ok();
        if count.saturating_mul(100) > before.saturating_mul(100 + TOLERANCE_PERCENT) {
            // Writing to a String cannot fail.
            write!(grown, " {name}").ok();
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "these grew by more than {TOLERANCE_PERCENT} per cent:{grown}; make them smaller, or accept \
         it with scripts/counts --accept and say why in the commit"
    ))
}

fn line(text: &str) -> Option<(&str, u64)> {
    let (name, count) = text.split_once(' ')?;
    Some((name, count.trim().parse().ok()?))
}

fn accept(counts: &BTreeMap<&'static str, u64>) -> Result<(), String> {
    let text: String = counts.iter().fold(String::new(), |mut text, (name, count)| {
        writeln!(text, "{name} {count}").ok();
        text
    });
    std::fs::write(Path::new(ACCEPTED), text).map_err(|cause| cause.to_string())
}
