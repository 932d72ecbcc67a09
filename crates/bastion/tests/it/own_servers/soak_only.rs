//! What takes a minute or more, and is shown by `scripts/soak` alone.
//!
//! `scripts/test` leaves out whatever has `soak_only` in its path.

use std::time::Duration;

use super::callers::Callers;
use super::faults::LOOK;
use super::three::{BY_A_LEASE, Three, is_ready};

/// Keys are known for so long without the database.
const KNOWN: Duration = Duration::from_mins(1);

/// What the calls before and behind that take at most, on a machine that is busy elsewhere.
const MARGIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn without_the_database_keys_are_known_for_a_minute_and_then_nobody_is_let_in() {
    let mut three = Three::start().await;
    let key = three.key(&[]).await;
    let clients = [0, 1, 2].map(|node| three.caller(node, &key));
    let callers = Callers::of(&clients, 1);
    three.postgres.die();
    let lost = tokio::time::Instant::now();
    while lost.elapsed() < KNOWN.checked_sub(MARGIN).unwrap() {
        callers.come_to(Some(200), LOOK).await;
    }
    callers.come_to(Some(503), LOOK).await;
    assert!(lost.elapsed() < KNOWN + MARGIN, "{:?}", lost.elapsed());
    for call in callers.last(LOOK) {
        assert_eq!((call.code.as_str(), call.retry_after.as_str()), ("service_unavailable", "1"));
    }
    three.postgres.come();
    for node in &three.nodes {
        is_ready(node, BY_A_LEASE).await;
    }
    callers.come_to(Some(200), LOOK).await;
    let came = callers.stop().await;
    assert!(came.iter().all(|call| matches!(call.status, Some(200 | 503))));
}
