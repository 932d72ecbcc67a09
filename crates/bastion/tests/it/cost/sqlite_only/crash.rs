//! A process that is killed with calls running: what it held is settled and marked, once.
//!
//! It must never charge an answered call twice, nor leave anything held.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bastion::{Bastion, Key};
use crate::client::{CHAT, Client};
use crate::cost::{Till, capped, clean, nanos};

/// Deaths under load; `BASTION_CRASH_ROUNDS` asks for more.
const ROUNDS: u32 = 3;

/// Callers at the same time.
const CALLERS: u32 = 24;

/// Answers of a round before the process is killed.
const ANSWERS: u64 = 40;

pub(crate) fn rounds() -> u32 {
    std::env::var("BASTION_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

#[tokio::test]
async fn after_every_kill_the_ledger_is_sound_and_answered_calls_are_charged_once() {
    let till = Till::set();
    till.cap("1000");
    let Till { upstream, mut bastion, key } = till;
    let mut answered = 0;
    for round in 0..rounds() {
        // Some calls are under way when it dies.
        upstream.play("[[answer]]\ndelay_ms = 15\n");
        answered += load_until_killed(&bastion, &key).await;
        let folder = bastion.into_folder();
        bastion = Bastion::start(folder, |_| {});
        let entries = swept(&bastion).await;
        let operators = Client::with_text(bastion.operators, &bastion.token());
        let month = operators.get("/admin/v1/spend?by=key").await.json();
        let calls = month["data"][0]["calls"].as_i64().unwrap();
        assert_eq!(calls, entries, "round {round}: one charge a call: {month}");
        // Every answered call is charged; what was under way is charged and marked.
        assert!(calls >= i64::try_from(answered).unwrap(), "round {round}: {answered} of {month}");
        let most = answered + u64::from(CALLERS) * u64::from(round + 1);
        assert!(calls <= i64::try_from(most).unwrap(), "round {round}: {answered} of {month}");
        let cap = operators.get("/admin/v1/environments/dev/cap").await.json();
        assert_eq!(nanos(&cap["held"]), 0, "round {round}: {cap}");
        assert_eq!(cap["spent"], month["total"], "round {round}");
    }
}

/// Callers call until so many have been answered; then the process is killed. How many were.
async fn load_until_killed(bastion: &Bastion, key: &Key) -> u64 {
    let answered = &AtomicU64::new(0);
    let callers = (0..CALLERS).map(|_| async {
        let client = Client::new(bastion.callers, key);
        while let Ok((status, _)) = client.try_chat(CHAT).await {
            assert_eq!(status, 200);
            if answered.fetch_add(1, Ordering::SeqCst) + 1 == ANSWERS {
                bastion.signal("KILL");
            }
        }
    });
    futures_util::future::join_all(callers).await;
    answered.load(Ordering::SeqCst)
}

/// Waits until nothing is held; how many entries there are then.
async fn swept(bastion: &Bastion) -> i64 {
    let operators = Client::with_text(bastion.operators, &bastion.token());
    let find = async {
        loop {
            let verdict = operators.get("/admin/v1/ledger/verify").await.json();
            if verdict["holds_open"] == 0 {
                return verdict["entries"].as_i64().unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let entries = tokio::time::timeout(crate::bastion::LIMIT, find).await.unwrap();
    clean(bastion, entries).await;
    entries
}

#[tokio::test]
async fn what_a_dead_process_held_is_given_back_where_the_file_says_so() {
    let till = Till::with(|config| {
        let config = config.replace("answer = \"2s\"", "answer = \"20s\"");
        capped(&config, "monthly_cap = \"5\"", "[ledger]\nunknown_outcome = \"release\"\n")
    });
    till.upstream.play("[[answer]]\ndelay_ms = 10000\n");
    let Till { upstream, bastion, key } = till;
    let client = Client::new(bastion.callers, &key);
    let killed = async {
        upstream.wait_for(|log| !log.is_empty()).await;
        bastion.signal("KILL");
    };
    let (told, ()) = tokio::join!(client.try_chat(CHAT), killed);
    assert!(told.is_err(), "{told:?}");
    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    clean(&bastion, 1).await;
    let settled = bastion.log.wait_for("a call of a dead process is settled unseen");
    assert!(settled.contains("req_"), "the operator finds the call by it: {settled}");
    let operators = Client::with_text(bastion.operators, &bastion.token());
    let cap = operators.get("/admin/v1/environments/dev/cap").await.json();
    assert_eq!((nanos(&cap["spent"]), nanos(&cap["held"])), (0, 0), "{cap}");
    let month = operators.get("/admin/v1/spend").await.json();
    assert_eq!(month["data"][0]["estimated_calls"], 1, "it is marked: {month}");
}
