//! The script beside the local form: one arithmetic, step for step.
//!
//! It must never use a real clock: both are told the same time.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::question::{Question, Reply, Terms, code};
use super::redis::Redis;
use super::*;

/// The time is told behind all other arguments.
const TOLD_TIME: &str = "local micros = table.remove(ARGV)\n\
    local time = { table.remove(ARGV), micros }\n";

static TOLD: LazyLock<::redis::Script> = LazyLock::new(|| ::redis::Script::new(&code(TOLD_TIME)));

/// No lease ends within a test.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// A moment in 2026, in microseconds.
const BEGIN: u64 = 1_795_000_000_000_000;

/// The script with its time told.
struct Told {
    connection: ::redis::Connection,
    terms: Terms,
    book: Book,
    account: Account,
}

impl Told {
    fn tell(&mut self, call: Option<(Ask, CallNumber)>, returns: &Returns, micros: u64) -> Reply {
        let question = Question { account: self.account, call, returns, running: &[] };
        let mut command = question.command(&self.book, &self.terms);
        command.arg(micros / 1_000_000).arg(micros % 1_000_000);
        // The name of the script stands first; the told time makes it another one.
        let words: Vec<Vec<u8>> = command
            .args_iter()
            .map(|word| {
                let ::redis::Arg::Simple(word) = word else { panic!("no word") };
                word.to_vec()
            })
            .collect();
        let mut told = ::redis::cmd("EVALSHA");
        told.arg(TOLD.get_hash());
        words[2..].iter().for_each(|word| {
            told.arg(word);
        });
        Reply::read(&told.query(&mut self.connection).unwrap()).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Admit {
        tokens: u64,
    },
    /// The oldest call ends and used so many per mille of what it took.
    End {
        used_per_mille: u64,
    },
    Wait {
        micros: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0_u64..220).prop_map(|tokens| Step::Admit { tokens }),
        1 => any::<u64>().prop_map(|tokens| Step::Admit { tokens }),
        3 => (0_u64..4000).prop_map(|used_per_mille| Step::End { used_per_mille }),
        2 => (0_u64..40_000_000).prop_map(|micros| Step::Wait { micros }),
        2 => (0_u64..2_000).prop_map(|micros| Step::Wait { micros }),
    ]
}

fn limit() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..200, 1 => 1_u64..1 << 37, 1 => Just(u64::MAX)]
}

fn limits() -> impl Strategy<Value = KeyLimits> {
    let rpm = proptest::option::of(prop_oneof![0_u32..20, any::<u32>()]);
    let slots = proptest::option::of(0_u32..6);
    (rpm, proptest::option::of(limit()), slots).prop_map(|(rpm, tpm, concurrency)| KeyLimits {
        rpm,
        tpm,
        concurrency,
    })
}

#[test]
fn redis_and_this_process_decide_the_same_to_the_last_part() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    TOLD.load(&mut connection).unwrap();
    let next = AtomicU64::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(128));
    let steps = proptest::collection::vec(step(), 1..60);
    let start = BEGIN..BEGIN * 2;
    runner
        .run(&(limits(), steps, start), |(limits, steps, start)| {
            let terms = Terms { prefix: "mirror".to_owned(), lease: FOREVER };
            let case = next.fetch_add(1, Ordering::SeqCst);
            let key = KeyId::parse(&format!("{case:012}")).unwrap();
            let account = Account { key, limits };
            let connection = redis.connection();
            let told = Told { connection, terms, book: Book::new(), account };
            play(told, &steps, start)
        })
        .unwrap();
}

fn play(mut told: Told, steps: &[Step], start: u64) -> Result<(), TestCaseError> {
    let limits = told.account.limits;
    let here = Arc::new(KeyState::new(limits));
    let mut micros = start;
    let mut running = std::collections::VecDeque::new();
    for step in steps {
        let now = MonoNanos(i64::try_from(micros * 1000).unwrap());
        match *step {
            Step::Wait { micros: more } => micros += more,
            Step::End { used_per_mille } => {
                let Some((permit, call, there, tokens)): Option<(Permit, _, There, u64)> =
                    running.pop_front()
                else {
                    continue;
                };
                let used = u64::try_from(u128::from(tokens) * u128::from(used_per_mille) / 1000);
                permit.settle_tokens(used.unwrap_or(u64::MAX), now);
                there.settle(used.unwrap_or(u64::MAX), now);
                drop(permit);
                let returns = Returns { calls: vec![call], refund: there.refund() };
                told.tell(None, &returns, micros);
            }
            Step::Admit { tokens } => {
                let ask = Ask { tokens };
                let call = told.book.number();
                let reply = told.tell(Some((ask, call)), &Returns::default(), micros);
                match here.admit(ask, now) {
                    Ok(permit) => {
                        prop_assert!(reply.admitted, "{reply:?}");
                        let (standing, rate) = reply.standing(limits, ask);
                        prop_assert_eq!(standing, permit.standing());
                        running.push_back((
                            permit,
                            call,
                            There::new(standing, rate, (tokens, now)),
                            tokens,
                        ));
                    }
                    Err(denied) => {
                        prop_assert!(!reply.admitted, "{reply:?} {denied:?}");
                        prop_assert_eq!(reply.denied(limits, ask), denied);
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_clock_that_is_set_back_costs_two_minutes_at_most() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    TOLD.load(&mut connection).unwrap();
    let limits = KeyLimits { rpm: Some(60), ..KeyLimits::default() };
    let account = Account { key: KeyId::parse("000000000001").unwrap(), limits };
    let terms = Terms { prefix: "back".to_owned(), lease: FOREVER };
    let mut told = Told { connection, terms, book: Book::new(), account };
    let mut ask = |micros| {
        let call = told.book.number();
        told.tell(Some((Ask { tokens: 0 }, call)), &Returns::default(), micros)
    };
    assert!(ask(BEGIN).admitted);
    let hour_back = BEGIN - 3_600_000_000;
    let reply = ask(hour_back);
    assert!(!reply.admitted);
    let denied = reply.denied(limits, Ask { tokens: 0 });
    assert!(denied.retry_after_s <= 61, "{denied:?}");
    let later = ask(hour_back + 121_000_000);
    assert_eq!((later.admitted, later.used_requests), (true, 0), "the bucket is full again");
}
