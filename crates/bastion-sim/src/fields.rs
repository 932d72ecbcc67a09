//! The fields of a JSON body, read one by one as endpoints ask for them.
//!
//! An error must never repeat what the request says.

use serde::Deserialize;
use serde_json::Value;

use crate::refused::Refused;
use crate::text_request::Delivery;

/// The fields that an endpoint reads; all others are ignored.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|cause| Refused::Invalid {
        message: format!(
            "the body is no JSON object, or names a field twice; see line {}, column {}",
            cause.line(),
            cause.column()
        )
        .into(),
        param: None,
    })
}

pub(crate) fn model(value: Option<Value>) -> Result<String, Refused> {
    match value {
        Some(Value::String(model)) => Ok(model),
        _ => Err(Refused::field("model", "'model' is missing or no string; name a model")),
    }
}

pub(crate) fn text(value: Option<Value>, param: &'static str) -> Result<String, Refused> {
    match value {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Refused::field(param, format!("'{param}' is missing or no string; send text"))),
    }
}

/// A count from 1 to `most`, where it is there.
pub(crate) fn count(
    value: Option<&Value>,
    param: &'static str,
    most: u64,
) -> Result<Option<u64>, Refused> {
    let Some(value) = value else { return Ok(None) };
    match value.as_u64() {
        Some(count) if (1..=most).contains(&count) => Ok(Some(count)),
        Some(_) | None => {
            Err(Refused::field(param, format!("'{param}' is no count; send 1 to {most}")))
        }
    }
}

pub(crate) fn flag(value: Option<&Value>, param: &'static str) -> Result<bool, Refused> {
    match value {
        None | Some(Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(_) => Err(Refused::field(param, format!("'{param}' is true or false"))),
    }
}

/// How chat and completions are to be delivered.
pub(crate) fn delivery(
    stream: Option<&Value>,
    options: Option<&Value>,
) -> Result<Delivery, Refused> {
    let stream = flag(stream, "stream")?;
    let usage = options.and_then(|options| options.get("include_usage"));
    match (stream, options) {
        (false, Some(_)) => {
            let message = "'stream_options' is allowed with 'stream': true only";
            Err(Refused::field("stream_options", message))
        }
        (false, None) => Ok(Delivery::Whole),
        (true, _) if usage == Some(&Value::Bool(true)) => Ok(Delivery::StreamWithUsage),
        (true, _) => Ok(Delivery::Stream),
    }
}
