//! What a batch writes: accounts, holds that begin and end, entries.
//!
//! It must never be written in part.

use bastion_types::{CalendarDay, RequestId, Timestamp};

use super::super::order::{Cost, Footing, Labels, Payer, Ticket};
use super::Marks;
use super::account::Sums;

/// What a batch writes.
#[derive(Debug, Default, Clone)]
pub(in crate::ledger) struct Changes {
    /// The accounts that changed, in the order of their texts.
    pub(in crate::ledger) accounts: Vec<(String, Sums)>,
    /// Holds to write, or to write anew.
    pub(in crate::ledger) put_holds: Vec<OpenHold>,
    /// Holds that are over.
    pub(in crate::ledger) ended_holds: Vec<OpenHold>,
    /// Entries to add.
    pub(in crate::ledger) entries: Vec<Entry>,
}

impl Changes {
    /// Is money set aside anew?
    pub(in crate::ledger) fn holds_something(&self) -> bool {
        !self.put_holds.is_empty()
    }

    /// Is there nothing to write?
    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.put_holds.is_empty()
            && self.ended_holds.is_empty()
            && self.entries.is_empty()
    }
}

/// Money set aside for a call that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) struct OpenHold {
    pub(in crate::ledger) call: RequestId,
    pub(in crate::ledger) amount: i64,
    pub(in crate::ledger) on_balance: bool,
    pub(in crate::ledger) payer: Payer,
    pub(in crate::ledger) labels: Labels,
}

impl OpenHold {
    /// The hold that a ticket stands on, as it must be in the database unless others have ended it.
    pub(in crate::ledger) fn assumed(ticket: &Ticket) -> Option<OpenHold> {
        let Footing::Held { on_balance } = ticket.footing else { return None };
        Some(OpenHold {
            call: ticket.call,
            amount: ticket.amount.nanos(),
            on_balance,
            payer: ticket.payer.clone(),
            labels: Labels::default(),
        })
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum EntryKind {
    /// Paid in.
    TopUp,
    /// What a call cost.
    Charge,
    /// A correction, up or down.
    Adjustment,
    /// A part of a charge that was given back.
    Refund,
}

impl EntryKind {
    pub(in crate::ledger) const fn as_str(self) -> &'static str {
        match self {
            EntryKind::TopUp => "top_up",
            EntryKind::Charge => "charge",
            EntryKind::Adjustment => "adjustment",
            EntryKind::Refund => "refund",
        }
    }
}

/// One movement of money; positive is spent, a top-up's is paid in.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Entry {
    /// None: it gets one of its own when it is written.
    pub(in crate::ledger) id: Option<RequestId>,
    pub(in crate::ledger) kind: EntryKind,
    pub(in crate::ledger) at: Timestamp,
    pub(in crate::ledger) amount: i64,
    pub(in crate::ledger) on_balance: bool,
    pub(in crate::ledger) marks: Marks,
    /// Whose it is; a top-up is nobody's.
    pub(in crate::ledger) payer: Option<Payer>,
    /// The day on which it counts.
    pub(in crate::ledger) day: CalendarDay,
    pub(in crate::ledger) input_tokens: i64,
    pub(in crate::ledger) output_tokens: i64,
    pub(in crate::ledger) labels: Labels,
    /// The call that it is about, where that has an entry of its own.
    pub(in crate::ledger) call: Option<RequestId>,
    /// What makes it once-only, beside its id.
    pub(in crate::ledger) reference: Option<String>,
}

impl Entry {
    /// A call's charge.
    pub(super) fn of(
        ticket: &Ticket,
        cost: &Cost,
        (amount, marks, on_balance): (i64, Marks, bool),
        at: Timestamp,
    ) -> Entry {
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Entry {
            id: Some(ticket.call),
            kind: EntryKind::Charge,
            at,
            amount,
            on_balance,
            marks,
            payer: Some(ticket.payer.clone()),
            day: ticket.payer.day,
            input_tokens: tokens(cost.usage.input_tokens),
            output_tokens: tokens(cost.usage.output_tokens),
            labels: cost.labels.clone(),
            call: None,
            reference: None,
        }
    }
}
