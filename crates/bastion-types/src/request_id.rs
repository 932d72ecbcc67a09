//! The id of a call: `req_` and 24 letters, in the order of time.
//!
//! It must never be taken from the caller: two calls may not share one.

use std::fmt;

use crate::{Timestamp, base62};

const PREFIX: &[u8; 4] = b"req_";
/// Microseconds in nine letters last beyond the year 2390.
const TIME_LEN: usize = 9;
const RANDOM_LEN: usize = 15;
const LEN: usize = PREFIX.len() + TIME_LEN + RANDOM_LEN;

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
        let random = base62::random::<RANDOM_LEN>()?;
        let mut text = [0; LEN];
        let letters = PREFIX.iter().chain(&time).chain(&random);
        text.iter_mut().zip(letters).for_each(|(place, letter)| *place = *letter);
        Ok(RequestId(text))
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
}
