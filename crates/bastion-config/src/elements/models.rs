//! `[models.*]`: what callers may name, and who answers.
//!
//! It must never leave a route without what the model says for all of them.

use bastion_types::{ModelName, Modifier, Span};

use self::bounds::Bounds;
use self::kind::{KIND, Kind};
use self::limit::Limit;
use self::route::Route;
use self::speech::{LANGUAGES, Speech, VOICES};
use crate::codes;
use crate::field::{Field, Kind as FieldKind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};

pub(crate) mod bounds;
pub(crate) mod kind;
pub(crate) mod limit;
pub(crate) mod price;
pub(crate) mod route;
pub(crate) mod speech;

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Who answers for it: the first one, and the others in order when it fails. 1 to 8, each
    /// upstream once; what the model says for all of them is in each.
    pub routes: Vec<Route>,
    /// What it can be asked; default `chat`, each once.
    pub kinds: Vec<Kind>,
    /// How large it is, for the checklist's box on model choice.
    pub size: Option<Size>,
    /// Tokens of prompt and answer together; none: not known.
    pub context_tokens: Option<u64>,
    /// Tokens of an answer at most; none: not known.
    pub max_output_tokens: Option<u64>,
    /// Does it think before it answers? Default false. What it thought unseen counts as its most
    /// where no usage is reported.
    pub reasoning: bool,
    /// How long its answers may take, where that differs from the upstream's.
    pub timeout: ModelTimeouts,
    /// May the gateway ask for usage in a stream (`stream_options`)? Default true; false for an
    /// engine that refuses it.
    pub usage_option: bool,
    /// What it speaks, if it does.
    pub speech: Speech,
    /// How its upstreams keep to the limit that a request names.
    pub limit: Limit,
    /// What bounds the cost of a call beside its bytes.
    pub bounds: Bounds,
    /// What its price is the dearest for; default nothing.
    pub price_covers: Vec<Modifier>,
}

/// How long an answer of a model may take; what is none is as the upstream's. Each at most a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelTimeouts {
    /// To connect, TLS included.
    pub connect: Option<Span>,
    /// Streams: to the first event.
    pub first_event: Option<Span>,
    /// Streams: between two events.
    pub idle: Option<Span>,
    /// An unstreamed answer as a whole.
    pub answer: Option<Span>,
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

const UPSTREAM_MODEL: Field = Field::absent(
    "upstream_model",
    FieldKind::Text,
    "the same",
    "its name at the upstream, where that is another",
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
    FieldKind::Table(price::FIELDS),
    "unpriced",
    "what it costs, in the currency of the file for a million tokens, as decimal texts",
);
const PRICE_COVERS: Field = Field::absent(
    "price_covers",
    FieldKind::Words(&Modifier::NAMES),
    "nothing",
    "fields of requests that cost more at some upstreams, and for whose dearest value price stands",
);

const TIMEOUT: Field = Field::absent(
    "timeout",
    FieldKind::Table(TIMEOUTS),
    "as the upstream's",
    "how long its answers may take, where that differs from the upstream's",
);
const USAGE_OPTION: Field = Field::default(
    "usage_option",
    FieldKind::Boolean,
    "true",
    "false: an engine that refuses stream_options",
);
const CONNECT: Field =
    Field::absent("connect", FieldKind::Span, LIKE_UPSTREAM, "to connect, TLS included");
const FIRST_EVENT: Field =
    Field::absent("first_event", FieldKind::Span, LIKE_UPSTREAM, "streams: to the first event");
const IDLE: Field =
    Field::absent("idle", FieldKind::Span, LIKE_UPSTREAM, "streams: between two events");
const ANSWER: Field =
    Field::absent("answer", FieldKind::Span, LIKE_UPSTREAM, "an unstreamed answer as a whole");

const LIKE_UPSTREAM: &str = "as the upstream's";

const TIMEOUTS: &[Field] = &[CONNECT, FIRST_EVENT, IDLE, ANSWER];

