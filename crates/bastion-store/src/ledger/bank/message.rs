//! A batch as one message: what `bastion_ledger_batch` of PostgreSQL is given, and what it says.
//!
//! It must never decide: the function writes all of it or nothing.

use serde_json::{Value, json};

use super::super::books::{Changes, Most, Move, OpenHold, SetCaps, Sums};
use super::rows::{entry_row, hold_row, odd};
use crate::StoreError;

/// Made by a step of the schema.
pub(super) const FUNCTION: &str = "bastion_ledger_batch";

/// What the function said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is written; these are the sums now.
    Written(Vec<(String, Sums)>),
    /// What the batch was decided on is no longer so; nothing is written.
    Again,
    /// The lease has ended; nothing is written.
    LeaseEnded,
}

/// The function's argument.
pub(super) fn of(
    moves: &[Move],
    changes: &Changes,
    (caps, lease): (&SetCaps, Option<&str>),
) -> Result<String, StoreError> {
    let accounts: Vec<_> = moves.iter().map(account).collect();
    let begun: Vec<_> = changes.put_holds.iter().map(hold_row).collect::<Result<_, _>>()?;
    let ended: Vec<_> = changes.ended_holds.iter().map(ended).collect();
    let entries: Vec<_> = changes.entries.iter().map(entry_row).collect::<Result<_, _>>()?;
    super::rows::text(&Batch { lease, caps: caps_text(caps), accounts, begun, ended, entries })
}

#[derive(serde::Serialize)]
struct Batch<'a, Begun, Entry> {
    lease: Option<&'a str>,
    caps: String,
    accounts: Vec<Value>,
    begun: Vec<Begun>,
    ended: Vec<(bastion_types::RequestId, i64, i64)>,
    entries: Vec<Entry>,
}

fn account(to: &Move) -> Value {
    let most = match to.most {
        Some(Most::Cap(cap)) => json!(cap),
        Some(Most::Credit) => json!("credited"),
        None => Value::Null,
    };
    json!([to.account, to.spent, to.held, most, to.has_credit])
}

fn ended(hold: &OpenHold) -> (bastion_types::RequestId, i64, i64) {
    (hold.call, hold.amount, i64::from(hold.on_balance))
}

/// As the function puts together what it finds.
fn caps_text(caps: &SetCaps) -> String {
    let mut texts: Vec<_> = caps
        .iter()
        .map(|((environment, length), cap)| (environment.as_str(), length.as_str(), cap))
        .collect();
    texts.sort_unstable();
    let texts = texts.iter().map(|(name, length, cap)| format!("{name} {length} {cap}"));
    texts.collect::<Vec<_>>().join(",")
}

/// What the function returned.
pub(super) fn read(told: &str) -> Result<Told, StoreError> {
    match told {
        "again" => Ok(Told::Again),
        "lease" => Ok(Told::LeaseEnded),
        sums => {
            let lines = sums.split(',').filter(|line| !line.is_empty());
            Ok(Told::Written(lines.map(sums_of).collect::<Result<_, _>>()?))
        }
    }
}

fn sums_of(line: &str) -> Result<(String, Sums), StoreError> {
    let mut words = line.split(' ');
    let id = words.next().map(str::to_owned);
    let mut number = || words.next().and_then(|word| word.parse().ok());
    match (id, number(), number(), number()) {
        (Some(id), Some(credited), Some(spent), Some(held)) => {
            Ok((id, Sums { credited, spent, held }))
        }
        _ => Err(odd("what the batch's function told")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_function_says_is_read() {
        assert_eq!(read("again").unwrap(), Told::Again);
        assert_eq!(read("lease").unwrap(), Told::LeaseEnded);
        assert_eq!(read("").unwrap(), Told::Written(Vec::new()));
        let sums = Sums { credited: 0, spent: 5, held: -1 };
        let expect = vec![("balance".to_owned(), sums), ("env/p/2026-11".to_owned(), sums)];
        assert_eq!(read("balance 0 5 -1,env/p/2026-11 0 5 -1").unwrap(), Told::Written(expect));
        assert!(read("balance 0 5").is_err());
        assert!(read("anything").is_err());
    }
}
