//! The arithmetic of the ledger, without any database: what an order does to the sums.
//!
//! It must never let a sum and its entries part, never grant what does not fit, and never wrap.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod account;
mod changes;
mod earlier;
mod room;

use std::collections::HashMap;
use std::sync::Arc;

use bastion_types::{
    AccountId, EnvironmentName, Length, Money, RequestId, Scope, Timestamp, Usage,
};

pub(super) use account::{Most, Move, Place, Sums};
pub(super) use changes::{Changes, Entry, EntryKind, OpenHold};
pub(super) use earlier::Earlier;
pub(super) use room::SetCaps;

use account::{Row, Rows};
use room::{Limits, Room, Tight};

use super::marks::Marks;
use super::order::{
    Beyond, Cap, Charged, Cost, Footing, HoldOrder, Labels, NotHeld, Payer, Prepaid, Shortage,
    Ticket, UnknownOutcome,
};
use crate::StoreError;

/// What came of asking for a hold.
#[derive(Debug)]
pub(super) enum Asked {
    /// It is set aside, once the changes are durable.
    Held(Ticket),
    /// It fits once running calls have settled.
    Wait(Shortage),
    /// It can never fit.
    Never(NotHeld),
}

/// The accounts, holds and charges that a batch needs, and what the batch does to them.
#[derive(Debug, Default, Clone)]
pub(super) struct Books {
    rows: Rows,
    payers: HashMap<Payer, Arc<[Place]>>,
    holds: HashMap<RequestId, OpenHold>,
    earlier: HashMap<RequestId, Earlier>,
    set_caps: SetCaps,
    changes: Changes,
    /// Something was decided that is another thing where a sum is another one.
    in_doubt: bool,
}

impl Books {
    /// Notes which accounts a payer stands on, so that they are read.
    pub(super) fn stand(&mut self, payer: &Payer) -> Arc<[Place]> {
        if let Some(places) = self.payers.get(payer) {
            return Arc::clone(places);
        }
        // The balance is every order's first account.
        let balance = self.rows.place(AccountId::BALANCE);
        let counted = payer.accounts().map(|id| self.rows.place(id));
        let places: Vec<_> = std::iter::once(balance).chain(counted).collect();
        let places: Arc<[Place]> = places.into();
        self.payers.insert(payer.clone(), Arc::clone(&places));
        places
    }

    /// So many entries will be added, mostly.
    pub(super) fn expect_entries(&mut self, count: usize) {
        self.changes.entries.reserve(count);
    }

    /// Notes that the balance is to be read.
    pub(super) fn stand_on_balance(&mut self) {
        self.rows.place(AccountId::BALANCE);
    }

