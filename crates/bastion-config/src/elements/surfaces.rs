//! `[surfaces.*]`: use cases, each with its models, the reason for them, its owner and its budget.
//!
//! It must never be without a reason. Boxes `cost.model-choice` and `cost.token-budget`.

use bastion_types::{Enforce, ModelName};

use self::budget::TokenBudget;
use crate::caps::{self, Caps};
use crate::codes;
use crate::enforce;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::{Node, Origin};

pub(crate) mod budget;

/// One use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// What it may use, the default first; 1 to 32, each once.
    pub models: Vec<ModelName>,
    /// Why these.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
    /// How long its answers may be.
    pub max_tokens: TokenBudget,
    /// Must its calls name their end user? Default false.
    pub require_user: bool,
    /// Are its refusals applied? Default on.
    pub enforce: Enforce,
    /// What it may spend in each environment.
    pub caps: Caps,
}

/// Most models of one surface.
const MOST_MODELS: usize = 32;

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "surfaces",
    Kind::Named(FIELDS),
    "none",
    "a use case: which models, why, whose, and how long its answers may be",
);

pub(crate) const MODELS: Field =
    Field::required("models", Kind::Texts, "the models that it may use; the first is the default");
const WHY: Field = Field::required("why", Kind::Text, "why these models; for the launch gate");
const OWNER: Field = Field::required("owner", Kind::Text, "who answers for it");
pub(crate) const MAX_TOKENS: Field = Field::absent(
    "max_tokens",
    Kind::Table(budget::FIELDS),
    "as the model's",
    "how long an answer may be, thinking included",
);
const REQUIRE_USER: Field = Field::default(
    "require_user",
    Kind::Boolean,
    "false",
    "a call that does not name its end user is refused",
);

const FIELDS: &[Field] = &[
    MODELS,
    WHY,
    OWNER,
    MAX_TOKENS,
    REQUIRE_USER,
    enforce::ENFORCE,
    caps::MONTHLY_CAP,
    caps::DAILY_CAP,
    Field { kind: Kind::Inert(is_off), ..Field::unbuilt("pii", "screening for personal data") },
];

/// Reads one surface.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Surface, Invalid> {
    let models = models(reader);
    let why = reader.one(&WHY, kinds::string);
    let owner = reader.one(&OWNER, kinds::string);
    let max_tokens = reader.maybe_table(&MAX_TOKENS).and_then(|table| match table {
        Some(table) => budget::read(&table).and_then(|budget| says_something(reader, budget)),
        None => Ok(TokenBudget::default()),
    });
    let require_user = reader.one(&REQUIRE_USER, kinds::boolean);
    let (enforce, caps) = (enforce::read(reader), caps::read(reader));
    Ok(Surface {
        models: models?,
        why: why?,
        owner: owner?,
        max_tokens: max_tokens?,
        require_user: require_user?,
        enforce: enforce?,
        caps: caps?,
    })
}

fn says_something(reader: &Reader<'_>, budget: TokenBudget) -> Result<TokenBudget, Invalid> {
    if budget.default.or(budget.ceiling).is_some() {
        return Ok(budget);
    }
    let origin = reader.node(&MAX_TOKENS).map_or(Origin::Default, |node| node.origin.clone());
    let problem = Problem::new(codes::BAD_VALUE, "names neither default nor ceiling")
        .help("such as { default = 1500, ceiling = 4000 }, or leave it out");
    Err(reader.error(&MAX_TOKENS, &origin, problem))
}

fn models(reader: &Reader<'_>) -> Result<Vec<ModelName>, Invalid> {
    let models = reader.list(&MODELS, kinds::name(ModelName::parse))?;
    let twice = |at: usize, name: &ModelName| models.iter().take(at).any(|other| other == name);
    let problem = if models.is_empty() || models.len() > MOST_MODELS {
        let message = format!("must name 1 to {MOST_MODELS} models, not {}", models.len());
        Problem::new(codes::OUT_OF_RANGE, message)
    } else if let Some((_, name)) = models.iter().enumerate().find(|(at, name)| twice(*at, name)) {
        let message = format!("names the model '{name}' twice");
        Problem::new(codes::SET_TWICE, message).help("keep one of them; the first is the default")
    } else {
        return Ok(models);
    };
    let origin = reader.node(&MODELS).map_or(Origin::Default, |node| node.origin.clone());
    Err(reader.error(&MODELS, &origin, problem))
}

fn is_off(node: &Node) -> bool {
    node.text() == Some("off")
}
