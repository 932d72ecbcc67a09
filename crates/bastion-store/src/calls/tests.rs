//! Calls: everything in a record comes back, in the right order, and leaves when its time is over.
//!
//! It must never sleep: times are given.

use std::borrow::Cow;

use bastion_types::{
    AttemptCharge, AttemptCount, EnvironmentName, KeyId, ModelName, Money, Region, ServiceName,
    Span, StreamOutcome, UpstreamName, Usage,
};

use super::*;
use crate::database::Dialect;
use crate::fresh;
use crate::held_clock::HeldClock;
use crate::statement::{Cached, made_statement};

const START_US: i64 = 1_795_435_200_000_000;

async fn log() -> CallLog {
    fresh::store(HeldClock::new()).await.calls().clone()
}

fn second(number: u32) -> Timestamp {
    Timestamp::from_micros(START_US + i64::from(number) * 1_000_000)
}

/// A call with nothing that need not be there.
fn call(number: u32) -> CallRecord {
    CallRecord {
        id: RequestId::generate(second(number)).unwrap(),
        at: second(number),
        environment: EnvironmentName::parse("prod").unwrap(),
        service: ServiceName::parse("worker").unwrap(),
        key_id: KeyId::parse("000000000001").unwrap(),
        surface: None,
        endpoint: Cow::Borrowed("chat_completions"),
        model: None,
        upstream: None,
        region: None,
        status: 200,
        code: None,
        attempts: AttemptCount(0),
        stream: StreamOutcome::None,
        usage: Usage::default(),
        cost: None,
        attempt_charges: Vec::new(),
        latency_ms: 0,
        first_event_ms: None,
        user: None,
        ended_empty: false,
        observed: None,
    }
}

/// A call with all that can be there.
fn full_call(number: u32) -> CallRecord {
    CallRecord {
        surface: Some("support-chat".to_owned()),
        model: ModelName::parse("org/model-1:free").ok(),
        upstream: UpstreamName::parse("bastion").ok(),
        region: Region::parse("CA-QC").ok(),
        status: u16::MAX,
        code: Some(Cow::Borrowed("stream_interrupted")),
        attempts: AttemptCount(u32::MAX),
        stream: StreamOutcome::Interrupted,
        usage: Usage {
            input_tokens: 1,
            cached_input_tokens: 2,
            cache_write_tokens: 6,
            output_tokens: 3,
            reasoning_tokens: i64::MAX as u64,
            images: 4,
            audio_ms: 5,
            characters: u64::MAX,
            stated_cost: Some(Money::from_nanos(140_000)),
            estimated: true,
        },
        cost: Some(Money::from_nanos(1)),
        attempt_charges: vec![AttemptCharge {
            upstream: UpstreamName::parse("bastion").unwrap(),
            cost: Money::from_nanos(7),
            estimated: true,
        }],
        latency_ms: 60_000,
        first_event_ms: Some(321),
        user: Some("u-1 'é'; DROP TABLE calls; --\u{1F600}\n".to_owned()),
        ended_empty: false,
        observed: None,
        ..call(number)
    }
}

fn text(call: &CallRecord) -> String {
    format!("{call:?}")
}

#[tokio::test]
async fn everything_in_a_record_comes_back() {
    let log = log().await;
    assert!(log.get(call(1).id).await.unwrap().is_none());
    for stored in [call(1), full_call(2)] {
        log.append(std::slice::from_ref(&stored)).await.unwrap();
        assert_eq!(text(&log.get(stored.id).await.unwrap().unwrap()), text(&stored));
    }
}

#[tokio::test]
async fn a_batch_that_is_given_twice_is_stored_once() {
    let log = log().await;
    let batch = [call(1), call(2)];
    log.append(&[]).await.unwrap();
    log.append(&batch).await.unwrap();
    log.append(&batch).await.unwrap();
    assert_eq!(log.recent(CallFilter::default(), 200).await.unwrap().len(), 2);
}

