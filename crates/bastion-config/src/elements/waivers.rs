//! `[[waivers]]`: boxes of the checklist that are left unchecked for a while, and why.
//!
//! It must never take a waiver that lacks a reason, an owner or an end.

use bastion_types::{BoxId, CalendarDay};

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::suggest;
use crate::tree::{Node, Value};

/// One box that is left unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Which one.
    pub box_id: BoxId,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day, in UTC, on which it counts.
    pub expires: CalendarDay,
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "waivers",
    Kind::Tables { fields: FIELDS, most: MOST_WAIVERS },
    "none",
    "a box of the checklist that is left unchecked for a while, with who answers for it and why",
);

/// One for each box.
const MOST_WAIVERS: usize = 26;

/// Longest reason or owner, in letters: they stand in reports.
const LONGEST_TEXT_LETTERS: usize = 500;

const BOX: Field = Field::required(
    "box",
    Kind::Text,
    "the box's id, as 'bastion check' writes it, such as \"drills.credit-limit\"",
);
const REASON: Field = Field::required("reason", Kind::Text, "why it is launched without it");
const OWNER: Field = Field::required("owner", Kind::Text, "who answers for it");
const EXPIRES: Field = Field::required(
    "expires",
    Kind::Day,
    "the last day on which it counts, in UTC; behind it the box is unchecked again",
);

const FIELDS: &[Field] = &[BOX, REASON, OWNER, EXPIRES];

/// Reads all of them; a box is waived once.
pub(crate) fn read(root: &Reader<'_>) -> Result<Vec<Waiver>, Invalid> {
    let readers = root.tables(&SECTION)?;
    // All are read before the first failure is handed on.
    let read: Vec<_> = readers.iter().map(|reader| (reader, one(reader))).collect();
    let mut waivers: Vec<Waiver> = Vec::with_capacity(read.len());
    let mut all = Ok(());
    for (reader, waiver) in read {
        match waiver {
            Ok(waiver) if waivers.iter().any(|before| before.box_id == waiver.box_id) => {
                all = Err(twice(reader, waiver.box_id));
            }
            Ok(waiver) => waivers.push(waiver),
            Err(invalid) => all = Err(invalid),
        }
    }
    all.map(|()| waivers)
}

fn one(reader: &Reader<'_>) -> Result<Waiver, Invalid> {
    let box_id = reader.one(&BOX, box_id);
    let reason = reader.one(&REASON, short);
    let owner = reader.one(&OWNER, short);
    let expires = reader.one(&EXPIRES, day);
    Ok(Waiver { box_id: box_id?, reason: reason?, owner: owner?, expires: expires? })
}

fn twice(reader: &Reader<'_>, id: BoxId) -> Invalid {
    let problem = Problem::new(codes::SET_TWICE, format!("waives '{id}' a second time"))
        .help("keep one waiver for each box");
    let origin = reader.node(&BOX).map(|node| node.origin.clone()).unwrap_or_default();
    reader.error(&BOX, &origin, problem)
}

fn box_id(node: &Node) -> Result<BoxId, Problem> {
    let text = kinds::text(node)?;
    BoxId::parse(text).ok_or_else(|| {
        let problem = Problem::new(codes::UNKNOWN_BOX, "names no box of the checklist");
        match suggest::question(text, BoxId::all().map(BoxId::as_str)) {
            Some(question) => problem.help(question),
            None => problem.help("'bastion check' lists every box with its id"),
        }
    })
}

fn short(node: &Node) -> Result<String, Problem> {
    let text = kinds::string(node)?;
    if text.chars().count() > LONGEST_TEXT_LETTERS {
        let message = format!("must be at most {LONGEST_TEXT_LETTERS} letters long");
        return Err(Problem::new(codes::OUT_OF_RANGE, message));
    }
    Ok(text)
}

fn day(node: &Node) -> Result<CalendarDay, Problem> {
    let (Value::Date(text) | Value::Text(text) | Value::Written(text)) = &node.value else {
        return Err(kinds::wrong_type("a day, such as 2026-12-31", node));
    };
    CalendarDay::parse(text).map_err(|_| {
        Problem::new(codes::BAD_VALUE, "is not a day of the calendar, such as 2026-12-31")
            .help("the last day on which the waiver counts, in UTC")
    })
}
