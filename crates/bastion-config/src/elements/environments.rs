//! `[environments.*]`: the unit of spend, residency and privacy policy.

use bastion_types::Region;

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};
use crate::tree::{Node, Value};

/// One environment, such as dev or prod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Calls go only to upstreams inside these regions; empty: to any.
    pub regions: Vec<Region>,
}

/// The section.
pub(crate) const SECTION: Field = Field::required(
    "environments",
    Kind::Named(FIELDS),
    "an environment, such as dev, staging or prod; every key belongs to one",
);

const REGIONS: Field = Field::absent(
    "regions",
    Kind::Texts,
    "any",
    "calls of this environment go only to upstreams inside these regions; empty or absent: to any",
);

const FIELDS: &[Field] = &[
    REGIONS,
    Field::unbuilt("monthly_cap", "a cap on spending"),
    Field::unbuilt("daily_cap", "a cap on spending"),
    Field::unbuilt("hold_wait", "waiting for money that running calls hold"),
    Field::unbuilt("timezone", "the calendar of spend caps"),
    Field::unbuilt("enforce", "observing rules without applying them"),
    Field::unbuilt("require_surface", "limiting calls to named use cases"),
    Field::unbuilt("require_user", "asking callers for their end user"),
    Field::unbuilt("pii_unscreenable", "screening for personal data"),
    Field { kind: Kind::Inert(is_off), ..Field::unbuilt("pii", "screening for personal data") },
    Field { kind: Kind::Inert(is_refuse), ..Field::unbuilt("faults", "injecting faults") },
    Field {
        kind: Kind::Inert(has_rate_0),
        ..Field::unbuilt("samples", "keeping redacted samples of calls")
    },
];

/// Reads one environment.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Environment, Invalid> {
    let regions = reader.maybe_list(&REGIONS, kinds::name(Region::parse))?;
    Ok(Environment { regions: regions.unwrap_or_default() })
}

fn is_off(node: &Node) -> bool {
    node.text() == Some("off")
}

fn is_refuse(node: &Node) -> bool {
    node.text() == Some("refuse")
}

/// `samples = { rate = 0 }`, whatever else it says: nothing is kept.
fn has_rate_0(node: &Node) -> bool {
    let Some(rate) = node.table().and_then(|table| table.get("rate")) else {
        return false;
    };
    if let Value::Float(digits) = &rate.value {
        digits.parse() == Ok(0.0)
    } else {
        matches!(rate.value, Value::Integer(0))
    }
}
