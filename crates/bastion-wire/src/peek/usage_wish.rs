//! How `stream_options.include_usage` becomes true, where the caller does not ask for it.
//!
//! It must never change another option.

use bastion_types::Refusal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::slots::{Field, Slots, wrong_type};
use crate::ask::Splice;

/// The change that asks for a stream's usage; none where the caller asks for it.
pub(super) fn usage_wish(slots: &Slots<'_>) -> Result<Option<Splice>, Refusal> {
    let Some(options) = slots.slot(Field::StreamOptions) else {
        let with = r#""stream_options":{"include_usage":true},"#;
        return Ok(Some(Splice { place: slots.behind_brace(), with }));
    };
    let around = slots.place(options);
    if options.get() == "null" {
        return Ok(Some(Splice { place: around, with: r#"{"include_usage":true}"# }));
    }
    if !options.get().starts_with('{') {
        return Err(wrong_type(Field::StreamOptions, "an object"));
    }
    let once = "an object that names 'include_usage' once";
    let given: Options<'_> =
        serde_json::from_str(options.get()).map_err(|_| wrong_type(Field::StreamOptions, once))?;
    let Some(asked) = given.include_usage else {
        let is_empty = options.get().bytes().all(|byte| b"{} \t\r\n".contains(&byte));
        let with = if is_empty { r#""include_usage":true"# } else { r#""include_usage":true,"# };
        return Ok(Some(Splice { place: around.start + 1..around.start + 1, with }));
    };
    match asked.get() {
        "true" => Ok(None),
        "false" | "null" => Ok(Some(Splice { place: slots.place(asked), with: "true" })),
        _ => Err(wrong_type(Field::StreamOptions, "an object whose 'include_usage' is a boolean")),
    }
}

#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    include_usage: Option<&'a RawValue>,
}

/// A null is there, too: it stands at a place.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}
