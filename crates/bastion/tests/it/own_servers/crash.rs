//! Gateways of three that are killed with calls running, round after round: what they held is settled
//! and marked by the others, once, and every answered call is charged.
//!
//! It must never charge a call twice, nor leave anything held.

use super::callers::{Callers, Came};
use super::three::Three;
use crate::cost::nanos;
use crate::cost::sqlite_only::crash::rounds;

/// Callers of each gateway.
const CALLERS: usize = 8;

/// Answers of a round before a gateway is killed, and more by the others behind that.
const ANSWERS: usize = 60;

#[tokio::test]
async fn gateways_that_are_killed_in_turn_leave_nothing_uncharged_and_nothing_held() {
    let mut three = Three::start().await;
    let key = three.key_of(0, &[]).await;
    three.know(&key).await;
    three.told(0, &["cap", "set", "--env", "dev", "1000.00"]);
    // Some calls are under way when it dies.
    three.upstream.play("[[answer]]\ndelay_ms = 15\n");
    let mut came: Vec<Came> = Vec::new();
    for round in 0..rounds() {
        let node = usize::try_from(round).unwrap() % 3;
        let clients = [0, 1, 2].map(|node| three.caller(node, &key));
        let callers = Callers::of(&clients, CALLERS);
        answered(&callers, ANSWERS).await;
        three.nodes[node].signal("KILL");
        let by_then = callers.answered();
        answered(&callers, by_then + ANSWERS).await;
        came.extend(callers.stop().await);
        three.again(node);
        three.know(&key).await;
        let verdict = three.operators(0).get("/admin/v1/ledger/verify").await.json();
        assert!(verdict["ok"] == true, "round {round}: {verdict}");
    }
    let entries = three.settled().await;
    let charged = three.charged_once(&came);
    assert_eq!(i64::try_from(charged.len()).unwrap(), entries);
    let answered = came.iter().filter(|call| call.status == Some(200)).count();
    let left = came.iter().filter(|call| call.status.is_none()).count();
    assert_eq!(came.len(), answered + left, "200 or a broken connection, and nothing else");
    // What is charged beyond the answered calls was under way at a death. What a dead gateway held is
    // marked as of unknown outcome: also for an answer that was read before its charge was written.
    let unknown = "SELECT count(*) FROM ledger_entries WHERE marks & 2 <> 0";
    let unknown: usize = three.postgres.ask(unknown).parse().unwrap();
    let most = CALLERS * usize::try_from(rounds()).unwrap();
    assert!(charged.len() - answered <= most, "{} charged, {answered} answered", charged.len());
    assert!((1..=2 * most).contains(&unknown), "{unknown} of unknown outcome");
    println!("{} answered, {} charged, {unknown} of unknown outcome", answered, charged.len());
    let cap = three.operators(1).get("/admin/v1/environments/dev/cap").await.json();
    let month = three.operators(2).get("/admin/v1/spend?by=key").await.json();
    assert_eq!((nanos(&cap["held"]), &cap["spent"]), (0, &month["total"]), "{cap}");
    assert_eq!(month["data"][0]["calls"], entries, "{month}");
}

/// Waits until so many calls have been answered well.
async fn answered(callers: &Callers, count: usize) {
    let ask = async {
        while callers.answered() < count {
            tokio::time::sleep(super::three::LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(super::three::BY_A_LEASE, ask).await.expect("the callers hang");
}
