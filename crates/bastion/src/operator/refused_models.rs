//! What a limit on money that was just set means for models without a price.
//!
//! It must never be an error: what was asked for is done.

use serde_json::Value;

use crate::out;

/// Says whose calls are refused from now on, and the way out.
pub(crate) fn note_refused_models(answer: &Value, limit: &str) {
    let models = answer.get("refused_models").and_then(Value::as_array);
    let names: Vec<String> =
        models.into_iter().flatten().filter_map(|name| name.as_str().map(out::printable)).collect();
    if names.is_empty() {
        return;
    }
    out::note(&format!(
        "{limit} refuses calls of models without a price (402 cap_exceeded): {}. Give each a price:          'bastion explain unpriced_model'",
        names.join(", ")
    ));
}
