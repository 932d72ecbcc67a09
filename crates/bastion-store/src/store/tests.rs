//! The store in bad places: shared, damaged, newer, full, read-only, killed.
//!
//! It must never depend on who runs the tests: as root, a child runs as nobody.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use bastion_types::{
    AttemptCount, CallRecord, EnvironmentName, KeyId, OrganizationName, RequestId, ServiceName,
    StreamOutcome, Usage,
};

use super::*;
use crate::held_clock::HeldClock;
use crate::{CallFilter, NewKey, Place};

const BATCH: usize = 20;
const NOBODY: u32 = 65534;
/// Set in a child of these tests: the data directory that it opens.
const CHILD_DIR: &str = "STORE_TEST_DIR";

fn new_key() -> NewKey {
    NewKey {
        organization: OrganizationName::parse("default").unwrap(),
        environment: EnvironmentName::parse("prod").unwrap(),
        service: ServiceName::parse("worker").unwrap(),
        expires_at: None,
        rpm: Some(u32::MAX),
        tpm: Some(1 << 40),
        concurrency: Some(3),
        bonds: crate::KeyBonds::default(),
    }
}

fn batch(clock: &HeldClock) -> Vec<CallRecord> {
    let call = |_| CallRecord {
        id: RequestId::generate(clock.now()).unwrap(),
        at: clock.now(),
        environment: EnvironmentName::parse("prod").unwrap(),
        service: ServiceName::parse("worker").unwrap(),
        key_id: KeyId::parse("000000000001").unwrap(),
        surface: None,
        endpoint: "chat_completions".into(),
        model: None,
        upstream: None,
        region: None,
        status: 200,
        code: None,
        attempts: AttemptCount(1),
        stream: StreamOutcome::Whole,
        usage: Usage::default(),
        cost: None,
        attempt_charges: Vec::new(),
        latency_ms: 1,
        first_event_ms: None,
        user: Some("x".repeat(1000)),
        ended_empty: false,
        observed: None,
    };
    (0..BATCH).map(call).collect()
}

async fn run(store: &Store, text: &'static str) {
    store.inner.db.run(statement(text)).await.unwrap();
}

/// Asked on the connection that writes.
async fn number(store: &Store, text: &'static str) -> i64 {
    let mut transaction = store.inner.db.begin().await.unwrap();
    let row = transaction.row(statement(text)).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    row.number("n").unwrap()
}

async fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, HeldClock::new()).await
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_one_closes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { pid: Some(_) }), "{error}");
    store.close().await;
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn who_only_looks_makes_nothing_and_looks_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let absent = Place::DataDirectory(folder.path().join("absent"));
    let told = absent.look().await.unwrap();
    assert!(told.found == 0 && told.missing > 0, "{told:?}");
    assert!(!folder.path().join("absent").exists());
    let store = open(folder.path()).await.unwrap();
    let there = Place::DataDirectory(folder.path().to_owned());
    let told = there.look().await.unwrap();
    assert_eq!((told.found, told.missing), (told.known, 0));
    let refused = there.migrate().await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { pid: Some(_) }), "{refused}");
    store.is_writable().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_says_so_and_can_be_closed_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.is_writable().await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.is_writable().await, Err(StoreError::Closed)));
    assert!(matches!(store.keys().create(new_key()).await, Err(StoreError::Closed)));
    let read = store.calls().recent(CallFilter::default(), 1).await;
    assert!(matches!(read, Err(StoreError::Closed)));
    let wal = folder.path().join("bastion.db-wal");
    assert!(!wal.exists(), "the write-ahead log went into the file");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bastion.db"), "no database ".repeat(1000)).unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.keys().create(new_key()).await.unwrap();
    run(&store, "UPDATE keys SET rpm = -1").await;
    store.close().await;
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("damaged (a limit of a key)"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    run(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'later', TRUE, x'00', 0)",
    )
    .await;
    store.close().await;
    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 999, .. }), "{error}");
    assert!(error.to_string().contains("install the version that wrote it"), "{error}");
}

