//! Which state belongs to which key, for the whole process.
//!
//! It must never lock a reader: a look-up reads a snapshot, only a key that is new to the process
//! (or whose limits changed) copies one shard under that shard's lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bastion_types::KeyId;
use parking_lot::Mutex;

use crate::{KeyLimits, KeyState};

/// Shards beside the first one; more shards make the copy at a new key smaller.
const MORE_SHARDS: usize = 63;

/// Keys in one shard; a further one pushes out one that has no call running.
///
/// All shards together hold 262,144, more than twice what the store keeps.
const MAX_KEYS_PER_SHARD: usize = 4096;

/// The states of all keys that called since the process began.
#[derive(Debug, Default)]
pub struct Registry {
    hasher: RandomState,
    first: Shard,
    more: Vec<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    states: ArcSwap<HashMap<KeyId, Arc<KeyState>>>,
    changing: Mutex<()>,
}

impl Registry {
    /// Knows no key yet.
    pub fn new() -> Registry {
        let more = (0..MORE_SHARDS).map(|_| Shard::default()).collect();
        Registry { more, ..Registry::default() }
    }

    /// The state of a key: the same one as long as its limits are the same.
    ///
    /// Changed limits begin with full buckets; calls that run under the old ones are not counted
    /// against the new ones.
    pub fn state(&self, id: KeyId, limits: KeyLimits) -> Arc<KeyState> {
        let shard = self.shard(id);
        shard.find(id, limits).unwrap_or_else(|| shard.add(id, limits))
    }

    /// Drops what is known of a key, for one that is revoked.
    pub fn forget(&self, id: KeyId) {
        let shard = self.shard(id);
        let _changing = shard.changing.lock();
        if shard.states.load().contains_key(&id) {
            let mut states = HashMap::clone(&shard.states.load());
            states.remove(&id);
            shard.states.store(Arc::new(states));
        }
    }

    fn shard(&self, id: KeyId) -> &Shard {
        let all = self.more.len().saturating_add(1);
        let hash = usize::try_from(self.hasher.hash_one(id) >> 32).unwrap_or(0);
        let at = hash.checked_rem(all).unwrap_or(0);
        self.more.get(at).unwrap_or(&self.first)
    }
}

impl Shard {
    fn find(&self, id: KeyId, limits: KeyLimits) -> Option<Arc<KeyState>> {
        let states = self.states.load();
        states.get(&id).filter(|state| state.limits() == limits).map(Arc::clone)
    }

    fn add(&self, id: KeyId, limits: KeyLimits) -> Arc<KeyState> {
        let _changing = self.changing.lock();
        // Another thread may have been first.
        if let Some(state) = self.find(id, limits) {
            return state;
        }
        let mut states = HashMap::clone(&self.states.load());
        if states.len() >= MAX_KEYS_PER_SHARD {
            make_room(&mut states);
        }
        let state = Arc::new(KeyState::new(limits));
        states.insert(id, Arc::clone(&state));
        self.states.store(Arc::new(states));
        state
    }
}

/// Removes one state: one that no call holds, if there is one.
fn make_room(states: &mut HashMap<KeyId, Arc<KeyState>>) {
    // The snapshot that is being replaced and this copy hold two.
    let idle = states.iter().find(|(_, state)| Arc::strong_count(state) <= 2);
    let victim = idle.or_else(|| states.iter().next()).map(|(id, _)| *id);
    if let Some(id) = victim {
        states.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use bastion_types::MonoNanos;

    use super::*;
    use crate::Ask;

    const LIMITS: KeyLimits = KeyLimits { rpm: Some(5), tpm: None, concurrency: None };

    fn id(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:012}")).unwrap()
    }

    #[test]
    fn a_key_keeps_its_state_as_long_as_its_limits() {
        let registry = Registry::new();
        let first = registry.state(id(1), LIMITS);
        assert!(Arc::ptr_eq(&first, &registry.state(id(1), LIMITS)));
        assert!(!Arc::ptr_eq(&first, &registry.state(id(2), LIMITS)));
        let wider = KeyLimits { rpm: Some(6), ..LIMITS };
        assert!(!Arc::ptr_eq(&first, &registry.state(id(1), wider)));
        registry.forget(id(1));
        registry.forget(id(3));
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn threads_that_meet_a_new_key_share_one_state() {
        let registry = Registry::new();
        let admit = |number: usize| {
            let state = registry.state(id(number), LIMITS);
            state.admit(Ask { tokens: 1 }, MonoNanos(0)).is_ok()
        };
        let hammer = || (0..800).filter(|at| admit(at % 100)).count();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(hammer)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 100 * 5);
    }

    #[test]
    fn a_full_shard_pushes_out_a_key_without_calls() {
        let shard = Shard::default();
        let mut states: HashMap<_, _> =
            (0..MAX_KEYS_PER_SHARD).map(|at| (id(at), Arc::new(KeyState::new(LIMITS)))).collect();
        let busy: Vec<_> = (0..10).map(|at| Arc::clone(&states[&id(at)])).collect();
        states.shrink_to_fit();
        shard.states.store(Arc::new(states));
        shard.add(id(MAX_KEYS_PER_SHARD), LIMITS);
        assert_eq!(shard.states.load().len(), MAX_KEYS_PER_SHARD);
        for (at, state) in busy.iter().enumerate() {
            assert!(Arc::ptr_eq(state, &shard.find(id(at), LIMITS).unwrap()));
        }
    }
}
