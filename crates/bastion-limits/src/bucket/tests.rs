//! The bucket against the clock, the extremes and a simple model.
//!
//! It must never need a real clock: `now` is given.

use proptest::prelude::*;

use super::*;
use crate::MAX_PER_MINUTE;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

fn at(nanos: i64) -> MonoNanos {
    MonoNanos(nanos)
}

fn drain(bucket: &Bucket, now: MonoNanos) -> u64 {
    let mut taken = 0;
    while taken < 1_000_000 && bucket.take(1, now).is_ok() {
        taken += 1;
    }
    taken
}

#[test]
fn more_than_the_whole_bucket_never_fits() {
    let bucket = Bucket::new(10);
    assert_eq!(bucket.take(11, at(0)), Err(Shortage::Never));
    assert_eq!(bucket.take(u64::MAX, at(0)), Err(Shortage::Never));
    assert!(bucket.take(10, at(0)).is_ok(), "nothing was taken by what was refused");
}

#[test]
fn an_idle_keys_first_burst_is_exactly_its_limit() {
    for limit in [1, 2, 3, 7, 59, 60, 61, 600, 999, 100_003] {
        for now in [0, 1, 17 * SECOND + 3, 400 * MINUTE] {
            assert_eq!(drain(&Bucket::new(limit), at(now)), limit, "limit {limit} at {now}");
        }
    }
}

#[test]
fn one_comes_back_when_its_time_is_over_and_not_before() {
    let bucket = Bucket::new(60);
    let start = 7 * SECOND + 123_456_789;
    assert_eq!(drain(&bucket, at(start)), 60);
    let Err(Shortage::Wait { nanos }) = bucket.take(1, at(start)) else { panic!("refused") };
    assert!((999_999_998..=1_000_000_002).contains(&nanos), "{nanos}");
    assert!(bucket.take(1, at(start + SECOND - 5)).is_err());
    assert!(bucket.take(1, at(start + SECOND + 5)).is_ok());
    assert!(bucket.take(1, at(start + SECOND + 5)).is_err());
}

#[test]
fn a_wait_that_was_named_is_enough() {
    for limit in [1, 7, 1_000, u64::from(u32::MAX), MAX_PER_MINUTE] {
        let bucket = Bucket::new(limit);
        assert!(bucket.take(limit, at(5)).is_ok());
        let Err(Shortage::Wait { nanos }) = bucket.take(limit, at(5)) else { panic!("refused") };
        let later = at(5 + i64::try_from(nanos).unwrap());
        assert!(bucket.take(limit, later).is_ok(), "limit {limit}");
    }
}

#[test]
fn an_hour_at_full_speed_gives_sixty_buckets_and_the_first_one() {
    let (bucket, mut taken) = (Bucket::new(7), 0);
    for second in 0..3600 {
        taken += drain(&bucket, at(second * SECOND));
    }
    assert_eq!(taken, 7 + 60 * 7 - 1, "the last whole one comes at 3600 s");
}

#[test]
fn a_refund_is_there_at_once_and_never_overfills() {
    let bucket = Bucket::new(100);
    assert!(bucket.take(100, at(0)).is_ok());
    bucket.give_back(40);
    assert_eq!(bucket.standing(at(0)).remaining, 40);
    bucket.give_back(1_000_000);
    assert_eq!(drain(&bucket, at(0)), 100);
    assert!(bucket.take(100, at(5 * MINUTE)).is_ok());
    bucket.give_back(u64::MAX);
    assert_eq!(drain(&bucket, at(5 * MINUTE)), 100);
}

#[test]
fn debt_ends_at_one_bucket_and_is_paid_by_time() {
    let bucket = Bucket::new(60);
    assert!(bucket.take(30, at(0)).is_ok());
    assert_eq!(bucket.take_into_debt(1_000, at(0)).forgiven, 1_000 - 90, "30 left and 60 of debt");
    assert_eq!(bucket.standing(at(0)).remaining, 0);
    assert_eq!(bucket.standing(at(0)).reset_ms, 120_000);
    assert!(bucket.take(1, at(MINUTE)).is_err(), "the debt is paid, nothing more");
    assert!(bucket.take(1, at(MINUTE + SECOND + 5)).is_ok());
}

