//! `bastion spend reconcile`: a month of the ledger beside the provider's bill.
//!
//! It must never call a bill right that names what the ledger does not have, or leaves out what it has.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bastion_types::{CalendarMonth, Money};
use clap::Args;
use csv::{Position, ReaderBuilder, Trim};
use serde_json::{Value, json};

use super::asked::{By, path};
use crate::exit::Exit;
use crate::operator::{Failure, Operator};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion spend reconcile bill.csv --month 2026-11
  bastion spend reconcile bill.csv --by upstream --tolerance 0.5

The file is CSV with a header line; of its columns 'name' and 'amount' are read.";

/// Longest bill that is read.
const MAX_BILL_BYTES: u64 = 16 * 1024 * 1024;

/// Hold a month of the ledger against the provider's bill; exit 1 on a difference
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReconcileArguments {
    /// The bill: CSV with the columns name and amount
    file: PathBuf,
    /// What the bill's names are
    #[arg(long, value_enum, default_value = "model")]
    by: By,
    /// The month [default: this one]
    #[arg(long, value_name = "YYYY-MM", value_parser = CalendarMonth::parse)]
    month: Option<CalendarMonth>,
    /// How far a line may be apart, in percent of the bill's amount
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = Money::parse)]
    tolerance: Money,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// A name with what the bill and what the ledger says of it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    bill: Money,
    ledger: Money,
    within: bool,
}

/// Runs the act.
pub(super) fn run(operator: Operator, arguments: &ReconcileArguments) -> Result<Exit, Failure> {
    let bill = read(&arguments.file).map_err(|why| Failure::new(Exit::Usage, why))?;
    let spend = operator.patient().get(&path(arguments.by, arguments.month))?;
    if let Some(further) = spend.get("further").and_then(Value::as_u64).filter(|count| *count > 0) {
        let why = format!(
            "the ledger has {further} names more than can be held against a bill; use another --by"
        );
        return Err(Failure::new(Exit::No, why));
    }
    let ledger = sums(&spend).ok_or_else(|| {
        Failure::new(Exit::No, "the server's answer holds an amount that cannot be read")
    })?;
    let lines = compare(&bill, &ledger, arguments.tolerance);
    let ok = lines.iter().all(|line| line.within);
    let told = if arguments.json { as_json(&lines, ok) } else { as_text(&lines, arguments) };
    out::line(&told);
    Ok(if ok { Exit::Done } else { Exit::No })
}

/// Every name of either, with the bill's amount and the ledger's.
fn compare(
    bill: &BTreeMap<String, Money>,
    ledger: &BTreeMap<String, Money>,
    tolerance: Money,
) -> Vec<Line> {
    let names = bill.keys().chain(ledger.keys().filter(|name| !bill.contains_key(*name)));
    let line = |name: &String| {
        let of = |sums: &BTreeMap<String, Money>| sums.get(name).copied().unwrap_or_default();
        let (bill, ledger) = (of(bill), of(ledger));
        Line { name: name.clone(), bill, ledger, within: is_within(bill, ledger, tolerance) }
    };
    names.map(line).collect()
}

/// Are they apart by at most so many percent of the bill?
fn is_within(bill: Money, ledger: Money, tolerance: Money) -> bool {
    const WHOLE: i128 = 100 * 1_000_000_000;
    let (bill, ledger) = (i128::from(bill.nanos()), i128::from(ledger.nanos()));
    (bill - ledger).abs() * WHOLE <= bill.abs() * i128::from(tolerance.nanos())
}

/// The server's sums; none where one cannot be read.
fn sums(spend: &Value) -> Option<BTreeMap<String, Money>> {
    let rows = spend.get("data")?.as_array()?;
    let sum = |row: &Value| {
        let name = row.get("name")?.as_str().unwrap_or("(none)").to_owned();
        Some((name, signed(row.get("amount")?.as_str()?)?))
    };
    rows.iter().map(sum).collect()
}

fn signed(text: &str) -> Option<Money> {
    let text = text.trim();
    let Some(positive) = text.strip_prefix('-') else { return Money::parse(text).ok() };
    Money::ZERO.checked_sub(Money::parse(positive).ok()?)
}

/// The bill by name; lines of one name are added up.
fn read(file: &Path) -> Result<BTreeMap<String, Money>, String> {
    let shown = file.display();
    let mut text = Vec::new();
    let opened = File::open(file).map(|file| file.take(MAX_BILL_BYTES + 1));
    let length = opened.and_then(|mut file| file.read_to_end(&mut text));
    length.map_err(|cause| format!("{shown}: {cause}"))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BILL_BYTES {
        return Err(format!("{shown}: it is longer than {MAX_BILL_BYTES} bytes; give one month's"));
    }
    parse(&text).map_err(|why| format!("{shown}: {why}"))
}

