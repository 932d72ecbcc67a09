//! The accounts of a batch: read once, changed in memory, written once.
//!
//! It must never know why a sum changes.

use std::collections::HashMap;

use bastion_types::AccountId;

use super::Prepaid;

/// What is kept of an account, in nano-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::ledger) struct Sums {
    /// Paid in: the balance's top-ups.
    pub(in crate::ledger) credited: i64,
    /// Charged.
    pub(in crate::ledger) spent: i64,
    /// Set aside for running calls.
    pub(in crate::ledger) held: i64,
}

/// Where an account stands among those of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Place(usize);

/// By how much an account's sums move, and within what.
#[derive(Debug)]
pub(in crate::ledger) struct Move {
    pub(in crate::ledger) account: String,
    pub(in crate::ledger) spent: i64,
    pub(in crate::ledger) held: i64,
    /// The most that may be spent and held on it then.
    pub(in crate::ledger) most: Option<Most>,
    /// Of the balance: is anything paid in? What draws on it depends on that.
    pub(in crate::ledger) has_credit: Option<bool>,
}

/// The most that may be spent and held on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Most {
    /// So much.
    Cap(i64),
    /// What is paid in.
    Credit,
}

/// An account.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: AccountId,
    pub(super) text: String,
    pub(super) sums: Sums,
    stored: Sums,
    /// Somebody waits for room here, and comes first.
    pub(super) waited_for: bool,
    /// Money was set aside within this.
    most: Option<Most>,
}

impl Row {
    /// Does the balance, which this is, refuse what it does not hold?
    pub(super) fn balance_refuses(&self, prepaid: Prepaid) -> bool {
        match prepaid {
            Prepaid::Always => true,
            Prepaid::Auto => self.sums.credited != 0,
            Prepaid::Never => false,
        }
    }
}

/// The accounts.
#[derive(Debug, Default, Clone)]
pub(super) struct Rows {
    list: Vec<Row>,
    places: HashMap<AccountId, usize>,
    texts: HashMap<String, usize>,
}

impl Rows {
    /// The account's place; it is made if it has none.
    pub(super) fn place(&mut self, id: AccountId) -> Place {
        if let Some(place) = self.places.get(&id) {
            return Place(*place);
        }
        let (place, text) = (self.list.len(), id.to_string());
        self.places.insert(id.clone(), place);
        self.texts.insert(text.clone(), place);
        let (sums, stored) = (Sums::default(), Sums::default());
        self.list.push(Row { id, text, sums, stored, waited_for: false, most: None });
        Place(place)
    }

    pub(super) fn read(&mut self, text: &str, sums: Sums) {
        let place = self.texts.get(text).copied();
        if let Some(row) = place.and_then(|place| self.list.get_mut(place)) {
            (row.sums, row.stored) = (sums, sums);
        }
    }

    pub(super) fn at(&self, place: Place) -> Option<&Row> {
        self.list.get(place.0)
    }

    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Row> {
        self.list.get_mut(place.0)
    }

    pub(super) fn wait_for(&mut self, id: &AccountId) {
        let place = self.places.get(id).copied();
        if let Some(row) = place.and_then(|place| self.list.get_mut(place)) {
            row.waited_for = true;
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Row> {
        self.list.iter()
    }

    /// Money was set aside within these limits.
    pub(super) fn limit(&mut self, limits: Vec<(Place, i64)>) {
        for (place, cap) in limits {
            let Some(row) = self.list.get_mut(place.0) else { continue };
            row.most = Some(match row.most {
                _ if row.id == AccountId::BALANCE => Most::Credit,
                Some(Most::Cap(lower)) => Most::Cap(lower.min(cap)),
                Some(Most::Credit) | None => Most::Cap(cap),
            });
        }
    }

    /// By how much the sums of each moved.
    pub(super) fn moves(self) -> Vec<Move> {
        let moved = |row: Row| Move {
            // Both are sums of amounts that were each checked against overflow.
            spent: row.sums.spent.wrapping_sub(row.stored.spent),
            held: row.sums.held.wrapping_sub(row.stored.held),
            most: row.most,
            has_credit: (row.id == AccountId::BALANCE).then_some(row.stored.credited != 0),
            account: row.text,
        };
        self.list.into_iter().map(moved).collect()
    }

    /// Those that changed, by their text.
    pub(super) fn changed(self) -> Vec<(String, Sums)> {
        let changed = self.list.into_iter().filter(|row| row.sums != row.stored);
        let mut changed: Vec<_> = changed.map(|row| (row.text, row.sums)).collect();
        changed.sort_by(|one, other| one.0.cmp(&other.0));
        changed
    }
}
