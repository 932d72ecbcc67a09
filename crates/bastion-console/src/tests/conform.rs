//! Holds answers against the OpenAPI document: the part of JSON Schema that the document uses.
//!
//! It must never pass over a keyword that it does not know.

use std::sync::LazyLock;

use http::Method;
use serde_json::Value;

use super::Got;
use crate::openapi;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);

/// Is this answer one that the document describes? Paths that it does not have are 404.
pub(super) fn check(method: &Method, path: &str, got: &Got) {
    let document = &*DOCUMENT;
    let paths = document["paths"].as_object().unwrap();
    let method =
        if *method == Method::HEAD { "get".into() } else { method.as_str().to_lowercase() };
    let Some((_, described)) = paths.iter().find(|(known, _)| fits(known, path)) else {
        assert!(got.status == 404 || got.status == 403, "{path}: {}", got.status);
        return;
    };
    let responses = &described[&method]["responses"];
    let response = resolve(document, &responses[got.status.as_str()]);
    assert!(response.is_object(), "{method} {path} answers {} undescribed", got.status);
    for (name, header) in response["headers"].as_object().unwrap() {
        let value = got.headers.get(name).unwrap_or_else(|| panic!("{path} lacks {name}"));
        let value = Value::from(value.to_str().unwrap());
        let schema = &resolve(document, header)["schema"];
        if schema["type"] != "integer" {
            assert_eq!(fault(document, schema, &value), None, "{name}");
        }
    }
    let (media_type, content) = response["content"].as_object().unwrap().iter().next().unwrap();
    let sent_as = got.headers["content-type"].to_str().unwrap();
    assert!(sent_as.starts_with(media_type.as_str()), "{path}: {sent_as}");
    if got.text.is_empty() {
        return;
    }
    let value = serde_json::from_str(&got.text).unwrap_or_else(|_| Value::from(got.text.as_str()));
    assert_eq!(fault(document, &content["schema"], &value), None, "{path}: {}", got.text);
}

/// What a value has against the schema of this name.
pub(super) fn violation(value: &Value, name: &str) -> Option<String> {
    fault(&DOCUMENT, &DOCUMENT["components"]["schemas"][name], value)
}

/// Does `path` have the form of `known`?
pub(super) fn fits(known: &str, path: &str) -> bool {
    let (mut left, mut right) = (known.split('/'), path.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some("{id}"), Some(part)) if !part.is_empty() => {}
            (Some(same), Some(part)) if same == part => {}
            _ => return false,
        }
    }
}

/// The schema or answer behind a reference.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    let pointer = reference.strip_prefix('#').unwrap();
    resolve(document, document.pointer(pointer).unwrap_or_else(|| panic!("{reference}")))
}

/// The first thing that `value` has against `schema`.
pub(super) fn fault(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolve(document, schema).as_object().unwrap();
    let fails = |found: &str| Some(format!("{found}: {value}"));
    for (keyword, rule) in schema {
        let fault = match keyword.as_str() {
            "type" if !has_type(rule, value) => fails("type"),
            "const" if rule != value => fails("const"),
            "enum" if !rule.as_array().unwrap().contains(value) => fails("enum"),
            "pattern" if !matches(rule, value) => fails("pattern"),
            "format" if !is_time(value) => fails("format"),
            "minimum" if value.as_i64().is_some_and(|n| n < rule.as_i64().unwrap()) => {
                fails("minimum")
            }
            "maximum" if value.as_i64().is_some_and(|n| n > rule.as_i64().unwrap()) => {
                fails("maximum")
            }
            "required" => missing(rule, value).and_then(|name| fails(&name)),
            "properties" => properties(document, schema, value),
            "items" => items(document, rule, value),
            "maxItems" if value.as_array().unwrap().len() as u64 > rule.as_u64().unwrap() => {
                fails("maxItems")
            }
            "minLength" if letters(value).is_some_and(|n| n < rule.as_u64().unwrap()) => {
                fails("minLength")
            }
            "maxLength" if letters(value).is_some_and(|n| n > rule.as_u64().unwrap()) => {
                fails("maxLength")
            }
            "not" if fault(document, rule, value).is_none() => fails("not"),
            "anyOf" if fitting(document, rule, value) == 0 => fails("anyOf"),
            "oneOf" if fitting(document, rule, value) != 1 => fails("oneOf"),
            "additionalProperties" => {
                assert_eq!(*rule, false);
                unknown(schema, value).and_then(|name| fails(&name))
            }
            "type" | "const" | "enum" | "pattern" | "format" | "minimum" | "maximum"
            | "maxItems" | "minLength" | "maxLength" | "not" | "anyOf" | "oneOf"
            | "description" | "default" | "examples" => None,
            other => panic!("an unknown keyword: {other}"),
        };
        if fault.is_some() {
            return fault;
        }
    }
    None
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let one = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("an unknown type: {other}"),
    };
    rule.as_array().map_or_else(|| one(rule), |names| names.iter().any(one))
}

fn matches(rule: &Value, value: &Value) -> bool {
    let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
    value.as_str().is_none_or(|text| pattern.is_match(text))
}

fn letters(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count().try_into().unwrap())
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| bastion_types::Timestamp::parse(text).is_ok())
}

fn missing(rule: &Value, value: &Value) -> Option<String> {
    let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    names.into_iter().find(|name| value.get(name).is_none()).map(|name| format!("{name} missing"))
}

fn unknown(schema: &serde_json::Map<String, Value>, value: &Value) -> Option<String> {
    let known = schema.get("properties").and_then(Value::as_object);
    let mut names = value.as_object()?.keys();
    let strange = names.find(|name| known.is_none_or(|known| !known.contains_key(*name)));
    strange.map(|name| format!("{name} unknown"))
}

fn properties(
    document: &Value,
    schema: &serde_json::Map<String, Value>,
    value: &Value,
) -> Option<String> {
    let described = schema["properties"].as_object().unwrap();
    described.iter().find_map(|(name, schema)| fault(document, schema, value.get(name)?))
}

fn items(document: &Value, rule: &Value, value: &Value) -> Option<String> {
    value.as_array()?.iter().find_map(|item| fault(document, rule, item))
}

fn fitting(document: &Value, rule: &Value, value: &Value) -> usize {
    let schemas = rule.as_array().unwrap().iter();
    schemas.filter(|schema| fault(document, schema, value).is_none()).count()
}
