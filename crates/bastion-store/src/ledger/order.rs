//! What the path of a call asks of the ledger, and what it is told.
//!
//! An order must never be changed once a hold stands on it: a hold ends as it began.

use std::time::Duration;

use bastion_types::{
    AccountId, CalendarDay, EnvironmentName, KeyId, Length, ModelName, Money, Period, RequestId,
    Scope, ServiceName, SurfaceName, UpstreamName, Usage,
};
use serde::{Deserialize, Serialize};

use super::marks::Marks;
use crate::StoreError;
use crate::nodes::LeaseId;

/// Whose call it is, and the day on which it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Payer {
    /// Where it counts.
    pub environment: EnvironmentName,
    /// With which key; none where a correction concerns no key.
    pub key_id: Option<KeyId>,
    /// For which use case, if one is named.
    pub surface: Option<SurfaceName>,
    /// In the environment's time zone.
    pub day: CalendarDay,
}

/// What becomes of a call whose process has died. Source: interface, `[ledger] unknown_outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownOutcome {
    /// The upstream may have done all of it: what was set aside is charged, and marked.
    #[default]
    Charge,
    /// It is given back, and marked.
    Release,
}

/// What a charge is told apart by, beside its payer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Labels {
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The model as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// Who answered, or was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamName>,
    /// The end user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the upstream says that it cost, in nano-units of a currency of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_nanos: Option<i64>,
    /// Why, where a person wrote the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// When an empty balance refuses calls. Source: interface, `[balance] prepaid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prepaid {
    /// From the first top-up on.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the balance is only watched.
    Never,
}

/// The most that a scope may spend in a day or a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Whose.
    pub scope: Scope,
    /// Over how long.
    pub length: Length,
    /// How much.
    pub amount: Money,
}

/// Asks to set money aside for a call.
#[derive(Debug, Clone)]
pub struct HoldOrder {
    /// The call.
    pub call: RequestId,
    /// Whose it is.
    pub payer: Payer,
    /// What is written down if its process dies.
    pub labels: Labels,
    /// The most that the call may cost.
    pub amount: Money,
    /// The payer's caps. Its other accounts are counted only.
    pub caps: Vec<Cap>,
    /// Whose caps are only observed: a call that does not fit is told of and let pass. The balance
    /// is never among them.
    pub observed: Vec<Scope>,
    /// Does the balance refuse?
    pub prepaid: Prepaid,
    /// How long it waits for what running calls will give back.
    pub wait: Duration,
    /// What is known of it already; the ledger marks a clock that went back.
    pub marks: Marks,
}

/// A call whose money is set aside, durably; or one that needs none, because nothing limits it.
///
/// It ends in [`settle`](super::Ledger::settle) or [`release`](super::Ledger::release).
#[must_use = "a hold that is not settled stays until its process ends"]
#[derive(Debug, Clone)]
pub struct Ticket {
    pub(super) call: RequestId,
    pub(super) payer: Payer,
    pub(super) caps: Vec<Cap>,
    pub(super) observed: Vec<Scope>,
    /// Boxed: a ticket is handed on many times, and few have one.
    pub(super) unfit: Option<Box<NotHeld>>,
    pub(super) prepaid: Prepaid,
    pub(super) amount: Money,
    pub(super) footing: Footing,
    pub(super) marks: Marks,
    /// The lease when it was asked for; what is held is swept when that ends.
    pub(super) lease: Option<LeaseId>,
}

/// What a ticket stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Footing {
    /// A hold in the database.
    Held {
        /// On the balance as well?
        on_balance: bool,
    },
    /// Nothing: it is counted at its end.
    Counted {
        /// Is an empty balance what it draws on all the same?
        prepaid: Prepaid,
    },
}

impl HoldOrder {
    /// For this call, which may cost so much; nothing limits it so far.
    pub fn new(call: RequestId, payer: Payer, amount: Money) -> HoldOrder {
        HoldOrder {
            call,
            payer,
            labels: Labels::default(),
            amount,
            caps: Vec::new(),
            observed: Vec::new(),
            prepaid: Prepaid::Auto,
            wait: Duration::ZERO,
            marks: Marks::NONE,
        }
    }
}

