//! From where keys are used: noticed in the path, written down by a job.
//!
//! It must never keep a whole address or a program's version, and never make a call wait.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use bastion_store::{MAX_SIGHTINGS_OF_KEY, Sighting, Store, StoreError};
use bastion_types::{KeyId, Network, Span, Timestamp};
use parking_lot::{Mutex, RwLock};

use crate::Redactor;
use crate::program::program;

/// What is known to be noticed already; beyond that everything is looked at again.
const MAX_NOTICED: usize = 65_536;

/// Sightings that wait to be written; more are dropped and counted.
const MAX_WAITING: usize = 4_096;

/// After so long what is noticed is noticed anew, so that a sighting's age is known to an hour.
const FORGET_AFTER: Span = Span::from_secs(60 * 60);

/// Where keys are used.
pub struct Sightings {
    hashes: RandomState,
    noticed: RwLock<HashSet<u64>>,
    waiting: Mutex<Waiting>,
    redactor: Arc<Redactor>,
}

#[derive(Default)]
struct Waiting {
    sightings: Vec<Sighting>,
    /// Of each key since the last time that everything was forgotten.
    counts: HashMap<KeyId, usize>,
    dropped: u64,
    forgotten_at: Option<Timestamp>,
}

impl Sightings {
    /// Nothing was seen; programs' names go through this redactor.
    pub fn new(redactor: Arc<Redactor>) -> Sightings {
        Sightings {
            hashes: RandomState::new(),
            noticed: RwLock::default(),
            waiting: Mutex::default(),
            redactor,
        }
    }

    /// A call came with this key. Mostly a hash and a look-up.
    pub fn see(&self, key_id: KeyId, user_agent: Option<&[u8]>, from: IpAddr, at: Timestamp) {
        let network = Network::around(from);
        let hash = self.hashes.hash_one((key_id, user_agent, network));
        if !self.noticed.read().contains(&hash) {
            let sighting = Sighting {
                key_id,
                agent: program(user_agent, &self.redactor),
                network: network.to_string(),
                first_seen_at: at,
                last_seen_at: at,
            };
            self.notice(hash, sighting);
        }
    }

    fn notice(&self, hash: u64, sighting: Sighting) {
        let mut noticed = self.noticed.write();
        if noticed.len() >= MAX_NOTICED || !noticed.insert(hash) {
            return;
        }
        drop(noticed);
        let mut waiting = self.waiting.lock();
        let count = waiting.counts.entry(sighting.key_id).or_default();
        *count = count.saturating_add(1);
        if *count > MAX_SIGHTINGS_OF_KEY || waiting.sightings.len() >= MAX_WAITING {
            waiting.dropped = waiting.dropped.saturating_add(1);
            return;
        }
        waiting.sightings.push(sighting);
    }

    /// Writes down what waits; from time to time everything is noticed anew.
    ///
    /// # Errors
    /// When the store cannot be written; what waits is kept for the next time.
    pub async fn flush(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let (sightings, dropped) = self.take(now);
        if dropped > 0 {
            tracing::warn!(dropped, "keys are used from more places than are written down");
        }
        let written = store.evidence().sight(&sightings).await;
        if written.is_err() {
            let mut waiting = self.waiting.lock();
            let places = MAX_WAITING.saturating_sub(waiting.sightings.len());
            waiting.sightings.extend(sightings.into_iter().take(places));
        }
        written
    }

    fn take(&self, now: Timestamp) -> (Vec<Sighting>, u64) {
        let mut waiting = self.waiting.lock();
        let forgotten_at = *waiting.forgotten_at.get_or_insert(now);
        let taken = (std::mem::take(&mut waiting.sightings), std::mem::take(&mut waiting.dropped));
        if now >= forgotten_at.plus(FORGET_AFTER) {
            waiting.forgotten_at = Some(now);
            waiting.counts.clear();
            drop(waiting);
            self.noticed.write().clear();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sightings: &Sightings, agent: &str, from: &str) {
        let key = KeyId::parse("000000000001").unwrap();
        sightings.see(
            key,
            Some(agent.as_bytes()),
            from.parse().unwrap(),
            Timestamp::from_micros(5),
        );
    }

    fn waiting(sightings: &Sightings) -> Vec<(String, String)> {
        let now = Timestamp::from_micros(5);
        sightings.take(now).0.into_iter().map(|one| (one.agent, one.network)).collect()
    }

    #[test]
    fn a_program_in_a_network_is_written_down_once() {
        let sightings = Sightings::new(Arc::default());
        seen(&sightings, "curl/8.5.0", "192.0.2.1");
        seen(&sightings, "curl/8.5.0", "192.0.2.99");
        seen(&sightings, "curl/8.5.0", "198.51.100.1");
        let pair = |agent: &str, network: &str| (agent.to_owned(), network.to_owned());
        let expect = [pair("curl", "192.0.2.0/24"), pair("curl", "198.51.100.0/24")];
        assert_eq!(waiting(&sightings), expect);
        seen(&sightings, "curl/8.5.0", "192.0.2.1");
        assert!(waiting(&sightings).is_empty());
    }

    #[test]
    fn one_key_fills_its_own_places_only() {
        let sightings = Sightings::new(Arc::default());
        for number in 0..MAX_SIGHTINGS_OF_KEY + 50 {
            seen(&sightings, &format!("agent-{number}x"), "192.0.2.1");
        }
        let (written, dropped) = sightings.take(Timestamp::from_micros(5));
        assert_eq!((written.len(), dropped), (MAX_SIGHTINGS_OF_KEY, 50));
    }

    #[test]
    fn what_was_seen_is_seen_anew_after_an_hour() {
        let sightings = Sightings::new(Arc::default());
        seen(&sightings, "curl", "192.0.2.1");
        assert_eq!(waiting(&sightings).len(), 1);
        let later = Timestamp::from_micros(5).plus(FORGET_AFTER);
        assert!(sightings.take(later).0.is_empty());
        seen(&sightings, "curl", "192.0.2.1");
        assert_eq!(sightings.take(later).0.len(), 1);
    }
}
