//! How many holds and settlements a second the ledger takes, durably, and whether that changes with
//! its length: `cargo run --release -p bastion-store --example ledger_rate -- PLACE [ENTRIES]`.
//!
//! `PLACE` is an empty folder, or `postgres://…`, an empty database. Every hold and every settlement
//! waits until it is on the disk. It must never be run on a deployment's own data.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement for people, which may fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
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
const FILLED_AT_ONCE: i64 = 100_000;

/// Entries of a year ago, and the sums that they make.
const FILL_SQLITE: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n \
    WHERE i < $2) INSERT INTO ledger_entries SELECT printf('req_0%023d', i), 'charge', i, 1, 0, 0, \
    '2025-01-01', 'prod', '0000000000AA', NULL, 1, 1, '{}', NULL, NULL FROM n";
const FILL_POSTGRES: &str = "INSERT INTO ledger_entries SELECT 'req_0' || lpad(CAST(i AS text), 23, \
    '0'), 'charge', i, 1, 0, 0, '2025-01-01', 'prod', '0000000000AA', NULL, 1, 1, '{}', NULL, NULL \
    FROM generate_series($1, $2) AS n(i)";
const SUM: &str = "INSERT INTO ledger_accounts VALUES ('env/prod/2025-01-01', 0, $1, 0), \
    ('env/prod/2025-01', 0, $1, 0), ('key/0000000000AA/2025-01-01', 0, $1, 0), \
    ('key/0000000000AA/2025-01', 0, $1, 0)";

/// Does a cap limit the calls? Without one nothing is set aside, and a call is counted at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capped {
    Yes,
    No,
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap();
    let entries: i64 = arguments.next().map_or(0, |text| text.parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let place = if place.starts_with("postgres://") {
        let url = Secret::new(place.clone());
        Store::open_at(&postgres(&url), Arc::clone(&clock)).await.unwrap().close().await;
        fill_postgres(&place, entries).await;
        postgres(&url)
    } else {
        Store::open(&PathBuf::from(&place), Arc::clone(&clock)).await.unwrap().close().await;
        fill_sqlite(&PathBuf::from(&place), entries);
        Place::DataDirectory(PathBuf::from(place))
    };
    let store = Store::open_at(&place, Arc::clone(&clock)).await.unwrap();
    measure(&store, &clock, Capped::Yes).await;
    measure(&store, &clock, Capped::No).await;
    let began = Instant::now();
    let verdict = store.ledger().verify().await.unwrap();
    println!(
        "verify: {}, {} entries, {} holds open, {} ms",
        verdict.ok,
        verdict.entries,
        verdict.holds_open,
        began.elapsed().as_millis()
    );
    store.close().await;
}

fn postgres(url: &Secret) -> Place {
    let url = url.clone();
    Place::Postgres(PostgresPlace { url, password: None, migrate: Migrate::AtStart })
}

/// First and last of each transaction that fills the ledger.
fn portions(entries: i64) -> impl Iterator<Item = (i64, i64)> {
    let first = |portion: i64| portion * FILLED_AT_ONCE + 1;
    let portions = (entries + FILLED_AT_ONCE - 1) / FILLED_AT_ONCE;
    (0..portions).map(move |portion| (first(portion), entries.min(first(portion + 1) - 1)))
}

fn fill_sqlite(folder: &Path, entries: i64) {
    let file = rusqlite::Connection::open(folder.join("bastion.db")).unwrap();
    for (first, last) in portions(entries) {
        file.execute(FILL_SQLITE, [first, last]).unwrap();
    }
    file.execute(SUM, [entries]).unwrap();
}

async fn fill_postgres(url: &str, entries: i64) {
    let pool = sqlx::postgres::PgPool::connect(url).await.unwrap();
    for (first, last) in portions(entries) {
        sqlx::query(FILL_POSTGRES).bind(first).bind(last).execute(&pool).await.unwrap();
    }
    sqlx::query(SUM).bind(entries).execute(&pool).await.unwrap();
    sqlx::query("ANALYZE").execute(&pool).await.unwrap();
    let settings = "SELECT string_agg(name || '=' || setting, ' ') FROM pg_settings WHERE name IN \
        ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')";
    let settings: String = sqlx::query_scalar(settings).fetch_one(&pool).await.unwrap();
    println!("{settings}");
    pool.close().await;
}

/// Callers hold and settle, one call after the other.
async fn measure(store: &Store, clock: &Arc<dyn Clock>, capped: Capped) {
    let tasks = Tasks::new();
    let (began, spent_ns) = (Instant::now(), cpu_ns());
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (store, clock) = (store.clone(), Arc::clone(clock));
            tasks.spawn(async move { call_on(&store, &*clock, (number, began, capped)).await })
        })
        .collect();
    let mut waits_us = Vec::new();
    for caller in callers {
        waits_us.extend(caller.await.unwrap());
    }
    let cpu_us = (cpu_ns() - spent_ns) / 1000;
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap();
    let calls = u64::try_from(waits_us.len()).unwrap();
    waits_us.sort_unstable();
    let at = |part: usize| waits_us[waits_us.len() * part / 100];
    println!(
        "capped {capped:?}: {} holds and settlements a second, {CALLERS} callers; a hold takes p50 {} \
         us, p99 {} us; this process's processor time {} us a call",
        2 * calls * 1000 / milliseconds,
        at(50),
        at(99),
        cpu_us / calls.max(1)
    );
}

/// How long each hold took, in microseconds.
async fn call_on(
    store: &Store,
    clock: &dyn Clock,
    (number, began, capped): (u64, Instant, Capped),
) -> Vec<u64> {
    let mut waits_us = Vec::new();
    while began.elapsed() < MEASURED {
        let asked = Instant::now();
        let ticket = store.ledger().hold(order(clock, number, capped)).await.unwrap();
        waits_us.push(u64::try_from(asked.elapsed().as_micros()).unwrap());
        store.ledger().settle(ticket, cost()).await.unwrap().durable().await.unwrap();
    }
    waits_us
}

/// The processor time of this process's threads, from the kernel's count.
fn cpu_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let counts = threads.map(|thread| thread.unwrap().path().join("schedstat"));
    let texts = counts.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn order(clock: &dyn Clock, number: u64, capped: Capped) -> HoldOrder {
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
    let caps = if capped == Capped::Yes { vec![cap] } else { Vec::new() };
    HoldOrder { caps, ..HoldOrder::new(call, payer, Money::from_nanos(20_000)) }
}

fn cost() -> Cost {
    let usage = Usage { input_tokens: 100, output_tokens: 50, ..Usage::default() };
    Cost { amount: Money::from_nanos(15_000), usage, marks: Marks::NONE, labels: Labels::default() }
}
