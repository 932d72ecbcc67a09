//! Keys through their whole life: made, used, rotated, revoked, listed, read again.
//!
//! It must never sleep: time is held and moved by hand.

use std::task::{Context, Waker};

use bastion_types::{EnvironmentName, OrganizationName, ServiceName, Span};
use tokio::task::JoinSet;

use super::*;
use crate::held_clock::HeldClock;
use crate::statement::statement;
use crate::{Store, fresh};

const HOUR: Span = Span::from_secs(3600);

fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).unwrap()
}

fn new_key(environment_name: &str, service: &str) -> NewKey {
    NewKey {
        organization: OrganizationName::parse("default").unwrap(),
        environment: environment(environment_name),
        service: ServiceName::parse(service).unwrap(),
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        bonds: KeyBonds::default(),
    }
}

async fn in_memory() -> (KeyDirectory, Arc<HeldClock>) {
    let clock = HeldClock::new();
    let store = fresh::store(clock.clone()).await;
    (store.keys().clone(), clock)
}

/// As a caller sends it: read from text.
fn sent(key: &ApiKey) -> ApiKey {
    ApiKey::parse(key.reveal()).unwrap()
}

#[tokio::test]
async fn a_key_that_nobody_made_is_unknown() {
    let (keys, clock) = in_memory().await;
    let stranger = ApiKey::generate(&environment("prod")).unwrap();
    assert_eq!(keys.authenticate(&stranger, clock.now()).unwrap_err(), KeyProblem::Unknown);
    let (key, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    let guessed = ApiKey::generate_for(&environment("prod"), key.id()).unwrap();
    assert_eq!(keys.authenticate(&guessed, clock.now()).unwrap_err(), KeyProblem::Unknown);
    assert!(keys.get(key.id()).unwrap().last_used_at.is_none(), "a guess is no use");
}

#[tokio::test]
async fn a_key_whose_environment_was_changed_is_unknown_even_when_revoked() {
    let (keys, clock) = in_memory().await;
    let (key, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    let moved = ApiKey::generate_for(&environment("dev"), key.id()).unwrap();
    keys.revoke(key.id()).await.unwrap();
    assert_eq!(keys.authenticate(&moved, clock.now()).unwrap_err(), KeyProblem::Unknown);
}

#[tokio::test]
async fn a_key_opens_until_it_expires() {
    let (keys, clock) = in_memory().await;
    let until = clock.now().plus(HOUR);
    let new = NewKey { expires_at: Some(until), rpm: Some(60), ..new_key("prod", "worker") };
    let (key, record) = keys.create(new).await.unwrap();
    assert_eq!((record.id, record.expires_at, record.rpm), (key.id(), Some(until), Some(60)));
    let entry = keys.authenticate(&sent(&key), clock.now()).unwrap();
    assert_eq!((entry.id, entry.service.as_str(), entry.rpm), (key.id(), "worker", Some(60)));
    clock.advance(HOUR);
    assert_eq!(keys.authenticate(&sent(&key), clock.now()).unwrap_err(), KeyProblem::Expired);
    let error = keys.rotate(key.id(), Overlap::Now).await.unwrap_err();
    assert!(matches!(error, KeyError::Expired { .. }));
}

#[tokio::test]
async fn a_revocation_is_seen_by_the_next_call() {
    let (keys, clock) = in_memory().await;
    let (key, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    keys.authenticate(&key, clock.now()).unwrap();
    let record = keys.revoke(key.id()).await.unwrap();
    assert_eq!(record.revoked_at, Some(clock.now()));
    assert_eq!(keys.authenticate(&key, clock.now()).unwrap_err(), KeyProblem::Revoked);
    clock.advance(HOUR);
    assert_eq!(keys.revoke(key.id()).await.unwrap().revoked_at, record.revoked_at);
    let error = keys.rotate(key.id(), Overlap::Now).await.unwrap_err();
    assert!(matches!(error, KeyError::Revoked { .. }));
}

#[tokio::test]
async fn what_does_not_exist_is_neither_revoked_nor_rotated() {
    let (keys, _) = in_memory().await;
    let id = KeyId::parse("000000000000").unwrap();
    assert!(matches!(keys.revoke(id).await, Err(KeyError::Unknown { .. })));
    assert!(matches!(keys.rotate(id, Overlap::Now).await, Err(KeyError::Unknown { .. })));
    assert!(keys.get(id).is_none());
}

#[tokio::test]
async fn both_secrets_open_during_the_overlap_and_only_the_new_one_after_it() {
    let (keys, clock) = in_memory().await;
    let (old, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    let (new, record) = keys.rotate(old.id(), Overlap::For(HOUR)).await.unwrap();
    assert_eq!((new.id(), record.secrets.len()), (old.id(), 2));
    keys.authenticate(&old, clock.now()).unwrap();
    keys.authenticate(&new, clock.now()).unwrap();
    clock.advance(HOUR);
    assert_eq!(keys.authenticate(&old, clock.now()).unwrap_err(), KeyProblem::Revoked);
    keys.authenticate(&new, clock.now()).unwrap();
    let (newest, _) = keys.rotate(old.id(), Overlap::Now).await.unwrap();
    assert_eq!(keys.authenticate(&new, clock.now()).unwrap_err(), KeyProblem::Revoked);
    keys.authenticate(&newest, clock.now()).unwrap();
}

#[tokio::test]
async fn a_fifth_live_secret_is_refused_and_nothing_changes() {
    let (keys, clock) = in_memory().await;
    let (first, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    for _ in 1..MAX_LIVE_SECRETS {
        keys.rotate(first.id(), Overlap::For(HOUR)).await.unwrap();
    }
    let error = keys.rotate(first.id(), Overlap::For(HOUR)).await.unwrap_err();
    assert!(matches!(error, KeyError::TooManySecrets { max: 4, .. }), "{error}");
    keys.authenticate(&first, clock.now()).unwrap();
    assert_eq!(keys.get(first.id()).unwrap().secrets.len(), 4);
}

#[tokio::test]
async fn a_record_shows_neither_secret_nor_hash() {
    let (keys, _) = in_memory().await;
    let (key, record) = keys.create(new_key("prod", "worker")).await.unwrap();
    let shown = serde_json::to_value(&record).unwrap();
    let names: Vec<_> = shown["secrets"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["created_at", "ends_at"]);
    assert!(!shown.to_string().contains(&key.reveal()[22..]));
    let entry = keys.inner.entries.load().get(&key.id()).cloned().unwrap();
    assert!(format!("{entry:?}").contains("hash: HashedKey,"));
}

#[tokio::test]
async fn a_change_ends_even_if_its_caller_goes_away() {
    let (keys, clock) = in_memory().await;
    let (key, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    let mut revoke = Box::pin(keys.revoke(key.id()));
    let begun = revoke.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(begun.is_pending());
    drop(revoke);
    keys.tasks.finished().await;
    assert_eq!(keys.authenticate(&key, clock.now()).unwrap_err(), KeyProblem::Revoked);
    let stored = rows::load(&keys.inner.db).await.unwrap();
    assert!(stored[&key.id()].revoked_at.is_some());
}

#[tokio::test]
async fn last_uses_are_written_once_and_only_when_they_changed() {
    let (keys, clock) = in_memory().await;
    let (used, _) = keys.create(new_key("prod", "worker")).await.unwrap();
    keys.create(new_key("prod", "idle")).await.unwrap();
    assert_eq!(keys.flush_last_use().await.unwrap(), 0);
    keys.authenticate(&used, clock.now()).unwrap();
    let used_at = Some(clock.now());
    assert_eq!(keys.get(used.id()).unwrap().last_used_at, used_at);
    assert_eq!(keys.flush_last_use().await.unwrap(), 1);
    assert_eq!(keys.flush_last_use().await.unwrap(), 0);
    let stored = rows::load(&keys.inner.db).await.unwrap();
    assert_eq!(stored[&used.id()].record().last_used_at, used_at);
    keys.rotate(used.id(), Overlap::Now).await.unwrap();
    assert_eq!(keys.get(used.id()).unwrap().last_used_at, used_at, "a rotation keeps it");
}

#[tokio::test]
async fn a_list_is_paged_oldest_first() {
    let (keys, clock) = in_memory().await;
    let mut made = Vec::new();
    for number in 0..7 {
        let place = if number < 5 { "prod" } else { "dev" };
        made.push(keys.create(new_key(place, "worker")).await.unwrap().1.id);
        // Two keys share each moment, so that the id decides between them.
        if number % 2 == 1 {
            clock.advance(HOUR);
        }
    }
    keys.revoke(made[2]).await.unwrap();
    let shown = KeyFilter { include_revoked: RevokedKeys::Shown, ..KeyFilter::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..4 {
        let page = keys.list(shown.clone(), Page { after, limit: 2 });
        seen.extend(page.data.iter().map(|key| (key.created_at, key.id)));
        after = page.next.and_then(|id| KeyId::parse(&id));
    }
    assert!(after.is_none(), "seven keys are four pages of two");
    assert!(seen.is_sorted());
    made.sort_unstable();
    let mut ids: Vec<_> = seen.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    assert_eq!(ids, made);

    let prod = KeyFilter { environment: Some(environment("prod")), ..KeyFilter::default() };
    assert_eq!(keys.list(prod, Page { after: None, limit: 0 }).data.len(), 1);
    let all = |filter| keys.list(filter, Page { after: None, limit: u32::MAX }).data.len();
    assert_eq!(all(KeyFilter::default()), 6);
    let nobody = ServiceName::parse("nobody").unwrap();
    assert_eq!(all(KeyFilter { service: Some(nobody), ..shown.clone() }), 0);
    let unknown = KeyId::parse("zzzzzzzzzzzz");
    assert_eq!(keys.list(shown, Page { after: unknown, limit: 9 }).data.len(), 0);
}

#[tokio::test]
async fn no_more_keys_than_the_limit_are_made() {
    const FILL: &str = "WITH RECURSIVE number (n) AS \
         (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000) \
         INSERT INTO keys (id, organization, environment, service, created_at_us) \
         SELECT substr('00000000000' || CAST(n AS TEXT), length(CAST(n AS TEXT))), 'default', 'prod', 'worker', n FROM number";
    let clock = HeldClock::new();
    let store = fresh::store(clock.clone()).await;
    let db = store.keys().inner.db.clone();
    db.run(statement(FILL)).await.unwrap();
    let keys = KeyDirectory::load(db, clock, Tasks::new()).await.unwrap();
    let error = keys.create(new_key("prod", "worker")).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyKeys { max: MAX_KEYS }));
    let page = keys.list(KeyFilter::default(), Page { after: None, limit: u32::MAX });
    assert_eq!((page.data.len(), page.next.as_deref()), (200, Some("000000000200")));
}

async fn live_and_die(keys: &KeyDirectory, clock: &HeldClock, rounds: usize) {
    for _ in 0..rounds {
        let (old, _) = keys.create(new_key("prod", "worker")).await.unwrap();
        keys.authenticate(&old, clock.now()).unwrap();
        let (new, _) = keys.rotate(old.id(), Overlap::Now).await.unwrap();
        assert_eq!(keys.authenticate(&old, clock.now()).unwrap_err(), KeyProblem::Revoked);
        keys.authenticate(&new, clock.now()).unwrap();
        keys.flush_last_use().await.unwrap();
        keys.revoke(old.id()).await.unwrap();
        assert_eq!(keys.authenticate(&new, clock.now()).unwrap_err(), KeyProblem::Revoked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_changed_and_used_at_the_same_time() {
    const TASKS: usize = 8;
    const ROUNDS: usize = 15;
    let folder = tempfile::tempdir().unwrap();
    let clock = HeldClock::new();
    let store = Store::open(folder.path(), clock.clone()).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (keys, clock) = (store.keys().clone(), clock.clone());
        tasks.spawn(async move { live_and_die(&keys, &clock, ROUNDS).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let everything = |keys: &KeyDirectory| -> Vec<KeyRecord> {
        let filter = KeyFilter { include_revoked: RevokedKeys::Shown, ..KeyFilter::default() };
        keys.list(filter, Page { after: None, limit: MAX_PAGE }).data
    };
    let before = everything(store.keys());
    assert_eq!(before.len(), TASKS * ROUNDS, "no change overwrote another one");
    assert!(before.iter().all(|key| key.revoked_at.is_some() && key.secrets.len() == 2));
    store.close().await;
    let store = Store::open(folder.path(), clock).await.unwrap();
    for (mut was, mut is) in before.into_iter().zip(everything(store.keys())) {
        // Both secrets were made at the same moment, so that their order is free.
        was.secrets.sort_by_key(|secret| secret.ends_at);
        is.secrets.sort_by_key(|secret| secret.ends_at);
        assert_eq!(was, is);
    }
}
