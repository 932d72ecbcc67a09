//! `POST /v1/embeddings`: as numbers or as base64.
//!
//! It must never give two vectors for one prompt.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Answer;
use crate::dice::Dice;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::fields;
use crate::prompts::{prompts, size_of};
use crate::refused::Refused;
use crate::text::len;
use crate::vectors::{base64_of, unit_vector};

const PATH: &str = "/v1/embeddings";

pub(crate) struct Embeddings;

#[derive(Deserialize)]
struct Fields {
    model: Option<Value>,
    input: Option<Value>,
    encoding_format: Option<Value>,
    dimensions: Option<Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    object: &'static str,
    data: Vec<Entry>,
    model: &'a str,
    usage: Usage,
    simulated: bool,
}

#[derive(Serialize)]
struct Entry {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl Endpoint for Embeddings {
    fn name(&self) -> &'static str {
        "embeddings"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn allow(&self) -> &'static str {
        "POST"
    }

    fn takes(&self, path: &str) -> bool {
        path == PATH
    }

    fn model_in<'a>(&self, _path: &'a str) -> Option<&'a str> {
        None
    }

    fn generate(&self, asked: &Asked<'_>) -> Result<Generated, Refused> {
        let given: Fields = fields::read(asked.body)?;
        let model = fields::model(given.model)?;
        let whole = asked.house.catalogue.dimensions(&model).ok_or(Refused::UnknownModel)?;
        let wanted = fields::count(given.dimensions.as_ref(), "dimensions", len(whole))?;
        let dimensions = wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(whole);
        let encoded = encoding(given.encoding_format.as_ref())?;
        let prompts = prompts(given.input.as_ref(), "input")?;
        let tokens = size_of(&prompts).tokens;
        let vector = |bytes: &[u8]| {
            let mut dice = Dice::new(asked.house.seed, &[model.as_bytes(), b"\n", bytes].concat());
            encoded(unit_vector(&mut dice, dimensions))
        };
        let entry = |(index, embedding)| Entry { object: "embedding", index, embedding };
        let vectors = prompts.iter().map(|prompt| vector(&prompt.bytes));
        let body = Body {
            object: "list",
            data: vectors.enumerate().map(entry).collect(),
            model: &model,
            usage: Usage { prompt_tokens: tokens, total_tokens: tokens },
            simulated: true,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = Answer::json(200, Bytes::from(body));
        answer.head_wait = asked.house.pace.first_token();
        Ok(Generated { answer, tokens: Some(tokens) })
    }
}

fn encoding(format: Option<&Value>) -> Result<fn(Vec<f32>) -> Vector, Refused> {
    match format.map(Value::as_str) {
        None | Some(Some("float")) => Ok(Vector::Numbers),
        Some(Some("base64")) => Ok(|vector| Vector::Base64(base64_of(&vector))),
        Some(_) => {
            let message = "'encoding_format' is float or base64";
            Err(Refused::field("encoding_format", message))
        }
    }
}
