//! All three limits at once: none is taken when one refuses, and none is lost under threads.
//!
//! It must never need a real clock: `now` is given.

use std::sync::Barrier;

use super::*;

const NOW: MonoNanos = MonoNanos(5_000_000_000);
const MINUTE_LATER: MonoNanos = MonoNanos(65_000_000_100);

fn state(rpm: Option<u32>, tpm: Option<u64>, concurrency: Option<u32>) -> Arc<KeyState> {
    Arc::new(KeyState::new(KeyLimits { rpm, tpm, concurrency }))
}

fn tokens(tokens: u64) -> Ask {
    Ask { tokens }
}

#[test]
fn what_can_never_fit_says_so_and_takes_nothing() {
    let state = state(Some(1), Some(100), Some(1));
    let denied = state.admit(tokens(101), NOW).unwrap_err();
    assert_eq!((denied.kind, denied.never), (RateKind::Tokens, true));
    assert!(denied.retry_after_s >= 1);
    assert_eq!(denied.standing.requests.unwrap().remaining, 1);
    assert!(state.admit(tokens(u64::MAX), NOW).unwrap_err().never);
    assert!(state.admit(tokens(100), NOW).is_ok());
}

#[test]
fn a_limit_of_zero_is_never() {
    for (limits, kind) in [
        ((Some(0), None, None), RateKind::Requests),
        ((None, Some(0), None), RateKind::Tokens),
        ((None, None, Some(0)), RateKind::Concurrency),
    ] {
        let denied = state(limits.0, limits.1, limits.2).admit(tokens(1), NOW).unwrap_err();
        assert_eq!((denied.kind, denied.never), (kind, true));
    }
}

#[test]
fn a_key_without_limits_is_always_admitted() {
    let permit = state(None, None, None).admit(tokens(u64::MAX), NOW).unwrap();
    assert_eq!(permit.standing(), Standing::default());
    permit.settle_tokens(u64::MAX, NOW);
}

#[test]
fn tokens_that_are_missing_give_request_and_slot_back() {
    let state = state(Some(10), Some(100), Some(5));
    let _first = state.admit(tokens(100), NOW).unwrap();
    let denied = state.admit(tokens(50), NOW).unwrap_err();
    assert_eq!((denied.kind, denied.never, denied.retry_after_s), (RateKind::Tokens, false, 30));
    assert_eq!(denied.standing.requests.unwrap().remaining, 9, "one call, one request");
    assert_eq!(denied.standing.tokens.unwrap().remaining, 0);
}

#[test]
fn the_limit_that_is_longest_in_the_way_is_named() {
    let state = state(Some(1), Some(100), Some(1));
    let _first = state.admit(tokens(10), NOW).unwrap();
    let denied = state.admit(tokens(100), NOW).unwrap_err();
    assert_eq!((denied.kind, denied.retry_after_s), (RateKind::Requests, 60));
}

#[test]
fn a_slot_is_held_until_the_permit_is_dropped() {
    let state = state(Some(10), None, Some(1));
    let permit = state.admit(tokens(0), NOW).unwrap();
    let denied = state.admit(tokens(0), NOW).unwrap_err();
    assert_eq!((denied.kind, denied.retry_after_s), (RateKind::Concurrency, 1));
    assert_eq!(denied.standing.requests.unwrap().remaining, 9, "the refused call took none");
    drop(permit);
    assert!(state.admit(tokens(0), NOW).is_ok());
}

#[test]
fn a_standing_tells_what_is_left_after_the_call() {
    let permit = state(Some(60), Some(1000), None).admit(tokens(250), NOW).unwrap();
    let standing = permit.standing();
    let (requests, tokens) = (standing.requests.unwrap(), standing.tokens.unwrap());
    assert_eq!((requests.limit, requests.remaining, requests.reset_ms), (60, 59, 1000));
    assert_eq!((tokens.limit, tokens.remaining), (1000, 750));
    assert!((14_999..=15_001).contains(&tokens.reset_ms), "{}", tokens.reset_ms);
}

#[test]
fn what_was_not_used_comes_back_and_the_last_word_counts() {
    let state = state(None, Some(100), None);
    let left = || state.standing(NOW).tokens.unwrap().remaining;
    let permit = state.admit(tokens(100), NOW).unwrap();
    permit.settle_tokens(30, NOW);
    assert_eq!(left(), 70);
    permit.settle_tokens(30, NOW);
    assert_eq!(left(), 70, "said twice, counted once");
    permit.settle_tokens(50, NOW);
    assert_eq!(left(), 50);
    permit.give_back_tokens(NOW);
    assert_eq!(left(), 100);
    drop(permit);
    assert_eq!(left(), 100, "dropping gives back the slot and nothing else");
}

