//! What the OpenAPI document says of one operation.
//!
//! It must never name an answer that the operation cannot give, nor leave out one that it can.

use serde_json::{Map, Value, json};

use crate::door::Access;
use crate::schema;

/// One operation, in words for programs.
pub(crate) struct Description {
    /// Its name in generated clients.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Its parameters, without those of the path.
    pub(crate) parameters: Vec<Value>,
    /// Its body, if it takes one.
    pub(crate) body: Option<Value>,
    /// Status and answer when it does what was asked.
    pub(crate) answers: Vec<(u16, Value)>,
    /// Statuses of the problems of its own: those of the door and of bodies are added.
    pub(crate) problems: &'static [u16],
}

/// What everyone at the door may be told: a wrong parameter, no operator, a foreign host.
const DOOR_PROBLEMS: [u16; 3] = [400, 401, 403];

/// What a body may be answered with.
const BODY_PROBLEMS: [u16; 4] = [400, 408, 413, 415];

impl Description {
    /// As the document has it.
    pub(crate) fn to_json(&self, tag: &str, access: Access) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [tag],
            "parameters": self.parameters,
            "responses": self.responses(access),
        });
        if let Some(fields) = operation.as_object_mut() {
            if let Some(body) = &self.body {
                fields.insert("requestBody".to_owned(), body.clone());
            }
            if access == Access::Open {
                fields.insert("security".to_owned(), json!([]));
            }
        }
        operation
    }

    fn responses(&self, access: Access) -> Map<String, Value> {
        let mut statuses = self.problems.to_vec();
        if access == Access::Operator {
            statuses.extend(DOOR_PROBLEMS);
        }
        if self.body.is_some() {
            statuses.extend(BODY_PROBLEMS);
        }
        statuses.sort_unstable();
        statuses.dedup();
        let answer = |(status, answer): &(u16, Value)| (status.to_string(), answer.clone());
        let problem = |status: u16| (status.to_string(), schema::problem_reference(status));
        let answers = self.answers.iter().map(answer);
        answers.chain(statuses.into_iter().map(problem)).collect()
    }
}
