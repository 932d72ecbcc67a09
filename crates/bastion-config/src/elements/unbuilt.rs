//! Sections of the interface that this version does not have: they do not load, so that nobody
//! believes in a protection that does nothing.

use crate::field::Field;

/// `[recharge]`.
pub(crate) const RECHARGE: Field = Field::unbuilt("recharge", "recharging the balance");

/// `[alerts]`.
pub(crate) const ALERTS: Field = Field::unbuilt("alerts", "alerting");

/// `[pii]`.
pub(crate) const PII: Field = Field::unbuilt("pii", "screening for personal data");
