//! The effective configuration, each setting with where it came from.
//!
//! It must never show a secret: references come as they were written.

use std::future::ready;
use std::sync::Arc;

use bastion_observe::Setting;
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
        let show = |desk: Arc<Desk>, ask: Ask| ready(show(&desk, &ask));
        vec![Operation::get(PATH, describe(), show)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        let setting = object(&json!({
            "key": { "type": "string", "description": "its dotted name" },
            "value": { "type": "string" },
            "source": { "type": "string", "description": "default, a line of a file, a variable" },
        }));
        let settings = json!({ "settings": { "type": "array", "items": setting } });
        vec![("Settings", object(&settings))]
    }
}

#[derive(Serialize)]
struct Settings {
    settings: Vec<Setting>,
}

fn show(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    Answer::ok(&Settings { settings: desk.deployment.settings() })
}

fn describe() -> Description {
    Description {
        id: "show_config",
        summary: "Every effective setting, secrets hidden",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("the settings, by name", "Settings"))],
        problems: &[],
    }
}
