//! Runs and sightings through a real database.

use bastion_types::{
    AttemptCount, CallRecord, KeyId, ModelName, RequestId, ServiceName, Span, StreamOutcome,
    UpstreamName, Usage,
};
use serde_json::json;

use super::*;
use crate::calls::CallLog;
use crate::fresh;

/// On whichever database is tested.
async fn database() -> Database {
    fresh::databases().await.pop().unwrap()
}

fn second(number: u64) -> Timestamp {
    Timestamp::from_micros(1_795_435_200_000_000).plus(Span::from_secs(number))
}

fn prod() -> EnvironmentName {
    EnvironmentName::parse("prod").unwrap()
}

fn run(drill: &str, at: u64) -> DrillRun {
    DrillRun {
        id: RunId::generate(second(at)).unwrap(),
        drill: drill.to_owned(),
        environment: prod(),
        started_at: second(at),
        until: second(at + 60),
        ended_at: None,
        outcome: DrillOutcome::Running,
        policy_hash: "abc".to_owned(),
        version: "0.1.0".to_owned(),
        reason: String::new(),
        figures: json!({}),
    }
}

fn ending(outcome: DrillOutcome, at: u64) -> Ending {
    Ending {
        at: second(at),
        outcome,
        reason: "three attempts".to_owned(),
        figures: json!({ "attempts": 3, "waits_ms": [812, 1700] }),
    }
}

