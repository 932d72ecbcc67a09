//! The pieces that the OpenAPI document is made of: patterns, parameters, answers, problems.
//!
//! It must never hold a bound that the code behind it does not keep.

use serde_json::{Map, Value, json};

use crate::problem::CODES;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT};

pub(crate) const ENVIRONMENT_PATTERN: &str = "^[a-z][a-z0-9-]{0,30}$";
pub(crate) const SERVICE_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
pub(crate) const SURFACE_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
pub(crate) const KEY_ID_PATTERN: &str = "^[0-9A-Za-z]{12}$";
pub(crate) const REQUEST_ID_PATTERN: &str = "^req_[0-9A-Za-z]{24}$";

pub(crate) const AMOUNT_PATTERN: &str = "^-?[0-9]{1,10}[.][0-9]{2,9}$";

/// Status, name and description of every answer in the error envelope.
const PROBLEMS: [(u16, &str, &str); 10] = [
    (400, "InvalidRequest", "a parameter, the body or a field is wrong; the message says the mend"),
    (401, "NoOperator", "no operator token, or not the right one"),
    (403, "ForeignHost", "on a loopback listener: a host name that is not localhost"),
    (404, "NotFound", "nothing has this id"),
    (408, "TooSlow", "the body did not arrive in time"),
    (409, "Conflict", "it is in a state that does not allow this"),
    (413, "TooLarge", "the body is larger than 65536 bytes"),
    (415, "NotJson", "the body was not sent as plain application/json"),
    (500, "Internal", "a fault of bastion"),
    (503, "Unavailable", "the store did not do it; the log says why"),
];

/// A reference to a schema.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A reference to an answer in the error envelope.
pub(crate) fn problem_reference(status: u16) -> Value {
    let row = PROBLEMS.iter().find(|(other, _, _)| *other == status);
    let name = row.map_or("Internal", |(_, name, _)| name);
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// All answers in the error envelope.
pub(crate) fn problem_responses() -> Map<String, Value> {
    let response = |(status, name, text): &(u16, &str, &str)| {
        let mut response = answer(text, "application/json", &reference("Error"));
        match status {
            401 => header(&mut response, "www-authenticate", &json!({ "const": "Bearer" })),
            503 => header(&mut response, "retry-after", &json!({ "type": "integer" })),
            _ => {}
        }
        ((*name).to_owned(), response)
    };
    PROBLEMS.iter().map(response).collect()
}

fn header(response: &mut Value, name: &str, schema: &Value) {
    if let Some(headers) = response.pointer_mut("/headers").and_then(Value::as_object_mut) {
        headers.insert(name.to_owned(), json!({ "required": true, "schema": schema }));
    }
}

/// The answer of an operation that did what was asked.
pub(crate) fn json_answer(description: &str, schema: &str) -> Value {
    answer(description, "application/json", &reference(schema))
}

/// An answer of any content type.
pub(crate) fn answer(description: &str, media_type: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "headers": {
            "x-request-id": { "$ref": "#/components/headers/RequestId" },
            "cache-control": { "$ref": "#/components/headers/NoStore" },
        },
        "content": { media_type: { "schema": schema } },
    })
}

/// The headers that every answer has.
pub(crate) fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "names this request in the log",
            "required": true,
            "schema": { "type": "string", "pattern": REQUEST_ID_PATTERN },
        },
        "NoStore": {
            "description": "no answer may be stored on its way",
            "required": true,
            "schema": { "const": "no-store" },
        },
    })
}

/// The error envelope.
pub(crate) fn error() -> Value {
    let types = ["invalid_request_error", "api_error"];
    object(&json!({
        "error": object(&json!({
            "message": { "type": "string", "description": "what is wrong and how to mend it" },
            "type": { "enum": types },
            "code": { "enum": CODES },
            "param": nullable(&json!({ "type": "string" })),
        })),
    }))
}

/// An object with exactly these properties, all of them required.
pub(crate) fn object(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().map(Map::keys).into_iter().flatten().collect();
    json!({
        "type": "object",
        "required": names,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// This, or `null`.
pub(crate) fn nullable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// A moment.
pub(crate) fn time(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

/// A text of a pattern.
pub(crate) fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// An amount of money, in the currency that stands beside it.
pub(crate) fn amount(description: &str) -> Value {
    json!({ "type": "string", "pattern": AMOUNT_PATTERN, "description": description })
}

/// A currency.
pub(crate) fn currency() -> Value {
    text("^[A-Z]{3}$")
}

/// Names of models.
pub(crate) fn models(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

/// A whole number from 0 on.
pub(crate) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A page of a list.
pub(crate) fn page(of: &str, cursor: &str, pattern: &str) -> Value {
    let description = format!("what to give as '{cursor}' for the next page; null: the last one");
    object(&json!({
        "data": { "type": "array", "items": reference(of), "maxItems": MAX_LIMIT },
        "next": { "type": ["string", "null"], "pattern": pattern, "description": description },
    }))
}

/// A parameter behind the `?`.
pub(crate) fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// How many entries a page may have.
pub(crate) fn limit() -> Value {
    let schema = json!({
        "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT,
    });
    query("limit", "entries on a page", &schema)
}

/// The id in the path.
pub(crate) fn id(pattern: &str) -> Value {
    json!({ "name": "id", "in": "path", "required": true, "schema": text(pattern) })
}

/// A body that must be there.
pub(crate) fn required_body(schema: &str) -> Value {
    json!({
        "required": true,
        "content": { "application/json": { "schema": reference(schema) } },
    })
}

/// A body that may be left out.
pub(crate) fn optional_body(schema: &str) -> Value {
    json!({
        "required": false,
        "content": { "application/json": { "schema": reference(schema) } },
    })
}
