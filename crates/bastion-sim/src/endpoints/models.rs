//! `GET /v1/models` and `GET /v1/models/{id}`: costs nothing.
//!
//! It must never list what the other endpoints do not know.

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::answer::Answer;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::refused::Refused;
use crate::text::CREATED_S;

const LIST: &str = "/v1/models";
const ONE: &str = "/v1/models/";

pub(crate) struct Models;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

impl Endpoint for Models {
    fn name(&self) -> &'static str {
        "models"
    }

    fn method(&self) -> Method {
        Method::GET
    }

    fn allow(&self) -> &'static str {
        "GET"
    }

    fn takes(&self, path: &str) -> bool {
        path == LIST || self.model_in(path).is_some()
    }

    fn model_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(ONE).filter(|id| !id.is_empty())
    }

    fn generate(&self, asked: &Asked<'_>) -> Result<Generated, Refused> {
        let catalogue = &asked.house.catalogue;
        let body = match self.model_in(asked.path) {
            Some(id) if catalogue.knows(id) => serde_json::to_vec(&model(id)),
            Some(_) => return Err(Refused::UnknownModel),
            None => {
                let data = catalogue.names().map(model).collect();
                serde_json::to_vec(&List { object: "list", data })
            }
        };
        let answer = Answer::json(200, Bytes::from(body.unwrap_or_default()));
        Ok(Generated { answer, tokens: None })
    }
}

fn model(id: &str) -> Model<'_> {
    Model { id, object: "model", created: CREATED_S, owned_by: "simulated" }
}
