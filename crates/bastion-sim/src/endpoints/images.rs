//! `POST /v1/images/generations`: pictures in the answer, or where they would be.
//!
//! It must never name an address that could be somebody's.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Answer;
use crate::base64;
use crate::dice::Dice;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::fields;
use crate::png::picture;
use crate::refused::Refused;
use crate::text::{CREATED_S, tokens};

const PATH: &str = "/v1/images/generations";

/// Most pictures of one request. Source: OpenAI's reference.
const MAX_PICTURES: u64 = 10;
/// Longest side, in pixels.
const MAX_SIDE_PIXELS: u32 = 2048;
const DEFAULT_SIDE_PIXELS: u32 = 1024;

pub(crate) struct Images;

#[derive(Deserialize)]
struct Fields {
    model: Option<Value>,
    prompt: Option<Value>,
    n: Option<Value>,
    size: Option<Value>,
    response_format: Option<Value>,
}

#[derive(Serialize)]
struct Body {
    created: i64,
    data: Vec<Image>,
    simulated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Image {
    B64Json(String),
    Url(String),
}

impl Endpoint for Images {
    fn name(&self) -> &'static str {
        "images"
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
        if !asked.house.catalogue.draws(&model) {
            return Err(Refused::UnknownModel);
        }
        let prompt = fields::text(given.prompt, "prompt")?;
        let count = fields::count(given.n.as_ref(), "n", MAX_PICTURES)?.unwrap_or(1);
        let (width, height) = size(given.size.as_ref())?;
        let in_answer = in_answer(given.response_format.as_ref())?;
        let dice = Dice::new(asked.house.seed, asked.body);
        let image = |number| {
            let mut dice = dice.part(number);
            if in_answer {
                return Image::B64Json(base64::encoded(&picture(&mut dice, width, height)));
            }
            Image::Url(format!("https://simulated.invalid/images/{:016x}.png", dice.roll()))
        };
        let data = (0..count).map(image).collect();
        let body = Body { created: CREATED_S, data, simulated: true };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = Answer::json(200, Bytes::from(body));
        answer.head_wait = asked.house.pace.first_token();
        Ok(Generated { answer, tokens: Some(tokens(&prompt).saturating_add(count)) })
    }
}

fn size(value: Option<&Value>) -> Result<(u32, u32), Refused> {
    let default = (DEFAULT_SIDE_PIXELS, DEFAULT_SIDE_PIXELS);
    let Some(value) = value else { return Ok(default) };
    if value.as_str() == Some("auto") {
        return Ok(default);
    }
    let side = |text: &str| {
        let pixels = text.parse().ok()?;
        (1..=MAX_SIDE_PIXELS).contains(&pixels).then_some(pixels)
    };
    let sides = value.as_str().and_then(|text| text.split_once('x'));
    let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| {
        let message = format!("'size' is such as 1024x1024, at most {MAX_SIDE_PIXELS} a side");
        Refused::field("size", message)
    })
}

/// Is the picture itself wanted, or where it is? Source: OpenAI's reference.
fn in_answer(format: Option<&Value>) -> Result<bool, Refused> {
    match format.map(Value::as_str) {
        None | Some(Some("url")) => Ok(false),
        Some(Some("b64_json")) => Ok(true),
        Some(_) => Err(Refused::field("response_format", "'response_format' is b64_json or url")),
    }
}
