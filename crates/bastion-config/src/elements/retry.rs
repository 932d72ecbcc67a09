//! `[retry]`: how often a call is tried, how long, and when an upstream is left alone.
//!
//! It must never let a share be a float: what is written is kept to the digit.

use bastion_types::Span;

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};

/// The section `[retry]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts of a call in all, the first one among them: 1 to 10; default 3.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each further one, up to
    /// `cap`. Default 1 s.
    pub base: Span,
    /// The longest wait before any attempt, not below `base`; default 20 s. A `retry-after`
    /// above it ends the call's attempts.
    pub cap: Span,
    /// From a call's begin; no attempt begins later, and none that runs is cut; default 60 s.
    pub total: Span,
    /// The most retries, in thousandths of the last minute's calls: 0 to 1000; default 200,
    /// which the file writes as `budget = 0.2`. The first ten a minute are always allowed.
    pub budget_per_mille: u32,
    /// When an upstream is left alone.
    pub breaker: Breaker,
}

/// When an upstream is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open it: 1 to 1000; default 5.
    pub failures: u32,
    /// How long it stays open; then the next caller's own call tries the upstream; default 10 s.
    pub open: Span,
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "retry",
    Kind::Table(FIELDS),
    "its defaults",
    "how often a call is tried, how long, and when an upstream is left alone",
);

const ATTEMPTS: Field = Field::default(
    "attempts",
    Kind::Integer { least: 1, most: 10 },
    "3",
    "attempts of a call in all, 1 to 10; 1 never retries",
);
const BASE: Field = Field::default(
    "base",
    Kind::Span,
    "1s",
    "the longest wait before the second attempt; it doubles with each further one, up to cap",
);
const CAP: Field =
    Field::default("cap", Kind::Span, "20s", "the longest wait before an attempt, not below base");
const TOTAL: Field = Field::default(
    "total",
    Kind::Span,
    "60s",
    "from a call's begin: no attempt begins later, and none that runs is cut",
);
const BUDGET: Field = Field::default(
    "budget",
    Kind::Share,
    "0.2",
    "retries at most this share of the last minute's calls; the first 10 a minute are always allowed",
);
const BREAKER: Field = Field::absent(
    "breaker",
    Kind::Table(BREAKER_FIELDS),
    "its defaults",
    "when an upstream is left alone; nothing is ever sent just to probe it",
);
const FAILURES: Field = Field::default(
    "failures",
    Kind::Integer { least: 1, most: 1000 },
    "5",
    "so many failures of an upstream in a row open it, 1 to 1000",
);
const OPEN: Field = Field::default(
    "open",
    Kind::Span,
    "10s",
    "how long it stays open; then the next caller's own call tries the upstream",
);

const BREAKER_FIELDS: &[Field] = &[FAILURES, OPEN];

const FIELDS: &[Field] = &[ATTEMPTS, BASE, CAP, TOTAL, BUDGET, BREAKER];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Retry, Invalid> {
    let attempts = reader.one(&ATTEMPTS, kinds::integer(&ATTEMPTS));
    let base = reader.one(&BASE, kinds::timeout);
    let cap = reader.one(&CAP, kinds::timeout);
    let total = reader.one(&TOTAL, kinds::timeout);
    let budget_per_mille = reader.one(&BUDGET, kinds::share_per_mille);
    let breaker = reader.table(&BREAKER).and_then(|reader| breaker(&reader));
    if let (Ok(base), Ok(cap)) = (base, cap) {
        waits_grow(reader, base, cap)?;
    }
    Ok(Retry {
        attempts: count(attempts?),
        base: base?,
        cap: cap?,
        total: total?,
        budget_per_mille: budget_per_mille?,
        breaker: breaker?,
    })
}

fn breaker(reader: &Reader<'_>) -> Result<Breaker, Invalid> {
    let failures = reader.one(&FAILURES, kinds::integer(&FAILURES));
    let open = reader.one(&OPEN, kinds::timeout);
    Ok(Breaker { failures: count(failures?), open: open? })
}

/// The field's limits fit.
fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The one that is set is told: `base`, else `cap` against the default of `base`.
fn waits_grow(reader: &Reader<'_>, base: Span, cap: Span) -> Result<(), Invalid> {
    if base <= cap {
        return Ok(());
    }
    if let Some(node) = reader.node(&BASE) {
        let message = format!("must be at most cap ({cap}), not {base}");
        let problem = Problem::new(codes::OUT_OF_RANGE, message)
            .help("waits begin at base and grow up to cap: lower base or raise cap");
        return Err(reader.error(&BASE, &node.origin, problem));
    }
    match reader.node(&CAP) {
        Some(node) => {
            let message = format!("must be at least base ({base} by default), not {cap}");
            let problem = Problem::new(codes::OUT_OF_RANGE, message)
                .help("waits begin at base and grow up to cap: raise cap or lower base");
            Err(reader.error(&CAP, &node.origin, problem))
        }
        None => Ok(()),
    }
}