#[test]
fn what_time_has_refilled_does_not_come_back_as_well() {
    let state = state(None, Some(100), None);
    let first = state.admit(tokens(100), NOW).unwrap();
    // The bucket is full again, and another call takes all of it.
    let second = state.admit(tokens(100), MINUTE_LATER).unwrap();
    first.settle_tokens(10, MINUTE_LATER);
    assert_eq!(state.standing(MINUTE_LATER).tokens.unwrap().remaining, 0);
    second.settle_tokens(10, MINUTE_LATER);
    assert_eq!(state.standing(MINUTE_LATER).tokens.unwrap().remaining, 90);
}

#[test]
fn half_of_it_comes_back_after_half_a_minute() {
    let half = MonoNanos(35_000_000_050);
    let state = state(None, Some(100), None);
    let first = state.admit(tokens(100), NOW).unwrap();
    let second = state.admit(tokens(50), half).unwrap();
    first.settle_tokens(0, half);
    assert_eq!(state.standing(half).tokens.unwrap().remaining, 50);
    second.settle_tokens(0, half);
    assert_eq!(state.standing(half).tokens.unwrap().remaining, 100);
}

#[test]
fn a_refusal_after_admission_keeps_the_request() {
    let state = state(Some(2), Some(100), None);
    let permit = state.admit(tokens(100), NOW).unwrap();
    permit.give_back_tokens(NOW);
    drop(permit);
    let standing = state.standing(NOW);
    assert_eq!(standing.requests.unwrap().remaining, 1);
    assert_eq!(standing.tokens.unwrap().remaining, 100);
}

#[test]
fn what_was_used_beyond_is_a_debt_of_at_most_one_bucket() {
    let state = state(None, Some(100), None);
    let permit = state.admit(tokens(100), NOW).unwrap();
    permit.settle_tokens(u64::MAX, NOW);
    assert_eq!(state.admit(tokens(1), NOW).unwrap_err().retry_after_s, 61);
    let denied = state.admit(tokens(100), MINUTE_LATER).unwrap_err();
    assert_eq!(denied.retry_after_s, 60, "a minute has paid the debt");
    permit.give_back_tokens(MINUTE_LATER);
    let left = state.standing(MINUTE_LATER).tokens.unwrap().remaining;
    assert_eq!(left, 100, "what was forgiven is not given back on top");
}

#[test]
fn threads_admit_exactly_what_the_tightest_limit_allows() {
    const THREADS: usize = 8;
    for (rpm, tpm, concurrency, expect) in [
        (Some(500), None, None, 500),
        (None, Some(5_000), None, 500),
        (None, None, Some(500), 500),
        (Some(500), Some(1_000_000), Some(900), 500),
        (Some(900), Some(1_000_000), Some(500), 500),
    ] {
        let state = state(rpm, tpm, concurrency);
        let start = Barrier::new(THREADS);
        let admitted: usize = std::thread::scope(|scope| {
            let hammer = || {
                start.wait();
                let permits: Vec<Permit> =
                    (0..200).filter_map(|_| state.admit(tokens(10), NOW).ok()).collect();
                permits
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(hammer)).collect();
            let permits: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
            permits.iter().map(Vec::len).sum()
        });
        assert_eq!(admitted, expect, "rpm {rpm:?} tpm {tpm:?} concurrency {concurrency:?}");
    }
}

#[test]
fn refusals_under_threads_leave_nothing_behind() {
    let state = state(Some(1_000_000), Some(40), Some(3));
    let admitted = AtomicU64::new(0);
    let refuse_later = || {
        for permit in (0..2_000).filter_map(|_| state.admit(tokens(20), NOW).ok()) {
            admitted.fetch_add(1, Ordering::SeqCst);
            permit.give_back_tokens(NOW);
        }
    };
    std::thread::scope(|scope| {
        (0..8).for_each(|_| {
            scope.spawn(refuse_later);
        });
    });
    let standing = state.standing(NOW);
    assert_eq!(standing.tokens.unwrap().remaining, 40);
    assert_eq!(standing.requests.unwrap().remaining, 1_000_000 - admitted.into_inner());
    let permits: Vec<_> = (0..3).filter_map(|_| state.admit(tokens(0), NOW).ok()).collect();
    assert_eq!(permits.len(), 3, "all slots came back");
}
