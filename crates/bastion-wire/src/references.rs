//! Does a response's input stand for what the upstream has kept of an earlier one?
//!
//! It must never take a text for a reference, nor miss one that does not say its type. Source:
//! OpenAI's reference, items of input.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

const REFERENCE: &str = "item_reference";

/// An item of the list.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    id: Option<IgnoredAny>,
    #[serde(default)]
    role: Option<IgnoredAny>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
}

impl Item<'_> {
    fn refers(&self) -> bool {
        match self.kind.as_deref() {
            Some(kind) => kind == REFERENCE,
            None => self.id.is_some() && self.role.is_none(),
        }
    }
}

/// Does an item of this input stand for one that is kept? What is no list of items may.
pub(crate) fn refers(input: &str) -> bool {
    if !input.starts_with('[') || !may_name_one(input) {
        return false;
    }
    let items: Result<Vec<Item<'_>>, _> = serde_json::from_str(input);
    items.map_or(true, |items| items.iter().any(Item::refers))
}

/// Every reference has an id, whose name an escape could hide.
fn may_name_one(input: &str) -> bool {
    ["\"id\"", "\\u"]
        .iter()
        .any(|hint| memchr::memmem::find(input.as_bytes(), hint.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_is_kept_is_told_from_a_text() {
        for kept in [
            r#"[{"type":"item_reference","id":"rs_1"}]"#,
            r#"[{"type":"item_\u0072eference","i\u0064":"rs_1"}]"#,
            r#"[{"role":"user","content":"a"},{"id":"rs_1"}]"#,
            r#"[{"id":"rs_1","type":null}]"#,
            r#"["id",{"id":1}]"#,
            r#"[{"id":"a","id":"b","role":"user"}]"#,
        ] {
            assert!(refers(kept), "{kept}");
        }
        for own in [
            r#""what is an item_reference with an \"id\"?""#,
            r#"[{"role":"user","content":"an item_reference"}]"#,
            r#"[{"id":"msg_1","role":"assistant","content":[]}]"#,
            r#"[{"type":"function_call","id":"fc_1","name":"f"}]"#,
            "[]",
        ] {
            assert!(!refers(own), "{own}");
        }
    }
}
