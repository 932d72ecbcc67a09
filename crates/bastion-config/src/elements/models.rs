//! `[models.*]`: what callers may name, and who answers.

use bastion_types::{ModelName, Money, Price, UpstreamName};

use crate::codes;
use crate::field::{Field, Kind as FieldKind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::{Node, Origin, Value};

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Who answers for it.
    pub upstream: UpstreamName,
    /// Its name at the upstream; none: the same.
    pub upstream_model: Option<ModelName>,
    /// What it can be asked; default `chat`, each once.
    pub kinds: Vec<Kind>,
    /// How large it is, for the checklist's box on model choice.
    pub size: Option<Size>,
    /// Tokens of prompt and answer together; none: not known.
    pub context_tokens: Option<u64>,
    /// Tokens of an answer at most; none: not known.
    pub max_output_tokens: Option<u64>,
    /// Does it think before it answers? Default false.
    pub reasoning: bool,
    /// What it costs; none: unpriced.
    pub price: Option<Price>,
}

/// What a model can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Chat completions.
    Chat,
}

/// How large a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// Cheap and quick.
    Small,
    /// Between.
    Medium,
    /// For what smaller ones cannot do.
    Large,
}

/// The section.
pub(crate) const SECTION: Field = Field::required(
    "models",
    FieldKind::Named(FIELDS),
    "a model that callers may name; others are refused",
);

/// `models.*.upstream`; that it exists is checked in `agreement`.
pub(crate) const UPSTREAM: Field = Field::required(
    "upstream",
    FieldKind::NameOrTable(LONG_FORM),
    "who answers for it: the name of an upstream",
);
const UPSTREAM_MODEL: Field = Field::absent(
    "upstream_model",
    FieldKind::Text,
    "the same",
    "its name at the upstream, where that is another",
);
const KIND: Field = Field::default(
    "kind",
    FieldKind::Words(&["chat"]),
    "chat",
    "what it can be asked: \"chat\" in this version",
);
const SIZE: Field = Field::absent(
    "size",
    FieldKind::Word(&["small", "medium", "large"]),
    "not said",
    "small, medium or large: for the checklist's box on model choice",
);
const CONTEXT_TOKENS: Field = Field::absent(
    "context_tokens",
    FieldKind::Integer { least: 1, most: 1_000_000_000 },
    "not known",
    "tokens of prompt and answer together",
);
const MAX_OUTPUT_TOKENS: Field = Field::absent(
    "max_output_tokens",
    FieldKind::Integer { least: 1, most: 1_000_000_000 },
    "not known",
    "tokens of an answer at most; not above context_tokens",
);
const REASONING: Field =
    Field::default("reasoning", FieldKind::Boolean, "false", "it thinks before it answers");
const PRICE: Field = Field::absent(
    "price",
    FieldKind::Table(PRICES),
    "unpriced",
    "what it costs, in the currency of the file for a million tokens, as decimal texts",
);

const INPUT: Field = Field::required("input", FieldKind::Amount, "a million tokens of the prompt");
const OUTPUT: Field =
    Field::required("output", FieldKind::Amount, "a million tokens of the answer");
const CACHED_INPUT: Field = Field::absent(
    "cached_input",
    FieldKind::Amount,
    "as input",
    "a million tokens of the prompt that the upstream had in its cache",
);
const REASONING_PRICE: Field =
    Field::absent("reasoning", FieldKind::Amount, "as output", "a million tokens of thinking");
const CALL: Field = Field::default("call", FieldKind::Amount, "0", "each call, whatever it uses");

const PRICES: &[Field] = &[
    INPUT,
    OUTPUT,
    CACHED_INPUT,
    REASONING_PRICE,
    CALL,
    Field::unbuilt("cache_write", "charging for cache writes"),
    Field::unbuilt("image", "charging for images"),
    Field::unbuilt("audio_minute", "charging for audio"),
    Field::unbuilt("million_characters", "charging for speech"),
];