const FIELDS: &[Field] = &[
    route::UPSTREAM,
    UPSTREAM_MODEL,
    KIND,
    SIZE,
    CONTEXT_TOKENS,
    MAX_OUTPUT_TOKENS,
    REASONING,
    limit::LIMITS_THINKING,
    PRICE,
    PRICE_COVERS,
    TIMEOUT,
    USAGE_OPTION,
    limit::LIMIT_FIELD,
    LANGUAGES,
    VOICES,
    bounds::IMAGE_INPUT_TOKENS,
    bounds::TEMPLATE_TOKENS,
    bounds::TOKENS_PER_BYTE,
    bounds::MIN_AUDIO_BYTES_PER_S,
];

const SIZES: [(&str, Size); 3] =
    [("small", Size::Small), ("medium", Size::Medium), ("large", Size::Large)];

/// Reads one model.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Model, Invalid> {
    let kinds_of = kind::read(reader);
    let known_kinds = kinds_of.as_deref().unwrap_or_default();
    let routes = route::read(reader, known_kinds);
    let upstream_model = reader.maybe(&UPSTREAM_MODEL, kinds::name(ModelName::parse));
    let size = reader.maybe(&SIZE, |node| kinds::word(&SIZES, node));
    let context_tokens = reader.maybe(&CONTEXT_TOKENS, kinds::integer(&CONTEXT_TOKENS));
    let max_output_tokens = reader.maybe(&MAX_OUTPUT_TOKENS, kinds::integer(&MAX_OUTPUT_TOKENS));
    let reasoning = reader.one(&REASONING, kinds::boolean);
    let price = price::read(reader, &PRICE, known_kinds);
    let covered = reader.maybe_list(&PRICE_COVERS, |node| {
        kinds::word(&Modifier::ALL.map(|modifier| (modifier.name(), modifier)), node)
    });
    let limit = limit::read(reader);
    let (bounds, speech) = (bounds::read(reader), speech::read(reader, known_kinds));
    let timeout = reader.table(&TIMEOUT).and_then(|reader| timeouts(&reader));
    let usage_option = reader.one(&USAGE_OPTION, kinds::boolean);
    if let (Ok(Some(context)), Ok(Some(output))) = (&context_tokens, &max_output_tokens) {
        fits_context(reader, *context, *output)?;
    }
    let mut routes = routes?;
    let named =
        inherit(reader, &UPSTREAM_MODEL, upstream_model?.as_ref(), &mut routes, |r| &mut r.model);
    let priced = inherit(reader, &PRICE, price?.as_ref(), &mut routes, |r| &mut r.price);
    named.and(priced)?;
    Ok(Model {
        routes,
        kinds: kinds_of?,
        size: size?,
        context_tokens: context_tokens?,
        max_output_tokens: max_output_tokens?,
        reasoning: reasoning?,
        timeout: timeout?,
        usage_option: usage_option?,
        speech: speech?,
        limit: limit?,
        bounds: bounds?,
        price_covers: covered?.unwrap_or_default(),
    })
}

fn timeouts(reader: &Reader<'_>) -> Result<ModelTimeouts, Invalid> {
    let connect = reader.maybe(&CONNECT, kinds::timeout);
    let first_event = reader.maybe(&FIRST_EVENT, kinds::timeout);
    let idle = reader.maybe(&IDLE, kinds::timeout);
    let answer = reader.maybe(&ANSWER, kinds::timeout);
    Ok(ModelTimeouts { connect: connect?, first_event: first_event?, idle: idle?, answer: answer? })
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

/// What stands beside `upstream` holds for each upstream that does not say its own; where all
/// do, which one is meant cannot be known.
fn inherit<T: Clone>(
    reader: &Reader<'_>,
    field: &Field,
    beside: Option<&T>,
    routes: &mut [Route],
    own: fn(&mut Route) -> &mut Option<T>,
) -> Result<(), Invalid> {
    let (Some(beside), Some(node)) = (beside, reader.node(field)) else {
        return Ok(());
    };
    let mut silent = routes.iter_mut().map(own).filter(|own| own.is_none()).peekable();
    if silent.peek().is_none() {
        let message = "is also said in the long form of 'upstream', by every upstream there";
        let problem = Problem::new(codes::SET_TWICE, message).help("keep one of them");
        return Err(reader.error(field, &node.origin, problem));
    }
    silent.for_each(|own| *own = Some(beside.clone()));
    Ok(())
}
