//! What surfaces say about models.
//!
//! It must never let a surface name a model that callers could not.

use std::collections::BTreeMap;

use bastion_types::{ModelName, SurfaceName};

use super::with_known;
use crate::codes;
use crate::elements::models::{self, Model};
use crate::elements::surfaces::{self, Surface};
use crate::notes::{Notes, Problem};
use crate::tree::{Node, Origin, Table};

/// What a caller writes before a surface's name in place of a model's.
const ALIAS_PREFIX: &str = "surface:";

/// The models of every surface exist, even where their tables are wrong.
pub(crate) fn models_exist(root: &Table, notes: &Notes) {
    let Some(models) = root.table(models::SECTION.name) else {
        return;
    };
    let known = || models.entries.iter().map(|entry| entry.key.as_str());
    let entries = root.table(surfaces::SECTION.name).map_or(&[][..], |table| &table.entries);
    for surface in entries {
        let node = surface.node.table().and_then(|table| table.get(surfaces::MODELS.name));
        for element in node.and_then(Node::list).unwrap_or_default() {
            let Some(name) = element.text().filter(|name| ModelName::parse(name).is_ok()) else {
                continue;
            };
            if known().any(|known| known == name) {
                continue;
            }
            let message = format!("the surface '{}' names an unknown model '{name}'", surface.key);
            let problem = Problem::new(codes::UNKNOWN_MODEL, message);
            let key = format!("surfaces.{}.models", surface.key);
            notes.error(&key, &element.origin, with_known(problem, name, known()));
        }
    }
}

/// No model's name can be taken for a surface's alias, and no budget is beyond its model.
pub(crate) fn budgets_fit(
    root: &Table,
    models: &BTreeMap<ModelName, Model>,
    surfaces: &BTreeMap<SurfaceName, Surface>,
    notes: &Notes,
) {
    for name in models.keys().filter(|name| name.as_str().starts_with(ALIAS_PREFIX)) {
        let path = [models::SECTION.name, name.as_str()];
        let message = format!("the model '{name}' is named as a surface's alias is");
        let problem = Problem::new(codes::BAD_NAME, message)
            .help("callers write \"surface:NAME\" to name a surface; give the model another name");
        notes.error(&path.join("."), &origin(root, &path), problem);
    }
    for (name, surface) in surfaces {
        let first = surface.models.first().and_then(|model| models.get(model));
        let most = first.and_then(|model| model.max_output_tokens);
        let (Some(default), Some(most)) = (surface.max_tokens.default, most) else { continue };
        if default <= most {
            continue;
        }
        let path = [surfaces::SECTION.name, name.as_str(), surfaces::MAX_TOKENS.name];
        let message = format!(
            "the default budget of the surface '{name}' ({default}) is above max_output_tokens \
             ({most}) of its first model"
        );
        let problem = Problem::new(codes::OUT_OF_RANGE, message).help("lower the default");
        notes.error(&path.join("."), &origin(root, &path), problem);
    }
}

fn origin(root: &Table, path: &[&str]) -> Origin {
    root.find(path).map_or(Origin::Default, |node| node.origin.clone())
}