const LONG_NAME: Field = Field::required("name", FieldKind::Text, "the name of an upstream");
const LONG_MODEL: Field =
    Field::absent("model", FieldKind::Text, "the same", "the model's name at this upstream");
const LONG_PRICE: Field =
    Field::absent("price", FieldKind::Table(PRICES), "unpriced", "what it costs at this upstream");
const LONG_FORM: &[Field] = &[LONG_NAME, LONG_MODEL, LONG_PRICE];

const FIELDS: &[Field] = &[
    UPSTREAM,
    UPSTREAM_MODEL,
    KIND,
    SIZE,
    CONTEXT_TOKENS,
    MAX_OUTPUT_TOKENS,
    REASONING,
    PRICE,
    Field::unbuilt("image_input_tokens", "bounding the cost of images"),
    Field::unbuilt("template_tokens", "bounding the cost of a prompt's template"),
    Field::unbuilt("min_audio_bytes_per_s", "bounding the cost of audio"),
    Field::unbuilt("usage_option", "leaving stream_options out"),
    Field::unbuilt("languages", "choosing a speech model by its language"),
    Field::unbuilt("timeout", "a time-out for each model"),
];

const SIZES: [(&str, Size); 3] =
    [("small", Size::Small), ("medium", Size::Medium), ("large", Size::Large)];

const UNBUILT_KINDS: [&str; 6] =
    ["completions", "responses", "embeddings", "image", "transcription", "speech"];

/// Who answers, under which name, for how much.
struct Route {
    upstream: UpstreamName,
    model: Option<ModelName>,
    price: Option<Price>,
}

/// Reads one model.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Model, Invalid> {
    let route = route(reader);
    let upstream_model = reader.maybe(&UPSTREAM_MODEL, kinds::name(ModelName::parse));
    let kinds_of = reader.maybe_list(&KIND, kind).and_then(|kinds| some_kind(reader, kinds));
    let size = reader.maybe(&SIZE, |node| kinds::word(&SIZES, node));
    let context_tokens = reader.maybe(&CONTEXT_TOKENS, kinds::integer(&CONTEXT_TOKENS));
    let max_output_tokens = reader.maybe(&MAX_OUTPUT_TOKENS, kinds::integer(&MAX_OUTPUT_TOKENS));
    let reasoning = reader.one(&REASONING, kinds::boolean);
    let price = maybe_price(reader, &PRICE);
    if let (Ok(Some(context)), Ok(Some(output))) = (&context_tokens, &max_output_tokens) {
        fits_context(reader, *context, *output)?;
    }
    let route = route?;
    Ok(Model {
        upstream: route.upstream,
        upstream_model: once(reader, &UPSTREAM_MODEL, upstream_model?, route.model)?,
        kinds: kinds_of?,
        size: size?,
        context_tokens: context_tokens?,
        max_output_tokens: max_output_tokens?,
        reasoning: reasoning?,
        price: once(reader, &PRICE, price?, route.price)?,
    })
}

/// A name, a list of exactly one, or the long form in a list of exactly one.
fn route(reader: &Reader<'_>) -> Result<Route, Invalid> {
    if let Some(Node { value: Value::List(nodes), origin }) = reader.node(&UPSTREAM) {
        match nodes.as_slice() {
            [node] if matches!(node.value, Value::Table(_)) => {
                return long_form(&reader.enter(&UPSTREAM, origin, node)?);
            }
            [_] => {}
            [] => {
                let problem = Problem::new(codes::BAD_VALUE, "names no upstream");
                return Err(reader.error(&UPSTREAM, origin, problem));
            }
            [_, _, ..] => return Err(reader.error(&UPSTREAM, origin, fallbacks())),
        }
    }
    let upstream = reader.one(&UPSTREAM, upstream_name)?;
    Ok(Route { upstream, model: None, price: None })
}

fn long_form(reader: &Reader<'_>) -> Result<Route, Invalid> {
    let upstream = reader.one(&LONG_NAME, kinds::name(UpstreamName::parse));
    let model = reader.maybe(&LONG_MODEL, kinds::name(ModelName::parse));
    let price = maybe_price(reader, &LONG_PRICE);
    Ok(Route { upstream: upstream?, model: model?, price: price? })
}