    /// The accounts to read.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.rows.all().map(|row| row.text.as_str())
    }

    /// An account as it is stored.
    pub(super) fn read_account(&mut self, id: &str, sums: Sums) {
        self.rows.read(id, sums);
    }

    /// A hold as it is stored.
    pub(super) fn read_hold(&mut self, hold: OpenHold) {
        self.holds.insert(hold.call, hold);
    }

    /// A charge as it is stored.
    pub(super) fn read_charge(&mut self, call: RequestId, earlier: Earlier) {
        self.earlier.insert(call, earlier);
    }

    /// A cap that an operator set.
    pub(super) fn read_set_cap(&mut self, environment: EnvironmentName, length: Length, cap: i64) {
        self.set_caps.insert((environment, length), cap);
    }

    /// Whose charges are to be read: these, and of `calls` those whose holds are not there.
    pub(super) fn ended(
        &self,
        mut charges: Vec<RequestId>,
        calls: Vec<RequestId>,
    ) -> Vec<RequestId> {
        charges.extend(calls.into_iter().filter(|call| !self.holds.contains_key(call)));
        charges
    }

    /// What is to be written, and the accounts that changed.
    pub(super) fn into_changes(self) -> Changes {
        let changed = self.rows.changed();
        Changes { accounts: changed, ..self.changes }
    }

    /// What is to be written where others may have written since the sums were read: by how much
    /// each sum moves, and within what.
    pub(super) fn into_moves(self) -> (Vec<Move>, Changes) {
        (self.rows.moves(), self.changes)
    }

    /// Every sum as it is now, by the account's text.
    pub(super) fn sums(&self) -> impl Iterator<Item = (&str, Sums)> {
        self.rows.all().map(|row| (row.text.as_str(), row.sums))
    }

    /// Caps that operators set, as they were read.
    pub(super) fn set_caps(&self) -> &SetCaps {
        &self.set_caps
    }

    /// Was something decided that other sums would change, beyond what [`Move`] says? Then the sums
    /// must be exact.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Asks for a hold. Whoever stands on an account that an earlier one waits for waits, too.
    pub(super) fn hold(&mut self, order: &HoldOrder, places: &[Place]) -> Asked {
        let on_balance = self.draws_on_balance(order.prepaid, places);
        let limits = self.limits((&order.caps, &order.observed), order.prepaid);
        let room = limits.room(&self.rows, (order.amount, places));
        let amount = order.amount.nanos();
        let reserved = room.and_then(|room| {
            let reserved = self.reserve(amount, on_balance, places);
            reserved.map(|()| room).ok_or_else(Tight::beyond)
        });
        let Room { within, unfit } = match reserved {
            Ok(room) => room,
            Err(tight) => return self.turned_away(tight),
        };
        // Who is only observed passes a cap: then it must be the truth that there is no room.
        self.in_doubt |= unfit.is_some();
        self.rows.limit(within);
        let hold = OpenHold {
            call: order.call,
            amount,
            on_balance,
            payer: order.payer.clone(),
            labels: order.labels.clone(),
        };
        self.holds.insert(order.call, hold.clone());
        self.changes.put_holds.push(hold);
        Asked::Held(Ticket { unfit, ..Ticket::held(order, on_balance, order.marks) })
    }

    /// Asks for more for a call that has a hold: for another attempt.
    pub(super) fn extend(&mut self, ticket: &Ticket, more: Money, places: &[Place]) -> Asked {
        // It asks for the amount of a hold as it stands.
        self.in_doubt = true;
        let limits = self.limits((&ticket.caps, &ticket.observed), ticket.prepaid);
        let Room { unfit, .. } = match limits.room(&self.rows, (more, places)) {
            Ok(room) => room,
            Err(tight) => return self.turned_away(tight),
        };
        let Some(hold) = self.holds.get(&ticket.call).cloned() else {
            return Asked::Never(NotHeld::unavailable(&StoreError::LeaseEnded));
        };
        let extended = hold.amount.checked_add(more.nanos());
        let reserved = self.reserve(more.nanos(), hold.on_balance, places);
        let (Some(amount), Some(())) = (extended, reserved) else {
            return Asked::Never(NotHeld::unavailable(&Beyond.into()));
        };
        let hold = OpenHold { amount, ..hold };
        self.holds.insert(ticket.call, hold.clone());
        self.changes.put_holds.push(hold);
        let unfit = ticket.unfit.clone().or(unfit);
        Asked::Held(Ticket { amount: Money::from_nanos(amount), unfit, ..ticket.clone() })
    }

    /// Pays into the balance.
    pub(super) fn top_up(&mut self, entry: Entry) -> Result<(), Beyond> {
        let place = self.rows.place(AccountId::BALANCE);
        let row = self.rows.at_mut(place).ok_or(Beyond)?;
        row.sums.credited = row.sums.credited.checked_add(entry.amount).ok_or(Beyond)?;
        self.changes.entries.push(entry);
        Ok(())
    }

    /// Puts a sum right by hand.
    pub(super) fn adjust(&mut self, entry: Entry, places: &[Place]) -> Result<(), Beyond> {
        self.spend(entry.amount, entry.on_balance, places)?;
        self.changes.entries.push(entry);
        Ok(())
    }

    /// Turns a hold into a charge and gives the rest back; again changes nothing.
    pub(super) fn settle(
        &mut self,
        ticket: &Ticket,
        cost: &Cost,
        (places, at): (&[Place], Timestamp),
    ) -> Result<Charged, StoreError> {
        let marks = cost.marks.with(ticket.marks);
        if let Some(hold) = self.holds.get(&ticket.call).cloned() {
            let over = Marks::AT_THE_HOLD.when(cost.amount.nanos() > hold.amount);
            let amount = cost.amount.nanos().min(hold.amount);
            let charge = (amount, marks.with(over), hold.on_balance);
            // First: what cannot be counted leaves the hold where it is.
            let charged = self.charge(ticket, cost, charge, (places, at))?;
            self.holds.remove(&ticket.call);
            self.give_back(&hold, places);
            self.changes.ended_holds.push(hold);
            return Ok(charged);
        }
        let earlier = self.earlier.get(&ticket.call).copied();
        // What was charged before, or was to be there and is not, is looked up.
        self.in_doubt |= earlier.is_some() || ticket.is_held();
        match (earlier, ticket.footing) {
            (Some(earlier), Footing::Held { .. }) if earlier.is_of_a_sweep() => {
                self.correct(ticket, cost, earlier, (places, at))
            }
            (Some(earlier), _) => {
                let amount = Money::from_nanos(earlier.amount);
                Ok(Charged { amount, marks: earlier.marks })
            }
            (None, Footing::Held { on_balance }) => {
                let amount = cost.amount.nanos().min(ticket.amount.nanos());
                let over = Marks::AT_THE_HOLD.when(cost.amount.nanos() > amount);
                let charge = (amount, marks.with(Marks::LATE).with(over), on_balance);
                self.charge(ticket, cost, charge, (places, at))
            }
            (None, Footing::Counted { prepaid }) => {
                let on_balance = self.draws_on_balance(prepaid, places);
                self.charge(ticket, cost, (cost.amount.nanos(), marks, on_balance), (places, at))
            }
        }
    }

    /// Gives a hold back: nothing was sent. Again changes nothing; what a sweep has charged for it in
    /// the meantime is put right.
    pub(super) fn release(
        &mut self,
        ticket: &Ticket,
        labels: &Labels,
        (places, at): (&[Place], Timestamp),
    ) -> Result<Charged, StoreError> {
        if let Some(hold) = self.holds.remove(&ticket.call) {
            self.give_back(&hold, places);
            self.changes.ended_holds.push(hold);
            return Ok(Charged::NOTHING);
        }
        let earlier = self.earlier.get(&ticket.call).copied();
        let Some(swept) = earlier.filter(Earlier::is_of_a_sweep) else {
            return Ok(Charged::NOTHING);
        };
        self.in_doubt = true;
        self.correct(ticket, &Cost::nothing(labels.clone()), swept, (places, at))
    }

    /// Ends the hold of a call whose process has died; again changes nothing: another process may
    /// have swept it in the meantime.
    pub(super) fn sweep(
        &mut self,
        hold: &OpenHold,
        outcome: UnknownOutcome,
        (places, at): (&[Place], Timestamp),
    ) -> Result<Charged, StoreError> {
        if !self.holds.contains_key(&hold.call) {
            return Ok(Charged::NOTHING);
        }
        let ticket = Ticket {
            call: hold.call,
            payer: hold.payer.clone(),
            caps: Vec::new(),
            observed: Vec::new(),
            unfit: None,
            prepaid: Prepaid::Auto,
            amount: Money::from_nanos(hold.amount),
            footing: Footing::Held { on_balance: hold.on_balance },
            marks: Marks::NONE,
            lease: None,
        };
        let amount = match outcome {
            UnknownOutcome::Charge => ticket.amount,
            UnknownOutcome::Release => Money::ZERO,
        };
        let cost = Cost {
            amount,
            usage: Usage::default(),
            marks: Marks::UNKNOWN_OUTCOME,
            labels: hold.labels.clone(),
        };
        self.settle(&ticket, &cost, (places, at))
    }

    /// The usage of a call that was swept came all the same: its charge is put right.
    fn correct(
        &mut self,
        ticket: &Ticket,
        cost: &Cost,
        earlier: Earlier,
        (places, at): (&[Place], Timestamp),
    ) -> Result<Charged, StoreError> {
        let amount = cost.amount.nanos().min(ticket.amount.nanos());
        let net = earlier.amount.checked_add(earlier.by_hand).ok_or(Beyond)?;
        let difference = amount.checked_sub(net).ok_or(Beyond)?;
        // What an operator gave back is not taken again.
        let difference = if earlier.by_hand < 0 { difference.min(0) } else { difference };
        self.spend(difference, earlier.on_balance, places)?;
        let over = Marks::AT_THE_HOLD.when(cost.amount.nanos() > ticket.amount.nanos());
        let marks = cost.marks.with(Marks::LATE).with(over);
        let reference = format!("late/{}", ticket.call);
        self.earlier.insert(ticket.call, Earlier { corrected: true, ..earlier });
        self.changes.entries.push(Entry {
            id: None,
            kind: EntryKind::Adjustment,
            call: Some(ticket.call),
            reference: Some(reference),
            ..Entry::of(ticket, cost, (difference, marks, earlier.on_balance), at)
        });
        Ok(Charged { amount: Money::from_nanos(amount), marks })
    }

    fn charge(
        &mut self,
        ticket: &Ticket,
        cost: &Cost,
        charge: (i64, Marks, bool),
        (places, at): (&[Place], Timestamp),
    ) -> Result<Charged, StoreError> {
        let (amount, marks, on_balance) = charge;
        self.spend(amount, on_balance, places)?;
        let earlier = Earlier { amount, by_hand: 0, marks, corrected: false, on_balance };
        self.earlier.insert(ticket.call, earlier);
        self.changes.entries.push(Entry::of(ticket, cost, charge, at));
        Ok(Charged { amount: Money::from_nanos(amount), marks })
    }

    /// Nothing is set aside.
    fn turned_away(&mut self, tight: Tight) -> Asked {
        self.in_doubt = true;
        match tight {
            Tight::Never(why) => Asked::Never(why),
            Tight::Wait(shortage) => Asked::Wait(shortage),
        }
    }

    fn limits<'a>(
        &'a self,
        (caps, observed): (&'a [Cap], &'a [Scope]),
        prepaid: Prepaid,
    ) -> Limits<'a> {
        Limits { caps, observed, prepaid, set_caps: &self.set_caps }
    }

    /// Others that stand on the account of this shortage come after the one that waits for it.
    pub(super) fn wait_for(&mut self, shortage: &Shortage) {
        self.rows.wait_for(&shortage.account);
    }

    /// Prepaid money is drawn from the first top-up on, or where it is asked for.
    fn draws_on_balance(&self, prepaid: Prepaid, places: &[Place]) -> bool {
        let balance = places.first().and_then(|place| self.rows.at(*place));
        balance.is_some_and(|row| prepaid == Prepaid::Always || row.sums.credited != 0)
    }

    /// Adds to what is held, on all accounts or on none.
    fn reserve(&mut self, amount: i64, on_balance: bool, places: &[Place]) -> Option<()> {
        let fits = |row: &Row| {
            let all = row.sums.held.checked_add(amount)?;
            row.sums.spent.checked_add(all)
        };
        let drawn = || places.iter().skip(usize::from(!on_balance));
        for place in drawn() {
            fits(self.rows.at(*place)?)?;
        }
        for place in drawn() {
            let row = self.rows.at_mut(*place)?;
            row.sums.held = row.sums.held.checked_add(amount)?;
        }
        Some(())
    }

    fn give_back(&mut self, hold: &OpenHold, places: &[Place]) {
        for place in places.iter().skip(usize::from(!hold.on_balance)) {
            let Some(row) = self.rows.at_mut(*place) else { continue };
            row.sums.held = row.sums.held.saturating_sub(hold.amount);
        }
    }

    /// Adds to what is spent, on all accounts or on none.
    fn spend(&mut self, amount: i64, on_balance: bool, places: &[Place]) -> Result<(), Beyond> {
        let drawn = || places.iter().skip(usize::from(!on_balance));
        let sum = |row: &Row| row.sums.spent.checked_add(amount);
        for place in drawn() {
            self.rows.at(*place).and_then(sum).ok_or(Beyond)?;
        }
        for place in drawn() {
            let row = self.rows.at_mut(*place).ok_or(Beyond)?;
            row.sums.spent = sum(row).ok_or(Beyond)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
