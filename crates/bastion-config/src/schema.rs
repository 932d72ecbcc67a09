//! The JSON Schema of the file, for editors: from the same field tables as everything else.

use serde_json::{Map, Value, json};

use crate::elements;
use crate::field::{Field, Kind, Presence};

/// The JSON Schema (draft 2020-12) of `bastion.toml`: every setting of this version.
pub fn schema() -> Value {
    let mut schema = object(elements::ALL);
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        members.insert("title".into(), "bastion.toml".into());
    }
    schema
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().filter_map(|field| Some((field.name.to_owned(), property(field)?))).collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| matches!(field.presence, Presence::Required))
        .map(|field| field.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// None for what does not load.
fn property(field: &Field) -> Option<Value> {
    let mut schema = kind(&field.kind)?;
    if let Value::Object(members) = &mut schema {
        members.insert("description".into(), field.doc.into());
        if let Presence::Default(text) = field.presence {
            members.insert("default".into(), default(&field.kind, text));
        }
    }
    Some(schema)
}

fn kind(kind: &Kind) -> Option<Value> {
    let schema = match kind {
        Kind::Text | Kind::Address | Kind::Path | Kind::Url => {
            json!({ "type": "string", "minLength": 1 })
        }
        Kind::Span => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Kind::Integer { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Words(words) => json!({ "anyOf": [
            { "enum": words },
            { "type": "array", "items": { "enum": words }, "minItems": 1 },
        ] }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Reference => json!({ "type": "string", "pattern": "^(env|file):.+$" }),
        Kind::FileReference => json!({ "type": "string", "pattern": "^file:.+$" }),
        Kind::Amount => json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?$" }),
        Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::NamesOrTables { fields, most } => json!({ "anyOf": [
            { "type": "string", "minLength": 1 },
            {
                "type": "array",
                "items": { "anyOf": [{ "type": "string", "minLength": 1 }, object(fields)] },
                "minItems": 1,
                "maxItems": most,
            },
        ] }),
        Kind::Day => json!({ "type": "string", "format": "date" }),
        Kind::Tables { fields, most } => json!({
            "type": "array",
            "items": object(fields),
            "maxItems": most,
        }),
        Kind::Table(fields) => object(fields),
        Kind::Named(fields) => json!({
            "type": "object",
            "additionalProperties": object(fields),
            "minProperties": 1,
        }),
        Kind::Inert(_) => json!({}),
        Kind::Unbuilt => return None,
    };
    Some(schema)
}

fn default(kind: &Kind, text: &str) -> Value {
    let is_bare = matches!(kind, Kind::Integer { .. } | Kind::Boolean | Kind::Share);
    let bare = is_bare.then(|| serde_json::from_str(text).ok());
    bare.flatten().unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[Field], schema: &Value) {
        for field in fields {
            let property = &schema["properties"][field.name];
            assert_eq!(property.is_null(), matches!(field.kind, Kind::Unbuilt), "{}", field.name);
            let mut inside = property;
            if let Kind::Named(_) = field.kind {
                inside = &property["additionalProperties"];
            }
            if let Kind::NamesOrTables { .. } = field.kind {
                inside = &property["anyOf"][1]["items"]["anyOf"][1];
            }
            if let Kind::Tables { .. } = field.kind {
                inside = &property["items"];
            }
            check(field.inner(), inside);
        }
    }

    #[test]
    fn the_schema_has_every_setting_of_this_version() {
        let schema = schema();
        check(elements::ALL, &schema);
        assert_eq!(schema["properties"]["server"]["properties"]["threads"]["maximum"], 1024);
        assert_eq!(schema["properties"]["currency"]["default"], "CAD");
        let retry = &schema["properties"]["retry"]["properties"];
        assert_eq!(retry["budget"]["default"], json!(0.2));
        assert_eq!(schema["required"], json!(["upstreams", "models", "environments"]));
        let text = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), schema);
    }
}
