//! Leases: taken, lost, found by others and dealt with once. On PostgreSQL too, where one is given.
//!
//! It must never wait for a lease to run out: the last sign of life is moved back by hand.

use super::*;
use crate::fresh;
use crate::held_clock::HeldClock;
use crate::statement::statement;

const LONG_AGO: &str = "UPDATE nodes SET heartbeat_at_us = heartbeat_at_us - 16000000 \
     WHERE lease = $1";

async fn join(db: &Database) -> Nodes {
    Nodes::join(db.clone(), HeldClock::new()).await.unwrap()
}

/// A node that has been in touch for so long that it may end the leases of others.
async fn join_for_long(db: &Database, clock: &Arc<HeldClock>) -> Nodes {
    let nodes = Nodes::join(db.clone(), Arc::clone(clock) as Arc<dyn Clock>).await.unwrap();
    for _ in 0..3 {
        clock.advance(bastion_types::Span::from_secs(4));
        assert_eq!(nodes.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    }
    nodes
}

/// The database that others share; none where no server was given.
async fn shared() -> Option<Database> {
    let all = fresh::databases().await;
    all.into_iter().find(|db| db.dialect() == Dialect::Postgres)
}

async fn let_lapse(db: &Database, nodes: &Nodes) -> LeaseId {
    let lease = nodes.current();
    db.run(statement(LONG_AGO).bind(lease.as_str())).await.unwrap();
    lease
}

#[tokio::test]
async fn a_node_that_closes_has_ended_and_its_lease_is_dealt_with_once() {
    for db in fresh::databases().await {
        let gone = join(&db).await;
        let lease = gone.current();
        gone.leave().await.unwrap();
        let other = join(&db).await;
        assert_eq!(other.ended_leases().await.unwrap(), std::slice::from_ref(&lease));
        let runs = AtomicU32::new(0);
        let work = async |_: &mut Transaction| {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok(true)
        };
        assert!(other.settle(&lease, work).await.unwrap());
        assert!(!other.settle(&lease, work).await.unwrap(), "once");
        assert!(!other.settle(&other.current(), work).await.unwrap(), "it has not ended");
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let told = other.list().await.unwrap();
        assert_eq!((told[0].this, told[0].epoch, told[0].ended_at), (true, 2, None));
        assert_eq!((told[1].ending, told[1].settled), (Some(LeaseEnding::Closed), true));
    }
}

#[tokio::test]
async fn work_that_fails_leaves_the_lease_to_be_dealt_with() {
    for db in fresh::databases().await {
        let gone = join(&db).await;
        gone.leave().await.unwrap();
        let other = join(&db).await;
        let failing = async |_: &mut Transaction| Err(StoreError::Busy);
        assert!(other.settle(&gone.current(), failing).await.is_err());
        assert!(!other.settle(&gone.current(), async |_| Ok(false)).await.unwrap());
        assert_eq!(other.ended_leases().await.unwrap(), [gone.current()]);
    }
}

#[tokio::test]
async fn whoever_takes_the_file_ends_the_leases_of_those_before() {
    let db = fresh::databases().await.swap_remove(0);
    let killed = join(&db).await;
    let next = join(&db).await;
    let told = next.list().await.unwrap();
    assert_eq!(told[1].ending, Some(LeaseEnding::Replaced));
    assert_eq!(next.ended_leases().await.unwrap(), [killed.current()]);
    assert!(next.lease().is_some());
}

#[tokio::test]
async fn a_node_without_a_sign_of_life_loses_its_lease_and_goes_on_under_a_new_one() {
    let Some(db) = shared().await else { return };
    let other = join_for_long(&db, &HeldClock::new()).await;
    let frozen = join(&db).await;
    assert_eq!(other.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    assert!(other.ended_leases().await.unwrap().is_empty(), "both are alive");
    assert_eq!(other.alive(), 2);
    let lease = let_lapse(&db, &frozen).await;
    assert_eq!(other.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    assert_eq!(other.ended_leases().await.unwrap(), std::slice::from_ref(&lease));
    assert_eq!(frozen.heartbeat(async || Ok(())).await.unwrap(), Beat::Renewed);
    assert_ne!(frozen.current(), lease);
    assert_eq!(frozen.lease(), Some(frozen.current()));
    assert!(other.settle(&lease, async |_| Ok(true)).await.unwrap());
    assert!(!frozen.settle(&lease, async |_| Ok(true)).await.unwrap());
}

#[tokio::test]
async fn a_node_that_is_cut_off_begins_nothing_before_others_can_end_its_lease() {
    let Some(db) = shared().await else { return };
    let clock = HeldClock::new();
    let nodes = Nodes::join(db, clock.clone()).await.unwrap();
    clock.advance(bastion_types::Span::from_secs(11));
    assert!(nodes.lease().is_some());
    clock.advance(bastion_types::Span::from_secs(1));
    assert!(nodes.lease().is_none(), "three seconds before anybody may end it");
    assert_eq!(nodes.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    assert!(nodes.lease().is_some());
}

#[tokio::test]
async fn clocks_an_hour_apart_end_no_lease() {
    let Some(db) = shared().await else { return };
    let (behind, ahead) = (HeldClock::new(), HeldClock::new());
    ahead.advance(bastion_types::Span::from_secs(3600));
    let behind = Nodes::join(db.clone(), behind).await.unwrap();
    let ahead = Nodes::join(db, ahead).await.unwrap();
    for node in [&ahead, &behind, &ahead] {
        assert_eq!(node.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    }
    assert!(ahead.ended_leases().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_ended_lease_is_dealt_with_by_one_of_many() {
    let Some(db) = shared().await else { return };
    let gone = join(&db).await;
    gone.leave().await.unwrap();
    let others = [join(&db).await, join(&db).await, join(&db).await, join(&db).await];
    let lease = gone.current();
    let settled = others.iter().map(|node| node.settle(&lease, async |_| Ok(true)));
    let mut by = 0;
    for one in futures(settled).await {
        by += u32::from(one.unwrap());
    }
    assert_eq!(by, 1);
}

/// All at the same time, on this thread.
async fn futures<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        running.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn who_has_not_looked_is_waited_for_until_its_lease_has_ended() {
    let Some(db) = shared().await else { return };
    let one = join_for_long(&db, &HeldClock::new()).await;
    let other = join(&db).await;
    let now = async || {
        let mut transaction = db.begin().await.unwrap();
        transaction.now_us(&*HeldClock::new()).await.unwrap()
    };
    let since = now().await;
    let waiting = one.all_looked_since(since);
    tokio::pin!(waiting);
    let looked = std::cell::Cell::new(false);
    let look = async || {
        looked.set(true);
        Ok(())
    };
    tokio::select! {
        biased;
        told = &mut waiting => panic!("nobody has looked: {told:?}"),
        beat = other.heartbeat(look) => assert_eq!(beat.unwrap(), Beat::Held),
    }
    assert!(looked.get());
    waiting.await.unwrap();
    // A look that fails is no sign of life.
    let since = now().await;
    let failing = async || Err(StoreError::Busy);
    assert!(other.heartbeat(failing).await.is_err());
    let lapsing = let_lapse(&db, &other).await;
    assert!(rows::has_behind(&db, since, &one.current()).await.unwrap());
    one.heartbeat(async || Ok(())).await.unwrap();
    one.all_looked_since(since).await.unwrap();
    assert_eq!(one.ended_leases().await.unwrap(), [lapsing]);
}

#[tokio::test]
async fn who_was_out_of_touch_itself_gives_the_others_time_for_their_sign() {
    let Some(db) = shared().await else { return };
    let clock = HeldClock::new();
    let one = join_for_long(&db, &clock).await;
    let other = join(&db).await;
    let lapsing = let_lapse(&db, &other).await;
    let beat = async || one.heartbeat(async || Ok(())).await.unwrap();
    clock.advance(bastion_types::Span::from_secs(7));
    assert_eq!(beat().await, Beat::Held);
    assert_eq!(one.ended_leases().await.unwrap(), [], "the database may have been away");
    for more_s in [2, 4, 4] {
        clock.advance(bastion_types::Span::from_secs(more_s));
        assert_eq!(beat().await, Beat::Held);
        assert_eq!(one.ended_leases().await.unwrap(), [], "the others may be in a statement yet");
    }
    clock.advance(bastion_types::Span::from_secs(1));
    assert_eq!(beat().await, Beat::Held);
    assert_eq!(one.ended_leases().await.unwrap(), [lapsing]);
}

#[tokio::test]
async fn who_has_just_begun_ends_nobodys_lease() {
    let Some(db) = shared().await else { return };
    let mute = join(&db).await;
    let one = join(&db).await;
    let_lapse(&db, &mute).await;
    assert_eq!(one.heartbeat(async || Ok(())).await.unwrap(), Beat::Held);
    assert_eq!(one.ended_leases().await.unwrap(), [], "perhaps all of them were mute");
}