#[tokio::test]
async fn recent_calls_come_newest_first_and_by_pages() {
    let log = log().await;
    let batch: Vec<_> = (0..250).map(call).collect();
    log.append(&batch).await.unwrap();
    let page = log.recent(CallFilter::default(), u32::MAX).await.unwrap();
    assert_eq!(page.len(), 200);
    let ids: Vec<_> = page.iter().map(|call| call.id).collect();
    assert!(ids.iter().rev().is_sorted());
    assert_eq!(ids[0], batch[249].id);
    let next = CallFilter { before: ids.last().copied(), ..CallFilter::default() };
    let page = log.recent(next, 200).await.unwrap();
    assert_eq!((page.len(), page[0].id), (50, batch[49].id));
    assert!(log.recent(CallFilter::default(), 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn filters_leave_out_what_does_not_fit() {
    let log = log().await;
    let mut batch: Vec<_> = (0..4).map(call).collect();
    batch[1].environment = EnvironmentName::parse("dev").unwrap();
    batch[2].key_id = KeyId::parse("000000000002").unwrap();
    batch[2].status = 302;
    batch[3].status = 429;
    log.append(&batch).await.unwrap();
    let check = async |filter: CallFilter, expect: &[usize]| {
        let got = log.recent(filter, 10).await.unwrap();
        let got: Vec<_> = got.iter().map(|call| call.id).collect();
        let expect: Vec<_> = expect.iter().map(|at| batch[*at].id).collect();
        assert_eq!(got, expect);
    };
    let all = CallFilter::default;
    let prod = EnvironmentName::parse("prod").ok();
    let key = KeyId::parse("000000000001");
    check(all(), &[3, 2, 1, 0]).await;
    check(CallFilter { environment: prod.clone(), ..all() }, &[3, 2, 0]).await;
    check(CallFilter { key_id: key, ..all() }, &[3, 1, 0]).await;
    check(CallFilter { key_id: key, environment: prod.clone(), ..all() }, &[3, 0]).await;
    check(CallFilter { status_at_least: Some(300), ..all() }, &[3, 2]).await;
    check(CallFilter { status_at_least: Some(400), ..all() }, &[3]).await;
    check(CallFilter { status_at_least: Some(430), environment: prod, ..all() }, &[]).await;
    check(CallFilter { status_at_least: Some(400), key_id: key, ..all() }, &[3]).await;
    let before = Some(batch[3].id);
    check(CallFilter { before, status_at_least: Some(400), ..all() }, &[]).await;
}

#[tokio::test]
async fn retention_deletes_the_oldest_a_few_at_a_time() {
    let log = log().await;
    log.append(&(0..10).map(call).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(log.delete_before(second(0), 100).await.unwrap(), 0);
    assert_eq!(log.delete_before(second(7), 5).await.unwrap(), 5);
    assert_eq!(log.delete_before(second(7), 5).await.unwrap(), 2);
    let left = log.recent(CallFilter::default(), 100).await.unwrap();
    let left: Vec<_> = left.iter().map(|call| call.at).collect();
    assert_eq!(left, [second(9), second(8), second(7)]);
    let far = second(9).plus(Span::from_secs(1));
    assert_eq!(log.delete_before(far, u32::MAX).await.unwrap(), 3);
}

#[tokio::test]
async fn a_batch_of_which_one_is_refused_leaves_nothing() {
    for db in fresh::databases().await {
        let refuse = match db.dialect() {
            Dialect::Sqlite => {
                "CREATE TRIGGER refused BEFORE INSERT ON calls WHEN NEW.status = 299 \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            }
            Dialect::Postgres => "ALTER TABLE calls ADD CONSTRAINT refused CHECK (status <> 299)",
        };
        db.run(made_statement(refuse.to_owned(), Cached::No)).await.unwrap();
        let log = CallLog::new(db);
        let mut batch: Vec<_> = (0..40).map(call).collect();
        batch[20].status = 299;
        assert!(matches!(log.append(&batch).await, Err(StoreError::RowRefused { .. })));
        assert!(log.recent(CallFilter::default(), 200).await.unwrap().is_empty());
        batch[20].status = 200;
        log.append(&batch).await.unwrap();
        log.append(&batch).await.unwrap();
        assert_eq!(log.recent(CallFilter::default(), 200).await.unwrap().len(), 40);
    }
}