impl Cap {
    /// Is it this account's?
    pub(super) fn is_of(&self, id: &AccountId) -> bool {
        let length = match id.period {
            Period::Ever => return false,
            Period::Day(_) => Length::Day,
            Period::Month(_) => Length::Month,
        };
        length == self.length && id.scope == self.scope
    }
}

impl Ticket {
    /// Of a call for which nothing is set aside: no limit of its has to be kept.
    pub(super) fn counted(order: HoldOrder, marks: Marks) -> Ticket {
        let footing = Footing::Counted { prepaid: order.prepaid };
        Ticket { footing, amount: Money::ZERO, ..Ticket::held(&order, false, marks) }
    }

    /// Of a call whose money is set aside.
    pub(super) fn held(order: &HoldOrder, on_balance: bool, marks: Marks) -> Ticket {
        Ticket {
            call: order.call,
            payer: order.payer.clone(),
            caps: order.caps.clone(),
            observed: order.observed.clone(),
            unfit: None,
            prepaid: order.prepaid,
            amount: order.amount,
            footing: Footing::Held { on_balance },
            marks,
            lease: None,
        }
    }

    /// Is money set aside for it?
    pub fn is_held(&self) -> bool {
        matches!(self.footing, Footing::Held { .. })
    }

    /// How much is set aside.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// The first cap that it does not fit into and that is only observed.
    pub fn unfit(&self) -> Option<&NotHeld> {
        self.unfit.as_deref()
    }

    /// What is charged of this cost: never more than what is set aside, where that is.
    pub(super) fn charge_of(&self, cost: Money) -> Money {
        if self.is_held() { cost.min(self.amount) } else { cost }
    }
}

/// What a call has cost.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The amount.
    pub amount: Money,
    /// What was used.
    pub usage: Usage,
    /// What must be known about it.
    pub marks: Marks,
    /// What it is told apart by.
    pub labels: Labels,
}

impl Cost {
    /// Of a call of which nothing was sent.
    pub(super) fn nothing(labels: Labels) -> Cost {
        let (amount, usage, marks) = (Money::ZERO, Usage::default(), Marks::NONE);
        Cost { amount, usage, marks, labels }
    }
}

/// What was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// How much.
    pub amount: Money,
    /// What must be known about it.
    pub marks: Marks,
}

/// Why no money was set aside.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotHeld {
    /// It can never fit: what is spent, and what this call may cost, are more than the limit.
    #[error("{} would pass its limit", .0.account)]
    Spent(Shortage),
    /// It fits once running calls have settled, and they did not within the wait.
    #[error("{} is reserved by running calls", .0.account)]
    Reserved(Shortage),
    /// The database is away, or too many wait for it: nothing was set aside.
    #[error("the ledger cannot be written: {cause}")]
    Unavailable {
        /// For the log.
        cause: String,
    },
}

/// The limit that a call does not fit into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which account.
    pub account: AccountId,
    /// Its cap; of the balance, what was paid in.
    pub cap: Money,
    /// What of it is spent.
    pub spent: Money,
    /// What of it running calls hold.
    pub held: Money,
    /// The most that this call may cost.
    pub asked: Money,
}

impl Charged {
    pub(super) const NOTHING: Charged = Charged { amount: Money::ZERO, marks: Marks::NONE };
}

impl NotHeld {
    pub(super) fn unavailable(cause: &StoreError) -> NotHeld {
        NotHeld::Unavailable { cause: cause.to_string() }
    }
}

impl Payer {
    /// Every account that a charge of this payer is counted on, but for the balance.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let environment = Scope::Environment(self.environment.clone());
        let surface = |name: &SurfaceName| Scope::Surface(self.environment.clone(), name.clone());
        let surface = self.surface.as_ref().map(surface);
        let scopes = [Some(environment), surface, self.key_id.map(Scope::Key)];
        let day = self.day;
        scopes.into_iter().flatten().flat_map(move |scope| {
            Length::BOTH.map(|length| AccountId::over(scope.clone(), length, day))
        })
    }
}

/// A sum would pass what can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beyond;

impl From<Beyond> for StoreError {
    fn from(_: Beyond) -> StoreError {
        StoreError::Failed { what: "a sum of the ledger would pass what can be counted".to_owned() }
    }
}
