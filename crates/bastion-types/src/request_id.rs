//! The id of a call: `req_` and 24 letters, in the order of time.
//!
//! It must never be taken from the caller: two calls may not share one.

use std::cell::RefCell;
use std::fmt;

use crate::{Timestamp, base62};

const PREFIX: &[u8; 4] = b"req_";
/// Microseconds in nine letters last beyond the year 2390.
const TIME_LEN: usize = 9;
const RANDOM_LEN: usize = 15;
const LEN: usize = PREFIX.len() + TIME_LEN + RANDOM_LEN;

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock::EMPTY) };
}

/// Bytes of the system's randomness, fetched for many ids at once. Each byte is used once; ids are
/// no secrets, keys are made elsewhere.
struct Stock {
    bytes: [u8; Stock::LEN],
    used: usize,
}

impl Stock {
    const LEN: usize = 1024;
    const EMPTY: Stock = Stock { bytes: [0; Stock::LEN], used: Stock::LEN };

    fn byte(&mut self) -> Result<u8, getrandom::Error> {
        if self.used == Stock::LEN {
            getrandom::fill(&mut self.bytes)?;
            self.used = 0;
        }
        let byte = self.bytes.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        Ok(byte)
    }
}

/// Names one call in the answer's header, in the log and in every record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId([u8; LEN]);

impl RequestId {
    /// A new id: microseconds first, so that ids sort by time, then 89 random bits.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(now: Timestamp) -> Result<RequestId, getrandom::Error> {
        let micros = u64::try_from(now.micros()).unwrap_or(0);
        let time = base62::encode::<TIME_LEN>(micros);
        let random = STOCK.with_borrow_mut(|stock| base62::letters(|| stock.byte()))?;
        Ok(RequestId::of(&time, &random))
    }

    /// Below every id of this moment and later: where a search by time begins.
    pub fn lowest_at(moment: Timestamp) -> RequestId {
        let micros = u64::try_from(moment.micros()).unwrap_or(0);
        RequestId::of(&base62::encode::<TIME_LEN>(micros), &[b'0'; RANDOM_LEN])
    }

    fn of(time: &[u8; TIME_LEN], random: &[u8; RANDOM_LEN]) -> RequestId {
        let mut text = [0; LEN];
        let letters = PREFIX.iter().chain(time).chain(random);
        text.iter_mut().zip(letters).for_each(|(place, letter)| *place = *letter);
        RequestId(text)
    }

    /// Reads an id that [`RequestId::generate`] made.
    pub fn parse(text: &str) -> Option<RequestId> {
        let bytes: [u8; LEN] = text.as_bytes().try_into().ok()?;
        let letters = bytes.strip_prefix(PREFIX)?;
        letters.iter().all(|byte| base62::is_letter(*byte)).then_some(RequestId(bytes))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = RequestId::generate(Timestamp::from_micros(1_795_435_200_000_000)).unwrap();
        let late = RequestId::generate(Timestamp::from_micros(1_795_435_200_000_001)).unwrap();
        assert!(early < late);
        assert_eq!(RequestId::parse(early.as_str()), Some(early));
        assert_eq!(RequestId::parse("req_x"), None);
    }

    #[test]
    fn a_search_by_time_begins_below_every_id_of_that_moment() {
        let moment = |micros: i64| Timestamp::from_micros(1_795_435_200_000_000 + micros);
        let (before, at) = (RequestId::generate(moment(0)), RequestId::generate(moment(1)));
        let lowest = RequestId::lowest_at(moment(1));
        assert!(before.unwrap() < lowest && lowest < at.unwrap());
    }

    #[test]
    fn no_two_ids_of_one_moment_are_alike() {
        let moment = Timestamp::from_micros(1_795_435_200_000_000);
        let ids: std::collections::HashSet<_> =
            (0..10_000).map(|_| RequestId::generate(moment).unwrap()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