#[tokio::test]
async fn a_changed_schema_step_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    run(&store, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    store.close().await;
    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::ChangedSchema { version: 1 }), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_told_stores_no_half_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let clock = HeldClock::new();
    let store = Store::open(folder.path(), clock.clone()).await.unwrap();
    // SQLite's own limit stands in for the disk's; the error is the same.
    run(&store, "PRAGMA max_page_count = 40").await;
    let mut stored = 0;
    let error = loop {
        match store.calls().append(&batch(&clock)).await {
            Ok(()) if stored < 1000 => stored += BATCH,
            Ok(()) => panic!("40 pages hold no 1000 calls"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    let calls = number(&store, "SELECT COUNT(*) AS n FROM calls").await;
    assert_eq!(usize::try_from(calls).unwrap(), stored, "whole batches only");
    run(&store, "PRAGMA max_page_count = 4000").await;
    store.calls().append(&batch(&clock)).await.unwrap();
    store.keys().create(new_key()).await.unwrap();
    store.is_writable().await.unwrap();
}

#[tokio::test]
async fn the_writer_is_durable_and_the_readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    assert_eq!(number(&store, "SELECT synchronous AS n FROM pragma_synchronous").await, 2, "FULL");
    assert_eq!(number(&store, "SELECT foreign_keys AS n FROM pragma_foreign_keys").await, 1);
    let wrote = store.inner.db.rows(statement("DELETE FROM keys RETURNING id")).await;
    assert!(matches!(wrote, Err(StoreError::ReadOnly)));
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let clock = HeldClock::new();
    let store = Store::open(folder.path(), clock.clone()).await.unwrap();
    let (key, _) = store.keys().create(new_key()).await.unwrap();
    store.keys().authenticate(&key, clock.now()).unwrap();
    let calls = batch(&clock);
    store.calls().append(&calls).await.unwrap();
    let record = store.keys().get(key.id()).unwrap();
    assert!(record.last_used_at.is_some());
    store.close().await;
    let store = Store::open(folder.path(), clock.clone()).await.unwrap();
    assert_eq!(store.keys().get(key.id()).unwrap(), record, "with its last use");
    store.keys().authenticate(&key, clock.now()).unwrap();
    assert!(store.calls().get(calls[0].id).await.unwrap().is_some());
}

/// This test binary again, running only `test`, with `folder` to open.
fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("store::tests::{test}"), "--nocapture"]);
    command.env(CHILD_DIR, folder).stdout(Stdio::piped());
    command
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

#[test]
fn a_writer_that_is_killed_leaves_the_store_usable() {
    const TEST: &str = "a_writer_that_is_killed_leaves_the_store_usable";
    if let Some(folder) = std::env::var_os(CHILD_DIR) {
        return blocking(write_until_killed(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut writer = child(TEST, folder.path()).spawn().unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = 0;
    for line in lines.filter(|line| line.starts_with("stored")) {
        acknowledged += line.matches("stored").count() * BATCH;
        if acknowledged >= 30 * BATCH {
            break;
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(acknowledged, 30 * BATCH, "the child wrote");
    blocking(async {
        let store = open(folder.path()).await.unwrap();
        let calls = number(&store, "SELECT COUNT(*) AS n FROM calls").await;
        let calls = usize::try_from(calls).unwrap();
        assert!(calls >= acknowledged && calls.is_multiple_of(BATCH), "{calls} calls");
        assert_eq!(number(&store, "SELECT COUNT(*) AS n FROM pragma_integrity_check").await, 1);
        store.is_writable().await.unwrap();
    });
}

async fn write_until_killed(folder: &Path) {
    let clock = HeldClock::new();
    let store = Store::open(folder, clock.clone()).await.unwrap();
    for _ in 0..10_000 {
        store.calls().append(&batch(&clock)).await.unwrap();
        println!("\nstored");
    }
}

/// What a user without rights is told who opens `folder`.
fn told_to_nobody(folder: &Path) -> String {
    let mut command = child("what_cannot_be_written_is_named", folder);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("told: ")).unwrap_or(&said).to_owned()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn own(path: &Path, mode: u32) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_written_is_named() {
    if let Some(folder) = std::env::var_os(CHILD_DIR) {
        let told = blocking(async {
            match open(Path::new(&folder)).await {
                Ok(store) => {
                    store.close().await;
                    "open".to_owned()
                }
                Err(error) => error.to_string(),
            }
        });
        return println!("\ntold: {told}");
    }
    let root = tempfile::tempdir().unwrap();
    own(root.path(), 0o755);
    let folder = root.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    let check = |expect: &str| {
        let told = told_to_nobody(&folder);
        assert!(told.contains(expect), "{told}");
    };

    own(&folder, 0o555);
    check("data/bastion.lock is not writable (Permission denied");
    own(&folder, 0o700);
    check("open");
    let (lock, db) = (folder.join("bastion.lock"), folder.join("bastion.db"));
    own(&db, 0o444);
    check("data/bastion.db is not writable (Permission denied");
    own(&db, 0o600);
    own(&lock, 0o600);
    own(&folder, 0o555);
    check("the database cannot be written; look whether its folder");
    own(&folder, 0o700);
    check("open");
}
