//! Several stores on one PostgreSQL, and a PostgreSQL in bad shape. Where no server is given in
//! `BASTION_TEST_POSTGRES` nothing here is shown: `scripts/with-postgres` gives one.
//!
//! It must never sleep for luck: it waits for what it names, within a limit.

use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::TokioClock;
use bastion_types::{
    ApiKey, Clock, EnvironmentName, KeyProblem, OrganizationName, Secret, ServiceName, Span,
};

use crate::fresh;
use crate::{Migrate, NewKey, Overlap, Place, PostgresPlace, Store, StoreError};

/// What the interface promises: a change counts everywhere within this.
const EVERYWHERE: Duration = Duration::from_secs(1);

/// What a loaded machine may take on top, where it is not the time that is shown.
const LIMIT: Duration = Duration::from_secs(20);

fn clock() -> Arc<dyn Clock> {
    Arc::new(TokioClock::start())
}

fn new_key() -> NewKey {
    NewKey {
        organization: OrganizationName::parse("default").unwrap(),
        environment: EnvironmentName::parse("prod").unwrap(),
        service: ServiceName::parse("worker").unwrap(),
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        bonds: crate::KeyBonds::default(),
    }
}

async fn open(url: &str) -> Result<Store, StoreError> {
    Store::open_at(&fresh::at(url), clock()).await
}