#[test]
fn a_limit_of_zero_admits_nothing_and_divides_by_nothing() {
    let bucket = Bucket::new(0);
    assert_eq!(bucket.take(1, at(MINUTE)), Err(Shortage::Never));
    assert!(bucket.take(0, at(MINUTE)).is_ok());
    bucket.give_back(5);
    assert_eq!(bucket.take_into_debt(5, at(MINUTE)).forgiven, 5);
    assert_eq!(bucket.standing(at(MINUTE)).remaining, 0);
}

#[test]
fn the_extremes_do_not_wrap() {
    for limit in [u64::from(u32::MAX), MAX_PER_MINUTE, u64::MAX] {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            let bucket = Bucket::new(limit);
            let whole = limit.min(MAX_PER_MINUTE);
            assert!(bucket.take(whole, at(now)).is_ok(), "limit {limit} at {now}");
            assert!(bucket.take(1, at(now)).is_err(), "limit {limit} at {now}");
            assert_eq!(bucket.take_into_debt(u64::MAX, at(now)).forgiven, u64::MAX - whole);
            bucket.give_back(u64::MAX);
            assert_eq!(bucket.standing(at(now)).remaining, whole);
        }
    }
}

#[test]
fn threads_at_one_moment_take_exactly_the_limit() {
    let bucket = Bucket::new(10_007);
    let taken = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mine = (0..5_000).filter(|_| bucket.take(1, at(3 * SECOND)).is_ok()).count();
                taken.fetch_add(mine as u64, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(taken.into_inner(), 10_007);
}

/// The plain bucket: a level in 1/60,000,000,000 of a token, refilled by multiplication.
struct Model {
    limit: i128,
    level: i128,
    now: i64,
}

const FINE: i128 = 60_000_000_000;

impl Model {
    fn advance(&mut self, to: i64) {
        let refill = self.limit * i128::from(to - self.now);
        self.level = (self.level + refill).min(self.limit * FINE);
        self.now = to;
    }

    fn give(&mut self, amount: u64) {
        self.level = (self.level + i128::from(amount) * FINE).min(self.limit * FINE);
    }

    fn take(&mut self, amount: u64) {
        self.level = (self.level - i128::from(amount) * FINE).max(-self.limit * FINE);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Take(u64),
    GiveBack(u64),
    Debt(u64),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..200).prop_map(Step::Take),
        2 => (1_u64..200).prop_map(Step::GiveBack),
        1 => (1_u64..400).prop_map(Step::Debt),
        3 => (0_i64..40 * SECOND).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn the_bucket_decides_as_the_plain_model_does(
        limit in 1_u64..150,
        start in 0_i64..1_000_000 * SECOND,
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let bucket = Bucket::new(limit);
        let whole = i128::from(limit);
        let mut model = Model { limit: whole, level: whole * FINE, now: start };
        // Two roundings of at most a part each: where a part lies between yes and no, both are right.
        let tolerance = 2 * FINE / i128::from(bucket.rate.parts_per_token()) + 2;
        for step in steps {
            match step {
                Step::Wait(nanos) => model.advance(model.now + nanos),
                Step::GiveBack(amount) => {
                    bucket.give_back(amount);
                    model.give(amount);
                }
                Step::Debt(amount) => {
                    bucket.take_into_debt(amount, at(model.now));
                    model.take(amount);
                }
                Step::Take(amount) => {
                    let spare = model.level - i128::from(amount) * FINE;
                    let taken = bucket.take(amount, at(model.now)).is_ok();
                    if spare.abs() > tolerance {
                        prop_assert_eq!(taken, spare > 0 && amount <= limit);
                    }
                    if taken {
                        model.take(amount);
                    }
                }
            }
        }
    }
}
