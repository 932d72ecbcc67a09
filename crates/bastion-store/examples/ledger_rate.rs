//! How many holds and settlements a second the ledger takes, durably, and whether that changes with
//! its length: `cargo run --release -p bastion-store --example ledger_rate -- FOLDER [ENTRIES]`.
//!
//! `FOLDER` is an empty one, or `postgres://…`, an empty database. Every hold and every settlement
//! waits until it is on the disk. It must never be run on a deployment's own data.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a measurement for people, which may fail by panicking"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bastion_runtime::{Tasks, TokioClock};
use bastion_store::{
    Cap, Cost, HoldOrder, Labels, Marks, Migrate, Payer, Place, PostgresPlace, Store,
};
use bastion_types::{
    Clock, EnvironmentName, KeyId, Length, Money, RequestId, Scope, Secret, Usage, Zone,
};
use tokio::time::Instant;

/// Callers at the same time.
const CALLERS: u64 = 256;
/// How long is measured.
const MEASURED: Duration = Duration::from_secs(8);
/// Entries of a transaction that fills the ledger.
const FILLED_AT_ONCE: u64 = 100_000;

const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
    INSERT INTO ledger_entries SELECT printf('req_0%023d', i), 'charge', i, 1, 0, 0, '2025-01-01', \
    'prod', '0000000000AA', NULL, 1, 1, '{}', NULL, NULL FROM n";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap();
    let entries: u64 = arguments.next().map_or(0, |text| text.parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let place = if place.starts_with("postgres://") {
        let url = Secret::new(place);
        Place::Postgres(PostgresPlace { url, password: None, migrate: Migrate::AtStart })
    } else {
        fill(PathBuf::from(&place), Arc::clone(&clock), entries).await;
        Place::DataDirectory(PathBuf::from(place))
    };
    let store = Store::open_at(&place, Arc::clone(&clock)).await.unwrap();
    measure(&store, &clock).await;
    let verdict = store.ledger().verify().await;
    println!("{verdict:?}");
    store.close().await;
}

/// Makes the ledger this long.
async fn fill(folder: PathBuf, clock: Arc<dyn Clock>, entries: u64) {
    let store = Store::open(&folder, clock).await.unwrap();
    store.close().await;
    let url = format!("sqlite://{}", folder.join("bastion.db").display());
    let pool = sqlx::sqlite::SqlitePool::connect(&url).await.unwrap();
    let mut from = 1;
    while from <= entries {
        let to = (from + FILLED_AT_ONCE - 1).min(entries);
        let (first, last) = (i64::try_from(from).unwrap(), i64::try_from(to).unwrap());
        sqlx::query(FILL).bind(first).bind(last).execute(&pool).await.unwrap();
        from = to + 1;
    }
    pool.close().await;
}

/// Callers hold and settle, one call after the other.
async fn measure(store: &Store, clock: &Arc<dyn Clock>) {
    let (done, waited_us) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks = Tasks::new();
    let began = Instant::now();
    for number in 0..CALLERS {
        let (store, clock) = (store.clone(), Arc::clone(clock));
        let (done, waited_us) = (Arc::clone(&done), Arc::clone(&waited_us));
        drop(tasks.spawn(async move {
            while began.elapsed() < MEASURED {
                let asked = Instant::now();
                let ticket = store.ledger().hold(order(&*clock, number)).await.unwrap();
                let waited = u64::try_from(asked.elapsed().as_micros()).unwrap();
                waited_us.fetch_add(waited, Ordering::Relaxed);
                store.ledger().settle(ticket, cost()).await.unwrap().durable().await.unwrap();
                done.fetch_add(2, Ordering::Relaxed);
            }
        }));
    }
    tasks.finished().await;
    let (done, waited_us) = (done.load(Ordering::Relaxed), waited_us.load(Ordering::Relaxed));
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap();
    println!(
        "{} holds and settlements a second, {CALLERS} callers; a hold takes {} us on average",
        done * 1000 / milliseconds,
        waited_us * 2 / done.max(1)
    );
}

fn order(clock: &dyn Clock, number: u64) -> HoldOrder {
    let prod = EnvironmentName::parse("prod").unwrap();
    let payer = Payer {
        environment: prod.clone(),
        key_id: KeyId::parse(&format!("{:012}", number % 16)),
        surface: None,
        day: Zone::UTC.day_of(clock.now()),
    };
    let call = RequestId::generate(clock.now()).unwrap();
    let amount = Money::from_nanos(1_000_000_000_000_000);
    let cap = Cap { scope: Scope::Environment(prod), length: Length::Month, amount };
    HoldOrder { caps: vec![cap], ..HoldOrder::new(call, payer, Money::from_nanos(20_000)) }
}

fn cost() -> Cost {
    let usage = Usage { input_tokens: 100, output_tokens: 50, ..Usage::default() };
    Cost { amount: Money::from_nanos(15_000), usage, marks: Marks::NONE, labels: Labels::default() }
}
