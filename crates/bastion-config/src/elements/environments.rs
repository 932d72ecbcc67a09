//! `[environments.*]`: the unit of spend, residency and privacy policy.

use bastion_types::{Enforce, Region, Span, Zone};

use crate::caps::{self, Caps};
use crate::codes;
use crate::enforce;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::suggest;
use crate::tree::{Node, Value};

/// One environment, such as dev or prod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Calls go only to upstreams inside these regions; empty: to any.
    pub regions: Vec<Region>,
    /// What it may spend.
    pub caps: Caps,
    /// How long a call waits for money that running calls hold; default 2 s.
    pub hold_wait: Span,
    /// Where its days and months end; default UTC.
    pub timezone: Zone,
    /// Are refusals by surfaces, budgets and caps applied? Default on.
    pub enforce: Enforce,
    /// Must a call name its surface? Default false.
    pub require_surface: bool,
    /// Must a call name its end user? Default false.
    pub require_user: bool,
}

impl Environment {
    /// May its calls be computed there? Outside every region is reached where none is asked for.
    pub(crate) fn reaches(&self, region: Option<&Region>) -> bool {
        let inside = |region: &Region| self.regions.iter().any(|wider| region.within(wider));
        self.regions.is_empty() || region.is_some_and(inside)
    }
}

/// No call waits longer for money than this.
const LONGEST_HOLD_WAIT: Span = Span::from_secs(60);

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

const HOLD_WAIT: Field = Field::default(
    "hold_wait",
    Kind::Span,
    "2s",
    "how long a call waits for money that running calls hold; at most a minute",
);
const TIMEZONE: Field =
    Field::default("timezone", Kind::Text, "UTC", "where its days and months end");
const REQUIRE_SURFACE: Field = Field::default(
    "require_surface",
    Kind::Boolean,
    "false",
    "a call that names no surface is refused",
);
const REQUIRE_USER: Field = Field::default(
    "require_user",
    Kind::Boolean,
    "false",
    "a call that does not name its end user is refused",
);

const FIELDS: &[Field] = &[
    REGIONS,
    caps::MONTHLY_CAP,
    caps::DAILY_CAP,
    HOLD_WAIT,
    TIMEZONE,
    enforce::ENFORCE,
    REQUIRE_SURFACE,
    REQUIRE_USER,
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
    let regions = reader.maybe_list(&REGIONS, kinds::name(Region::parse));
    let (caps, enforce) = (caps::read(reader), enforce::read(reader));
    let hold_wait = reader.one(&HOLD_WAIT, hold_wait);
    let timezone = reader.one(&TIMEZONE, timezone);
    let require_surface = reader.one(&REQUIRE_SURFACE, kinds::boolean);
    let require_user = reader.one(&REQUIRE_USER, kinds::boolean);
    Ok(Environment {
        regions: regions?.unwrap_or_default(),
        caps: caps?,
        hold_wait: hold_wait?,
        timezone: timezone?,
        enforce: enforce?,
        require_surface: require_surface?,
        require_user: require_user?,
    })
}

fn hold_wait(node: &Node) -> Result<Span, Problem> {
    let wait = kinds::timeout(node)?;
    if wait > LONGEST_HOLD_WAIT {
        let message = format!("must be at most {LONGEST_HOLD_WAIT}, not {wait}");
        return Err(Problem::new(codes::OUT_OF_RANGE, message));
    }
    Ok(wait)
}

/// A zone of the tz database, which is in the binary.
fn timezone(node: &Node) -> Result<Zone, Problem> {
    let name = kinds::text(node)?;
    Zone::parse(name).map_err(|error| {
        let problem = Problem::new(codes::BAD_VALUE, format!("is {error}"));
        let names = Zone::names();
        match suggest::question(name, names.iter().map(String::as_str)) {
            Some(question) => problem.help(question),
            None => problem,
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    #[test]
    fn a_zone_that_is_not_known_is_told_with_the_nearest() {
        let read = |text: &str| timezone(&Node::written(text, Origin::Default));
        assert_eq!(read("America/Toronto").unwrap().name(), "America/Toronto");
        let slip = read("America/Torronto").unwrap_err();
        assert_eq!(slip.help.as_deref(), Some("did you mean 'America/Toronto'?"));
        assert!(read("Mars/Olympus").is_err() && read("").is_err());
    }

    #[test]
    fn a_wait_for_money_has_an_end() {
        let read = |text: &str| hold_wait(&Node::written(text, Origin::Default));
        assert_eq!(read("60s"), Ok(LONGEST_HOLD_WAIT));
        assert_eq!(read("61s").unwrap_err().code, "out_of_range");
        assert_eq!(read("2").unwrap_err().code, "wrong_unit");
    }
}
