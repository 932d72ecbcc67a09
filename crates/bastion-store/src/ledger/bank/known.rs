//! Sums and caps as the last batch left them. Others write as well, so they may be a moment old.
//!
//! Nothing must ever be granted on them alone: what was decided on them is looked at again where
//! it is written.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::super::books::{Books, SetCaps, Sums};

/// Accounts that are remembered; beyond that all are forgotten, and read again where needed.
const MAX_ACCOUNTS: usize = 4096;

/// What is known.
#[derive(Default)]
pub(super) struct Known {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sums: HashMap<String, Sums>,
    caps: SetCaps,
    /// A message was lost: its connection may be one of several that are dead.
    lost: bool,
}

impl Known {
    /// Gives the books what is known; false where they had better ask.
    pub(super) fn fill(&self, books: &mut Books) -> bool {
        let inner = self.inner.lock();
        if inner.lost {
            return false;
        }
        let asked: Vec<String> = books.accounts().map(str::to_owned).collect();
        for id in asked {
            if let Some(sums) = inner.sums.get(&id) {
                books.read_account(&id, *sums);
            }
        }
        for ((environment, length), cap) in &inner.caps {
            books.read_set_cap(environment.clone(), *length, *cap);
        }
        true
    }

    /// Sums as they were written just now.
    pub(super) fn learn(&self, sums: impl IntoIterator<Item = (String, Sums)>) {
        let mut inner = self.inner.lock();
        if inner.sums.len() > MAX_ACCOUNTS {
            inner.sums.clear();
        }
        inner.sums.extend(sums);
    }

    /// All that was read and written step by step: the database answers.
    pub(super) fn learn_all(&self, sums: Vec<(String, Sums)>, caps: SetCaps) {
        self.learn(sums);
        let mut inner = self.inner.lock();
        inner.caps = caps;
        inner.lost = false;
    }

    /// A message was lost.
    pub(super) fn lost(&self) {
        self.inner.lock().lost = true;
    }
}
