//! What a request asks for beside tokens that some upstreams take money for.
//!
//! It must never miss one that is there, nor take what every engine does by default for one.

use std::fmt;

use bastion_types::Modifier;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::slots::{MODIFIERS, Slots, string};

/// Tiers that cost as the model does.
const USUAL_TIERS: [&str; 3] = ["auto", "default", "standard"];

/// Tools that the caller runs.
const OWN_TOOLS: [&str; 4] = ["function", "custom", "local_shell", "apply_patch"];

/// The tool that runs where its environment says.
const SHELL: &str = "shell";

/// The environment that is the caller's own.
const LOCAL: &str = "local";

/// Those that the request asks for.
pub(super) fn modifiers(slots: &Slots<'_>) -> Vec<Modifier> {
    let asked = MODIFIERS.into_iter().filter(|(field, modifier)| {
        slots.get(*field).is_some_and(|value| !is_usual(*modifier, value))
    });
    asked.map(|(_, modifier)| modifier).collect()
}

/// Does the value ask for nothing that costs more?
fn is_usual(modifier: Modifier, value: &RawValue) -> bool {
    match modifier {
        Modifier::ServiceTier => {
            string(value).is_some_and(|tier| USUAL_TIERS.contains(&tier.as_ref()))
        }
        Modifier::Tools => serde_json::from_str(value.get()).is_ok_and(|OwnTools(own)| own),
        Modifier::Modalities => {
            serde_json::from_str(value.get()).is_ok_and(|all: Vec<String>| all == ["text"])
        }
        Modifier::Models | Modifier::Plugins => is_empty(value, b"[]"),
        Modifier::Provider | Modifier::SearchParameters => is_empty(value, b"{}"),
        Modifier::EnableSearch => value.get() == "false",
        Modifier::WebSearchOptions | Modifier::Prediction | Modifier::Preset => false,
    }
}

fn is_empty(value: &RawValue, brackets: &[u8]) -> bool {
    let mut seen = value.get().bytes().filter(|byte| !byte.is_ascii_whitespace());
    brackets.iter().all(|bracket| seen.next() == Some(*bracket)) && seen.next().is_none()
}

/// Are all tools of a list run by the caller?
struct OwnTools(bool);

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    environment: Option<Place>,
}

/// Where a tool runs.
#[derive(Deserialize)]
struct Place {
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

impl Tool {
    fn is_own(&self) -> bool {
        match self.kind.as_deref() {
            None => true,
            Some(SHELL) => {
                let place = self.environment.as_ref().and_then(|place| place.kind.as_deref());
                place == Some(LOCAL)
            }
            Some(kind) => OWN_TOOLS.contains(&kind),
        }
    }
}

impl<'de> Deserialize<'de> for OwnTools {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<OwnTools, D::Error> {
        from.deserialize_seq(ToolsVisitor).map(OwnTools)
    }
}

struct ToolsVisitor;

impl<'de> Visitor<'de> for ToolsVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tools")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tools: A) -> Result<bool, A::Error> {
        let mut all = true;
        while let Some(tool) = tools.next_element::<Tool>()? {
            all &= tool.is_own();
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read_chat, read_responses};

    fn check(rest: &str, expect: &[&str]) {
        let chat = format!(r#"{{"model":"m","messages":[]{rest}}}"#);
        let response = format!(r#"{{"model":"m","input":"a"{rest}}}"#);
        let chat = read_chat(chat.as_bytes()).unwrap().modifiers;
        let response = read_responses(response.as_bytes()).unwrap().modifiers;
        assert_eq!(chat, response, "{rest}");
        assert_eq!(chat.iter().map(|one| one.name()).collect::<Vec<_>>(), expect, "{rest}");
    }

    #[test]
    fn what_costs_beside_tokens_is_seen() {
        check("", &[]);
        for usual in ["null", r#""auto""#, r#""default""#, r#""st\u0061ndard""#] {
            check(&format!(r#","service_tier":{usual}"#), &[]);
        }
        for tier in [r#""flex""#, r#""priority""#, r#""Default""#, "5", "[]"] {
            check(&format!(r#","service_tier":{tier}"#), &["service_tier"]);
        }
        check(r#","s\u0065rvice_tier":"flex""#, &["service_tier"]);
        check(r#","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom"}]"#, &[]);
        check(r#","tools":[]"#, &[]);
        check(r#","tools":[{"function":{"name":"f"}}]"#, &[]);
        for kind in ["web_search", "file_search", "code_interpreter", "mcp", "function "] {
            let tools = format!(r#","tools":[{{"type":"function"}},{{"x":1,"type":"{kind}"}}]"#);
            check(&tools, &["tools"]);
        }
        for odd in [r#"{"type":"function"}"#, r#"["web_search"]"#, r#"[{"type":5}]"#] {
            check(&format!(r#","tools":{odd}"#), &["tools"]);
        }
        let twice = r#","tools":[{"type":"function","type":"web_search"}]"#;
        check(twice, &["tools"]);
        for (place, expect) in [
            (r#","environment":{"type":"local"}"#, [].as_slice()),
            (r#","environment":{"type":"container_auto"}"#, &["tools"]),
            (r#","environment":{"type":"container_reference","container_id":"c"}"#, &["tools"]),
            (r#","environment":{}"#, &["tools"]),
            (r#","environment":"local""#, &["tools"]),
            ("", &["tools"]),
        ] {
            check(&format!(r#","tools":[{{"type":"shell"{place}}}]"#), expect);
        }
        check(r#","modalities":["text"]"#, &[]);
        check(r#","modalities":["text","audio"]"#, &["modalities"]);
        check(r#","web_search_options":{}"#, &["web_search_options"]);
        check(r#","prediction":{"type":"content","content":"x"}"#, &["prediction"]);
        check(r#","models":[ ],"plugins":[],"provider":{ }"#, &[]);
        let all = r#","models":["dear"],"plugins":[{"id":"web"}],"provider":{"order":["x"]}"#;
        check(all, &["models", "plugins", "provider"]);
        check(r#","enable_search":false,"search_parameters":{ },"preset":null"#, &[]);
        let search = r#","preset":"p","enable_search":true,"search_parameters":{"mode":"off"}"#;
        check(search, &["preset", "enable_search", "search_parameters"]);
        check(r#","enable_search":"true""#, &["enable_search"]);
    }

    #[test]
    fn one_that_stands_twice_is_refused() {
        let body = br#"{"model":"m","messages":[],"service_tier":"flex","service_tier":"auto"}"#;
        assert_eq!(read_chat(body).unwrap_err().param(), Some("service_tier"));
    }
}
