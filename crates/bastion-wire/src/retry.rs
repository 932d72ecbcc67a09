//! Whether and when a failed attempt is made again: pure functions, one table.
//!
//! It must never make a refused request again: of all 4xx only 429 is tried twice. Boxes
//! `reliability.retry`, `reliability.retry-after` and `reliability.no-4xx-retry`.

mod advice;
mod backoff;

pub use advice::{RetryAfter, retry_after};
pub use backoff::Backoff;

/// May an answer with this status be asked for again? Source: contract, Errors.
pub fn status_may_be_tried_again(status: u16) -> bool {
    matches!(status, 429 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_4xx_but_429_is_tried_again() {
        let again: Vec<u16> = (100..600).filter(|s| status_may_be_tried_again(*s)).collect();
        let expect: Vec<u16> = std::iter::once(429).chain(500..600).collect();
        assert_eq!(again, expect);
    }
}
