//! Sections of the interface that this version does not have: they do not load, so that nobody
//! believes in a protection that does nothing.

use crate::field::Field;

/// `[surfaces.*]`.
pub(crate) const SURFACES: Field =
    Field::unbuilt("surfaces", "limiting use cases to models and token budgets");

/// `[balance]`.
pub(crate) const BALANCE: Field = Field::unbuilt("balance", "a prepaid balance");

/// `[recharge]`.
pub(crate) const RECHARGE: Field = Field::unbuilt("recharge", "recharging the balance");

/// `[alerts]`.
pub(crate) const ALERTS: Field = Field::unbuilt("alerts", "alerting");

/// `[ledger]`.
pub(crate) const LEDGER: Field = Field::unbuilt("ledger", "the ledger of charges");

/// `[pii]`.
pub(crate) const PII: Field = Field::unbuilt("pii", "screening for personal data");
