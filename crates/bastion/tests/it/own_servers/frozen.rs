//! A gateway that was frozen in the middle of a call, and wakes when another one has swept its holds.
//!
//! It must never be woken before that has happened.

use std::time::Duration;

use bastion_runtime::Tasks;

use super::three::{BY_A_LEASE, LOOK_AGAIN, Three};
use crate::client::CHAT;
use crate::cost::nanos;

/// The call waits before its next attempt: longer than it takes to freeze its gateway, shorter than a
/// lease.
const LATER: &str = "[[answer]]\ntimes = 1\nstatus = 429\nheaders = { retry-after = \"8\" }\n";

/// From waking to the answer.
const AT_ONCE: Duration = Duration::from_secs(5);

impl Three {
    /// Waits until so much of the cap, `held` or `spent`, is something, or nothing.
    async fn cap_shows(&self, what: &str, something: bool) {
        let ask = async {
            while (nanos(&self.told_of_the_cap().await[what]) > 0) != something {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, ask).await.expect(what);
    }
}

#[tokio::test]
async fn a_gateway_that_wakes_sends_nothing_on_what_another_one_has_swept() {
    let three = Three::with(|config| config.replace("attempts = 1", "attempts = 2")).await;
    let key = three.key_of(0, &[]).await;
    three.know(&key).await;
    three.told(0, &["cap", "set", "--env", "dev", "1000.00"]);
    three.upstream.play(LATER);
    let caller = three.caller(0, &key);
    let call = Tasks::new().spawn(async move { caller.chat(CHAT).await });
    three.upstream.wait_for(|log| log.len() == 1).await;
    three.cap_shows("held", true).await;
    three.nodes[0].signal("STOP");
    three.cap_shows("held", false).await;
    // Its outcome is unknown: it is charged at its bound.
    three.cap_shows("spent", true).await;
    three.nodes[0].signal("CONT");
    let answer = tokio::time::timeout(AT_ONCE, call).await.expect("it hangs").unwrap();
    assert_eq!(answer.refusal(), (429, "rate_limit_exceeded".to_owned()), "{}", answer.text());
    assert_eq!(three.upstream.log.entries().len(), 1, "nothing was sent once more");
    // What it did cost puts its charge right.
    three.cap_shows("spent", false).await;
    assert_eq!(three.settled().await, 2, "the charge and what put it right");
}
