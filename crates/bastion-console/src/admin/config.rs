//! The effective configuration, each setting with where it came from.
//!
//! It must never show a secret: references come as they were written.

use std::sync::Arc;

use bastion_observe::Setting;
use bastion_store::SetCap;
use bastion_types::Length;
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, object};

const PATH: &str = "/admin/v1/config";

/// `config`
pub(crate) struct Config;

impl Resource for Config {
    fn name(&self) -> &'static str {
        "config"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::get(PATH, describe(), show)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        let setting = object(&json!({
            "key": { "type": "string", "description": "its dotted name" },
            "value": { "type": "string" },
            "source": { "type": "string", "description": "default, a line of a file, a variable, a cap that an operator set" },
        }));
        let settings = json!({ "settings": { "type": "array", "items": setting } });
        vec![("Settings", object(&settings))]
    }
}

#[derive(Serialize)]
struct Settings {
    settings: Vec<Setting>,
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let set = desk.store.ledger().set_caps().await;
    let set = set.map_err(|cause| Problem::store(ask.id, &cause))?;
    let mut settings = desk.deployment.settings();
    for setting in &mut settings {
        if let Some(cap) = set.iter().find(|cap| name(cap) == setting.key) {
            setting.source = format!(
                "operator: cap set {}, in place of {} ({})",
                cap.at, setting.value, setting.source
            );
            setting.value = cap.cap.to_string();
        }
    }
    Answer::ok(&Settings { settings })
}

/// The setting that a cap stands in place of.
fn name(cap: &SetCap) -> String {
    let own = match cap.length {
        Length::Month => "monthly_cap",
        Length::Day => "daily_cap",
    };
    format!("environments.{}.{own}", cap.environment)
}

fn describe() -> Description {
    Description {
        id: "show_config",
        summary: "Every effective setting, secrets hidden",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("the settings, by name", "Settings"))],
        problems: &[503],
    }
}