fn upstream_name(node: &Node) -> Result<UpstreamName, Problem> {
    let only = match &node.value {
        Value::List(nodes) => nodes.first().unwrap_or(node),
        Value::Written(text) if text.contains(',') => return Err(fallbacks()),
        Value::Table(_) => {
            return Err(kinds::wrong_type("a name, or a list of one name or one table", node));
        }
        Value::Text(_)
        | Value::Written(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date => node,
    };
    kinds::name(UpstreamName::parse)(only)
}

fn fallbacks() -> Problem {
    let message =
        "names several upstreams, which is not in this version: going on to the next is not built";
    Problem::new(codes::NOT_IN_THIS_VERSION, message).help("name exactly one")
}

fn maybe_price(reader: &Reader<'_>, field: &Field) -> Result<Option<Price>, Invalid> {
    reader.maybe_table(field)?.map(|reader| price(&reader)).transpose()
}

fn price(reader: &Reader<'_>) -> Result<Price, Invalid> {
    let input: Result<Money, Invalid> = reader.one(&INPUT, kinds::amount);
    let output = reader.one(&OUTPUT, kinds::amount);
    let cached_input = reader.maybe(&CACHED_INPUT, kinds::amount);
    let reasoning = reader.maybe(&REASONING_PRICE, kinds::amount);
    let call = reader.one(&CALL, kinds::amount);
    let (input, output) = (input?, output?);
    Ok(Price {
        input_per_million: input,
        cached_input_per_million: cached_input?.unwrap_or(input),
        output_per_million: output,
        reasoning_per_million: reasoning?.unwrap_or(output),
        per_call: call?,
    })
}

fn kind(node: &Node) -> Result<Kind, Problem> {
    let text = kinds::text(node)?;
    if let Some(unbuilt) = UNBUILT_KINDS.iter().find(|unbuilt| **unbuilt == text) {
        let message = format!(
            "asks for \"{unbuilt}\", which is not in this version: its endpoint is not built"
        );
        return Err(Problem::new(codes::NOT_IN_THIS_VERSION, message)
            .help("remove the model, or leave \"chat\" alone"));
    }
    kinds::word(&[("chat", Kind::Chat)], node)
}

fn some_kind(reader: &Reader<'_>, kinds: Option<Vec<Kind>>) -> Result<Vec<Kind>, Invalid> {
    let mut kinds = kinds.unwrap_or_default();
    kinds.sort();
    kinds.dedup();
    if kinds.is_empty() {
        let origin = reader.node(&KIND).map_or(Origin::Default, |node| node.origin.clone());
        let problem = Problem::new(codes::BAD_VALUE, "says nothing").help("such as \"chat\"");
        return Err(reader.error(&KIND, &origin, problem));
    }
    Ok(kinds)
}

fn fits_context(reader: &Reader<'_>, context: u64, output: u64) -> Result<(), Invalid> {
    match reader.node(&MAX_OUTPUT_TOKENS) {
        Some(node) if output > context => {
            let message = format!("must be at most context_tokens ({context}), not {output}");
            let problem = Problem::new(codes::OUT_OF_RANGE, message);
            Err(reader.error(&MAX_OUTPUT_TOKENS, &node.origin, problem))
        }
        _ => Ok(()),
    }
}

/// What may be said beside `upstream` or in its long form, but not in both.
fn once<T>(
    reader: &Reader<'_>,
    field: &Field,
    beside: Option<T>,
    inside: Option<T>,
) -> Result<Option<T>, Invalid> {
    match (beside, inside, reader.node(field)) {
        (Some(_), Some(_), Some(node)) => {
            let message = "is also said in the long form of 'upstream'";
            let problem = Problem::new(codes::SET_TWICE, message).help("keep one of them");
            Err(reader.error(field, &node.origin, problem))
        }
        (beside, inside, _) => Ok(beside.or(inside)),
    }
}
