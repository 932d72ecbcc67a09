//! The OpenAPI document, made from what is served.
//!
//! It must never be written by hand: what is not in an [`Operation`] is neither served nor told.

use std::future::ready;
use std::sync::Arc;

use bastion_types::{EnvironmentName, SurfaceName};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::{admin, probes, schema};

const PATH: &str = "/admin/v1/openapi.json";
const NAME: &str = "document";

/// The environments that this deployment has.
const ENVIRONMENT: &str = "KnownEnvironment";

/// The surfaces that this deployment has.
const SURFACE: &str = "KnownSurface";

/// The deployment's currency.
const CURRENCY: &str = "KnownCurrency";

/// The drills that this version has.
const DRILL: &str = "KnownDrill";

/// The document of the operators' plane: OpenAPI 3.1, without one deployment's own names.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for (tag, operation) in operations() {
        let described = operation.description.to_json(tag, operation.access);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(operation.method.to_owned(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bastion operator API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Keys, recorded calls and the running configuration. Times are RFC \
                3339 in UTC, lists are paged by cursor, every error is in one envelope.",
        },
        "security": [{ "operatorToken": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "operatorToken": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
            "responses": schema::problem_responses(),
            "headers": schema::headers(),
        },
    })
}

/// Everything that is served, each with the name that the document groups it by.
pub(crate) fn operations() -> Vec<(&'static str, Operation)> {
    let named = |name| move |operation| (name, operation);
    let mut all: Vec<_> = probes::operations().into_iter().map(named(probes::NAME)).collect();
    all.push((NAME, operation()));
    for resource in admin::ALL {
        all.extend(resource.operations().into_iter().map(named(resource.name())));
    }
    all
}

fn schemas() -> Map<String, Value> {
    let mut all = vec![("Error", schema::error()), ("OpenApi", json!({ "type": "object" }))];
    all.extend(probes::schemas());
    all.extend(admin::ALL.iter().flat_map(|resource| resource.schemas()));
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn operation() -> Operation {
    let description = Description {
        id: "read_document",
        summary: "This document",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("this document", "OpenApi"))],
        problems: &[],
    };
    Operation::get(PATH, description, |desk: Arc<Desk>, ask: Ask| ready(show(&desk, &ask)))
}

fn show(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let environments = desk.deployment.environments();
    let environments = environments.iter().map(EnvironmentName::as_str).collect();
    let known = desk.drills.known();
    let drills = known.iter().map(|drill| drill.name).collect();
    let surfaces = desk.deployment.surfaces();
    let surfaces = surfaces.iter().map(SurfaceName::as_str).collect();
    let currency = desk.deployment.currency();
    let document = with_known(openapi(), ENVIRONMENT, environments);
    let document = with_known(document, SURFACE, surfaces);
    let document = with_known(document, CURRENCY, vec![&currency]);
    Answer::ok(&with_known(document, DRILL, drills))
}

/// The document of one deployment: these names are all that is taken.
fn with_known(mut document: Value, schema: &str, names: Vec<&str>) -> Value {
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let known = schemas.and_then(|all| all.get_mut(schema)).and_then(Value::as_object_mut);
    if let Some(known) = known {
        // Where there are none, nothing is taken.
        let (rule, what) =
            if names.is_empty() { ("not", json!({})) } else { ("enum", json!(names)) };
        known.insert(rule.to_owned(), what);
    }
    document
}
