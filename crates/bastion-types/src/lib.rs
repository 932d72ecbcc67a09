//! The field's words as types: names, ids, keys, secrets, usage, refusals, time.
//!
//! It must never do I/O and never know tokio: everything above it may use it.

mod account;
mod base62;
mod bound;
mod box_id;
mod calendar;
mod call;
mod clock;
mod enforce;
mod key;
mod modifier;
mod money;
mod names;
mod network;
mod price;
mod refusal;
mod request_id;
mod run_id;
mod secret;
mod span;
mod timestamp;
mod usage;

pub use account::{AccountId, Length, Period, Scope};
pub use bound::{Bound, Prompt, Window, bound};
pub use box_id::BoxId;
pub use calendar::{CalendarDay, CalendarError, CalendarMonth, Zone, ZoneError};
pub use call::{AttemptCharge, AttemptCount, CallRecord, StreamOutcome};
pub use clock::{Clock, MonoNanos};
pub use enforce::Enforce;
pub use key::{ApiKey, HashedKey, KeyFormatError, KeyId};
pub use modifier::Modifier;
pub use money::{Money, MoneyError};
pub use names::{
    EnvironmentName, ModelName, NameError, OrganizationName, Region, ServiceName, SurfaceName,
    UpstreamName,
};
pub use network::{Network, NetworkError};
pub use price::Price;
pub use refusal::{ErrorType, KeyProblem, RateKind, Refusal, RetryAdvice};
pub use request_id::RequestId;
pub use run_id::RunId;
pub use secret::Secret;
pub use span::{Span, SpanError};
pub use timestamp::{Timestamp, TimestampError};
pub use usage::Usage;
