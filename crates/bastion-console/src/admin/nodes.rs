//! The processes that share the store, each with its lease.
//!
//! It must never end one: a lease ends by itself, when its process gives no sign of life.

use std::sync::Arc;

use bastion_store::NodeRecord;
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, count, object, time};

const PATH: &str = "/admin/v1/nodes";

/// `nodes`
pub(crate) struct Nodes;

impl Resource for Nodes {
    fn name(&self) -> &'static str {
        "nodes"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::get(PATH, describe(), list)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        let node = object(&json!({
            "id": { "type": "string", "description": "the lease that it works under" },
            "epoch": count(),
            "host": { "type": "string" },
            "process": count(),
            "version": { "type": "string" },
            "began_at": time("when the lease was taken, by the database's clock"),
            "heartbeat_at": time("the last sign of life"),
            "ended_at": { "type": ["string", "null"], "description": "when the lease ended" },
            "ending": { "enum": ["closed", "lapsed", "replaced", null] },
            "settled": { "type": "boolean", "description": "what it left was dealt with" },
            "this": { "type": "boolean", "description": "the node that answers" },
        }));
        let data = json!({ "type": "array", "items": node });
        vec![("Nodes", object(&json!({ "data": data, "next": { "type": "null" } })))]
    }
}

#[derive(Serialize)]
struct NodePage {
    data: Vec<NodeRecord>,
    next: Option<String>,
}

async fn list(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let nodes = desk.store.nodes().list().await;
    let data = nodes.map_err(|cause| Problem::store(ask.id, &cause))?;
    Answer::ok(&NodePage { data, next: None })
}

fn describe() -> Description {
    Description {
        id: "list_nodes",
        summary: "Every process that shares the store, and those that ended last; newest first",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("the nodes", "Nodes"))],
        problems: &[503],
    }
}