#[tokio::test]
async fn a_run_reads_back_as_it_ended_and_ends_once() {
    let evidence = Evidence::new(database().await);
    let begun = run("retry", 1);
    evidence.begin_run(&begun).await.unwrap();
    assert_eq!(evidence.run(begun.id).await.unwrap().unwrap(), begun);
    evidence.end_run(begun.id, &ending(DrillOutcome::Pass, 5)).await.unwrap();
    evidence.end_run(begun.id, &ending(DrillOutcome::Interrupted, 6)).await.unwrap();
    let ended = evidence.run(begun.id).await.unwrap().unwrap();
    assert_eq!((ended.outcome, ended.ended_at), (DrillOutcome::Pass, Some(second(5))));
    assert_eq!(ended.figures["waits_ms"][1], 1700);
    assert_eq!(evidence.run(RunId::generate(second(9)).unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_nobody_can_be_at_is_interrupted() {
    let evidence = Evidence::new(database().await);
    let (old, young) = (run("retry", 1), run("cancel", 50));
    evidence.begin_run(&old).await.unwrap();
    evidence.begin_run(&young).await.unwrap();
    assert_eq!(evidence.interrupt_overdue(second(100)).await.unwrap(), 1);
    let outcome = async |id| evidence.run(id).await.unwrap().unwrap().outcome;
    assert_eq!(outcome(old.id).await, DrillOutcome::Interrupted);
    assert_eq!(outcome(young.id).await, DrillOutcome::Running);
    // Alone on its database, or late enough for the last to be over.
    assert_eq!(evidence.interrupt_at_start(second(200)).await.unwrap(), 1);
    assert_eq!(outcome(young.id).await, DrillOutcome::Interrupted);
}

#[tokio::test]
async fn a_run_that_another_clock_wrote_off_still_ends_as_it_did() {
    let evidence = Evidence::new(database().await);
    let begun = run("retry", 1);
    evidence.begin_run(&begun).await.unwrap();
    assert_eq!(evidence.interrupt_overdue(second(3600)).await.unwrap(), 1);
    evidence.end_run(begun.id, &ending(DrillOutcome::Pass, 5)).await.unwrap();
    let ended = evidence.run(begun.id).await.unwrap().unwrap();
    assert_eq!((ended.outcome, ended.ended_at), (DrillOutcome::Pass, Some(second(5))));
    evidence.end_run(begun.id, &ending(DrillOutcome::Fail, 6)).await.unwrap();
    assert_eq!(evidence.run(begun.id).await.unwrap().unwrap().outcome, DrillOutcome::Pass);
}

#[tokio::test]
async fn the_latest_verdict_of_each_drill_counts_and_a_cut_run_is_none() {
    let evidence = Evidence::new(database().await);
    let outcomes = [
        ("retry", DrillOutcome::Fail),
        ("retry", DrillOutcome::Pass),
        ("retry", DrillOutcome::Interrupted),
        ("cancel", DrillOutcome::Pass),
        ("cancel", DrillOutcome::Fail),
    ];
    for (at, (drill, outcome)) in (1..).zip(outcomes) {
        let begun = run(drill, at);
        evidence.begin_run(&begun).await.unwrap();
        evidence.end_run(begun.id, &ending(outcome, at + 1)).await.unwrap();
    }
    let mut elsewhere = run("retry", 30);
    elsewhere.environment = EnvironmentName::parse("dev").unwrap();
    evidence.begin_run(&elsewhere).await.unwrap();
    let latest = evidence.latest_verdicts(&prod()).await.unwrap();
    let latest: Vec<_> = latest.iter().map(|run| (run.drill.as_str(), run.outcome)).collect();
    assert_eq!(latest, [("cancel", DrillOutcome::Fail), ("retry", DrillOutcome::Pass)]);
    let filter = RunFilter { drill: Some("retry".to_owned()), ..RunFilter::default() };
    let runs = evidence.runs(&filter, 2).await.unwrap();
    assert_eq!(runs[0].id, elsewhere.id);
    let next = RunFilter { before: Some(runs[1].id), environment: Some(prod()), ..filter };
    assert_eq!(evidence.runs(&next, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_sighting_is_kept_once_and_grows_younger_only() {
    let evidence = Evidence::new(database().await);
    let seen = |agent: &str, at: u64| Sighting {
        key_id: KeyId::parse("000000000001").unwrap(),
        agent: agent.to_owned(),
        network: "192.0.2.0/24".to_owned(),
        first_seen_at: second(at),
        last_seen_at: second(at),
    };
    evidence.sight(&[seen("curl", 5), seen("node", 6)]).await.unwrap();
    evidence.sight(&[seen("curl", 9), seen("node", 2)]).await.unwrap();
    let all = evidence.sightings_since(second(0)).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|one| (one.agent.as_str(), one.first_seen_at, one.last_seen_at)).collect();
    assert_eq!(told, [("curl", second(5), second(9)), ("node", second(6), second(6))]);
    assert_eq!(evidence.sightings_since(second(7)).await.unwrap().len(), 1);
    assert_eq!(evidence.delete_before(second(0), second(7)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_key_with_many_sightings_gets_no_new_ones() {
    let evidence = Evidence::new(database().await);
    let seen = |number: usize, at: u64| Sighting {
        key_id: KeyId::parse("000000000001").unwrap(),
        agent: format!("agent-{number:04}"),
        network: "192.0.2.0/24".to_owned(),
        first_seen_at: second(at),
        last_seen_at: second(at),
    };
    assert_eq!(i64::try_from(MAX_SIGHTINGS_OF_KEY).unwrap(), rows::MOST_OF_KEY);
    let many: Vec<Sighting> = (0..MAX_SIGHTINGS_OF_KEY + 9).map(|number| seen(number, 1)).collect();
    evidence.sight(&many).await.unwrap();
    evidence.sight(&[seen(0, 5)]).await.unwrap();
    let all = evidence.sightings_since(second(0)).await.unwrap();
    assert_eq!(all.len(), MAX_SIGHTINGS_OF_KEY);
    assert_eq!((all[0].agent.as_str(), all[0].last_seen_at), ("agent-0000", second(5)));
}

fn call(at: u64, region: Option<&str>) -> CallRecord {
    CallRecord {
        id: RequestId::generate(second(at)).unwrap(),
        at: second(at),
        environment: prod(),
        service: ServiceName::parse("web").unwrap(),
        key_id: KeyId::parse("000000000001").unwrap(),
        surface: None,
        endpoint: "chat_completions".into(),
        model: None,
        upstream: UpstreamName::parse("one").ok(),
        region: region.map(|region| Region::parse(region).unwrap()),
        status: 200,
        code: None,
        attempts: AttemptCount(1),
        stream: StreamOutcome::None,
        usage: Usage::default(),
        cost: None,
        attempt_charges: Vec::new(),
        latency_ms: 1,
        first_event_ms: None,
        user: Some("\"region\":\"US\",\"upstream\":\"x\"".to_owned()),
        ended_empty: false,
        observed: None,
    }
}

#[tokio::test]
async fn calls_are_counted_by_their_own_region_and_not_by_a_callers_words() {
    let db = database().await;
    let (evidence, log) = (Evidence::new(db.clone()), CallLog::new(db));
    let mut unsent = call(8, None);
    unsent.upstream = None;
    let mut dev = call(9, Some("US"));
    dev.environment = EnvironmentName::parse("dev").unwrap();
    let calls = [
        call(1, Some("CA")),
        call(5, Some("CA")),
        call(6, Some("CA-QC")),
        call(7, None),
        unsent,
        dev,
    ];
    log.append(&calls).await.unwrap();
    let regions = ["CA", "CA-QC", "US"].map(|region| Region::parse(region).unwrap());
    let found = evidence.reached(&prod(), second(2), &regions).await.unwrap();
    let by_region: Vec<_> =
        found.by_region.iter().map(|row| (row.region.as_str(), row.calls)).collect();
    assert_eq!((found.reached, by_region), (3, vec![("CA", 1), ("CA-QC", 1)]));
    assert_eq!(found.elsewhere(), 1);
}

/// A call of a use case to a model, with an answer of so many tokens.
fn answered(at: u64, surface: &str, output_tokens: u64) -> CallRecord {
    CallRecord {
        surface: Some(surface.to_owned()),
        model: ModelName::parse("m").ok(),
        usage: Usage { output_tokens, ..Usage::default() },
        ..call(at, None)
    }
}

#[tokio::test]
async fn an_answer_that_ended_empty_counts_whether_or_not_its_usage_was_reported() {
    let db = database().await;
    let (evidence, log) = (Evidence::new(db.clone()), CallLog::new(db));
    let mut estimated = answered(2, "chat", 900);
    (estimated.usage.estimated, estimated.ended_empty) = (true, true);
    let mut silent = answered(3, "chat", 0);
    silent.ended_empty = true;
    let mut reported = answered(4, "chat", 500);
    reported.ended_empty = true;
    log.append(&[answered(1, "chat", 300), estimated, silent, reported]).await.unwrap();
    let newest = evidence.observed(&prod(), second(0)).await.unwrap();
    assert_eq!(newest.read_since, None);
    let [group] = newest.groups.as_slice() else { panic!("{newest:?}") };
    assert_eq!((group.calls, group.ended_empty), (4, 3));
    assert_eq!((group.text.calls, group.text.p99_tokens), (2, 500), "no estimate is observed");
}

#[tokio::test]
async fn where_calls_are_left_unread_it_is_told_since_when_they_were_read() {
    let db = database().await;
    CallLog::new(db.clone())
        .append(&[1, 2, 3, 4].map(|at| answered(at, "chat", at)))
        .await
        .unwrap();
    let read = async |since, most| {
        let newest = observed::observed(&db, &prod(), second(since), most).await.unwrap();
        (newest.groups.iter().map(|group| group.calls).sum::<u64>(), newest.read_since)
    };
    assert_eq!(read(0, 5).await, (4, None));
    assert_eq!(read(0, 3).await, (3, Some(second(2))));
    assert_eq!(read(3, 3).await, (2, None), "what is older was not asked for");
}
