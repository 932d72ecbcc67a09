//! What of the ledger is asked for: a month, told apart by something.
//!
//! It must never name what the operator API does not know.

use bastion_types::CalendarMonth;
use clap::ValueEnum;

/// What charges are told apart by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum By {
    Env,
    Service,
    Key,
    Surface,
    Model,
    User,
    Upstream,
}

/// Where the operator API tells it.
pub(super) fn path(by: By, month: Option<CalendarMonth>) -> String {
    let by = by.to_possible_value();
    let by = by.as_ref().map_or("env", clap::builder::PossibleValue::get_name);
    let month = month.map(|month| format!("&month={month}")).unwrap_or_default();
    format!("/admin/v1/spend?by={by}{month}")
}