fn parse(text: &[u8]) -> Result<BTreeMap<String, Money>, String> {
    let mut lines = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text);
    let header = lines.headers().map_err(|cause| unreadable(&cause))?;
    if header.is_empty() {
        return Err("it is empty; a header line comes first".to_owned());
    }
    let column = |wanted: &str| {
        let at = header.iter().position(|cell| cell.eq_ignore_ascii_case(wanted));
        at.ok_or_else(|| format!("its first line names no column '{wanted}'"))
    };
    let (name_at, amount_at) = (column("name")?, column("amount")?);
    let mut bill: BTreeMap<String, Money> = BTreeMap::new();
    for line in lines.records() {
        let line = line.map_err(|cause| unreadable(&cause))?;
        let number = line.position().map_or(0, Position::line);
        let wrong = || format!("line {number}: the amount is no decimal number such as 12.50");
        let amount = line.get(amount_at).and_then(signed).ok_or_else(wrong)?;
        let name = line.get(name_at).filter(|name| !name.is_empty()).unwrap_or("(none)");
        let sum = bill.entry(name.to_owned()).or_default();
        *sum = sum.checked_add(amount).ok_or_else(wrong)?;
    }
    if bill.is_empty() { Err("it has no line behind its header".to_owned()) } else { Ok(bill) }
}

/// Where it cannot be read; its words would repeat the bill's.
fn unreadable(cause: &csv::Error) -> String {
    let line = cause.position().map_or(0, Position::line);
    format!("line {line} cannot be read; write it as CSV (RFC 4180) in UTF-8")
}

const COLUMNS: [&str; 5] = ["name", "bill", "ledger", "apart", ""];

fn apart(line: &Line) -> String {
    line.ledger.checked_sub(line.bill).map_or_else(|| "?".to_owned(), |apart| apart.to_string())
}

fn as_text(lines: &[Line], arguments: &ReconcileArguments) -> String {
    let row = |line: &Line| {
        let word = if line.within { "ok" } else { "differs" };
        let (bill, ledger) = (line.bill.to_string(), line.ledger.to_string());
        vec![out::printable(&line.name), bill, ledger, apart(line), word.to_owned()]
    };
    let differ = lines.iter().filter(|line| !line.within).count();
    let tolerance = arguments.tolerance;
    format!(
        "{}\n{differ} of {} lines are more than {tolerance} % apart",
        out::table(&COLUMNS, lines.iter().map(row).collect()),
        lines.len()
    )
}

fn as_json(lines: &[Line], ok: bool) -> String {
    let told = |line: &Line| {
        json!({
            "name": line.name, "bill": line.bill, "ledger": line.ledger, "within": line.within,
        })
    };
    let data: Vec<Value> = lines.iter().map(told).collect();
    json!({ "ok": ok, "data": data }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        signed(text).unwrap()
    }

    #[test]
    fn a_bill_is_read_by_its_columns_and_names_are_added_up() {
        let parse = |text: &str| parse(text.as_bytes());
        let bill = parse(
            "\u{feff}Amount,x,NAME\r\n1.50,,\"a,\"\"b\"\"\"\r\n\r\n-0.25,y,\n2,,\"a,\"\"b\"\"\"\n",
        );
        let expect = [("(none)".to_owned(), money("-0.25")), ("a,\"b\"".to_owned(), money("3.5"))];
        assert_eq!(bill.unwrap(), expect.into());
        let check = |text: &str, part: &str| {
            let told = parse(text).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        };
        check("", "it is empty");
        check("name,cost\na,1\n", "no column 'amount'");
        check("amount,title\n1,a\n", "no column 'name'");
        check("name,amount\n", "no line behind its header");
        check("name,amount\na,1\nb,1e3\n", "line 3: the amount");
        check("name,amount\na\n", "line 2: the amount");
        let latin1 = super::parse(b"name,amount\n\xfc,1\n").unwrap_err();
        assert!(latin1.contains("line 2 cannot be read"), "{latin1}");
    }

    #[test]
    fn a_line_may_be_apart_by_the_tolerance_and_no_further() {
        let check = |bill: &str, ledger: &str, tolerance: &str, expect: bool| {
            let within = is_within(money(bill), money(ledger), money(tolerance));
            assert_eq!(within, expect, "{bill} {ledger} {tolerance}");
        };
        check("100", "101", "1", true);
        check("100", "99", "1", true);
        check("100", "101.000000001", "1", false);
        check("100", "100", "0", true);
        check("0", "0.000000001", "1", false);
        check("0", "0", "0", true);
        check("9223372036", "0", "100", true);
    }

    #[test]
    fn what_only_one_of_both_names_differs() {
        let bill = [("a".to_owned(), money("1")), ("b".to_owned(), money("2"))].into();
        let ledger = [("a".to_owned(), money("1")), ("c".to_owned(), money("3"))].into();
        let lines = compare(&bill, &ledger, money("1"));
        let told: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.within)).collect();
        assert_eq!(told, [("a", true), ("b", false), ("c", false)]);
    }
}