/// Waits until the node answers so for the key; how long that took.
async fn becomes(node: &Store, key: &ApiKey, expect: Result<(), KeyProblem>) -> Duration {
    let began = tokio::time::Instant::now();
    let waiting = async {
        let now = || clock().now().plus(Span::from_secs(1));
        while node.keys().authenticate(key, now()).map(drop) != expect {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, waiting).await;
    assert!(came.is_ok(), "{expect:?} never came");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_key_counts_on_every_node_within_a_second() {
    let Some(url) = fresh::url().await else { return };
    let (one, other) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let (old, _) = one.keys().create(new_key()).await.unwrap();
        slowest = slowest.max(becomes(&other, &old, Ok(())).await);
        let (new, _) = other.keys().rotate(old.id(), Overlap::Now).await.unwrap();
        slowest = slowest.max(becomes(&one, &new, Ok(())).await);
        slowest = slowest.max(becomes(&one, &old, Err(KeyProblem::Revoked)).await);
        one.keys().revoke(old.id()).await.unwrap();
        slowest = slowest.max(becomes(&other, &new, Err(KeyProblem::Revoked)).await);
    }
    println!("the slowest change took {slowest:?}");
    assert!(slowest < EVERYWHERE, "{slowest:?}");
    one.close().await;
    other.close().await;
}

/// Ends when one of the keys opens on both nodes and the other one on neither.
async fn agree(nodes: [&Store; 2], keys: [&ApiKey; 2]) {
    let opens = |node: &Store, key| {
        node.keys().authenticate(key, clock().now().plus(Span::from_secs(1))).is_ok()
    };
    loop {
        let [one, other] = nodes.map(|node| keys.map(|key| opens(node, key)));
        if one == other && one[0] != one[1] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_key_on_two_nodes_come_one_after_another() {
    let Some(url) = fresh::url().await else { return };
    let (one, other) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    let (key, _) = one.keys().create(new_key()).await.unwrap();
    becomes(&other, &key, Ok(())).await;
    for _ in 0..10 {
        let (first, second) = tokio::join!(
            one.keys().rotate(key.id(), Overlap::Now),
            other.keys().rotate(key.id(), Overlap::Now)
        );
        let (first, second) = (first.unwrap().0, second.unwrap().0);
        // One of the two came last and ended the other one, and both nodes agree which.
        tokio::time::timeout(LIMIT, agree([&one, &other], [&first, &second])).await.unwrap();
    }
    one.keys().revoke(key.id()).await.unwrap();
    let again = other.keys().rotate(key.id(), Overlap::Now).await;
    assert!(again.unwrap_err().to_string().contains("is revoked"), "at once, not in a second");
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_take_the_steps_of_the_schema_once() {
    let Some(url) = fresh::url().await else { return };
    let opened = tokio::join!(open(&url), open(&url), open(&url), open(&url));
    for store in [opened.0, opened.1, opened.2, opened.3] {
        store.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_schema_by_hand_is_told_until_it_is_migrated() {
    let Some(url) = fresh::url().await else { return };
    let by_hand = Place::Postgres(PostgresPlace {
        url: Secret::new(url),
        password: None,
        migrate: Migrate::ByHand,
    });
    let told = Store::open_at(&by_hand, clock()).await.unwrap_err();
    assert!(matches!(told, StoreError::Unmigrated { found: 0, .. }), "{told}");
    assert!(told.to_string().contains("run 'bastion store migrate'"), "{told}");
    assert!(by_hand.look().await.unwrap().missing > 0);
    assert!(by_hand.migrate().await.unwrap().missing > 0);
    assert_eq!(by_hand.look().await.unwrap().missing, 0);
    Store::open_at(&by_hand, clock()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_newer_a_changed_and_a_half_schema_are_refused_with_the_way_out() {
    const LATER: &str =
        "INSERT INTO _sqlx_migrations VALUES (999, 'later', now(), TRUE, '\\x00', 0)";
    for (damage, says) in [
        (LATER, "install the version that wrote it"),
        (
            "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 4",
            "is half-migrated: schema step 4",
        ),
        ("DELETE FROM _sqlx_migrations WHERE version = 3", "is half-migrated: schema step 3"),
        ("UPDATE _sqlx_migrations SET checksum = '\\x00'", "is not the one of this bastion"),
    ] {
        let Some(url) = fresh::url().await else { return };
        open(&url).await.unwrap().close().await;
        fresh::administer(&url, damage.to_owned()).await;
        let told = open(&url).await.unwrap_err().to_string();
        assert!(told.contains(says), "{damage}: {told}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_and_no_password_is() {
    let Some(url) = fresh::url().await else { return };
    let (server, database) = url.rsplit_once('/').unwrap();
    let address = server.rsplit_once('@').unwrap().1;
    let check = async |url: String, says: &str| {
        let told = open(&url).await.unwrap_err().to_string();
        assert!(told.contains(says) && !told.contains("hunter2"), "{says}: {told}");
    };
    check(format!("postgres://locked:hunter2@{address}/{database}"), "the database refused").await;
    check(format!("{server}/nowhere"), "does not exist").await;
    check("postgres://me:hunter2@127.0.0.1:1/x".to_owned(), "cannot be reached").await;
    let full = format!(
        "ALTER DATABASE {database} CONNECTION LIMIT 0; \
        CREATE ROLE {database} LOGIN PASSWORD 'hunter2'"
    );
    fresh::administer(&url, full).await;
    check(format!("postgres://{database}:hunter2@{address}/{database}"), "busy").await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told_at_the_start_and_later() {
    let Some(url) = fresh::url().await else { return };
    let database = url.rsplit_once('/').unwrap().1;
    let set = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    let store = open(&url).await.unwrap();
    fresh::administer(&url, set).await;
    let told = open(&url).await.unwrap_err();
    assert!(matches!(told, StoreError::DatabaseReadOnly), "{told}");
    store.close().await;
}

#[tokio::test]
async fn what_reads_a_whole_history_has_no_statements_limit() {
    let Some(url) = fresh::url().await else { return };
    let db = fresh::at(&url).open().await.unwrap().db;
    let long = "SELECT CAST(1 AS BIGINT) AS one FROM pg_sleep(4.5)";
    let asked = || crate::statement::statement(long);
    let (hurried, patient) = tokio::join!(db.rows(asked()), db.rows_patiently(asked()));
    assert!(matches!(hurried, Err(StoreError::Busy)), "{hurried:?}");
    assert_eq!(patient.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_somebody_keeps_ends_in_a_word_and_not_in_a_wait() {
    let Some(url) = fresh::url().await else { return };
    let store = open(&url).await.unwrap();
    let keeper = fresh::at(&url).open().await.unwrap().db;
    let mut kept = keeper.begin().await.unwrap();
    kept.lock(crate::database::Lock::Keys).await.unwrap();
    let told = store.keys().create(new_key()).await.unwrap_err();
    assert!(matches!(told, StoreError::Busy), "{told}");
    drop(kept);
    let freed = async {
        // The server notices in its own time that the keeper is gone.
        while store.keys().create(new_key()).await.is_err() {}
    };
    tokio::time::timeout(LIMIT, freed).await.unwrap();
    store.close().await;
}
