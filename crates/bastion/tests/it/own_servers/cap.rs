//! A cap over three gateways: callers at every one of them, and never a nano-unit above it.
//!
//! A test here must work out how many calls fit, not only that too many did not.

use bastion_types::Money;

use super::three::Three;
use crate::bastion::Key;
use crate::client::{Answer, CHAT, Client};
use crate::cost::{nanos, price_of};

/// Callers, spread over the gateways.
const CALLERS: usize = 200;

/// What fits.
const WORTH: i64 = 50;

/// The amounts in a refusal of the cap: the cap, what is spent of it, what the call may cost.
fn amounts(refused: &Answer) -> [i64; 3] {
    assert_eq!(refused.refusal(), (402, "cap_exceeded".to_owned()), "{}", refused.text());
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    let behind = |words: &str| {
        let (_, rest) = message.split_once(words).unwrap_or_else(|| panic!("{words}: {message}"));
        Money::parse(rest.split(' ').next().unwrap()).unwrap().nanos()
    };
    [behind("'dev' of "), behind("spent up to "), behind("may cost ")]
}

/// What each of these calls costs, and what is set aside for it: both always the same.
async fn prices(three: &Three, key: &Key) -> (i64, i64) {
    let answer = three.caller(0, key).chat(CHAT).await;
    let cost = price_of(&three.record(answer.header("x-request-id")).await);
    three.cap("0.000000001");
    let [_, _, bound] = amounts(&three.caller(0, key).chat(CHAT).await);
    (cost, bound)
}

impl Three {
    fn cap(&self, amount: &str) {
        let shown = self.told(0, &["cap", "set", "--env", "dev", amount]);
        assert_eq!(shown["environment"], "dev", "{shown}");
    }
}

/// Calls until it is let through or refused for good.
async fn insists(client: Client, bound: i64) -> bool {
    loop {
        let answer = client.chat(CHAT).await;
        match answer.status {
            200 => return true,
            // Reserved by running calls, of whichever gateway.
            429 => assert_eq!(answer.header("retry-after"), "1", "{}", answer.text()),
            _ => {
                let [cap, spent, asked] = amounts(&answer);
                assert_eq!(asked, bound);
                assert!(spent + asked > cap, "a false one: {}", answer.text());
                return false;
            }
        }
    }
}

#[tokio::test]
async fn two_hundred_callers_of_three_gateways_never_pass_a_cap_worth_fifty_calls() {
    is_never_passed(&Three::start().await).await;
}

/// Everybody calls until the cap lets nothing more through; what was let through is exactly what fits.
pub(super) async fn is_never_passed(three: &Three) {
    let key = three.key_of(0, &[]).await;
    three.know(&key).await;
    let (cost, bound) = prices(three, &key).await;
    // One is spent; what the last one may cost is more than it does cost.
    let cap = (WORTH - 1) * cost + bound;
    three.cap(&Money::from_nanos(cap).to_string());
    let callers = (0..CALLERS).map(|n| insists(three.caller(n % 3, &key), bound));
    let all = futures_util::future::join_all(callers);
    let ended = std::cell::Cell::new(false);
    let watch = async {
        while !ended.get() {
            let now = three.told_of_the_cap().await;
            let (spent, held) = (nanos(&now["spent"]), nanos(&now["held"]));
            assert!(spent + held <= cap, "above the cap by {}: {now}", spent + held - cap);
        }
    };
    let calls = async {
        let let_through = all.await.into_iter().filter(|passed| *passed).count();
        ended.set(true);
        i64::try_from(let_through).unwrap()
    };
    let (let_through, ()) = tokio::join!(calls, watch);
    assert_eq!(let_through, WORTH - 1, "every call that fits, and no other one");
    assert_eq!(three.settled().await, WORTH, "one entry a call");
    let now = three.told_of_the_cap().await;
    assert_eq!((nanos(&now["spent"]), nanos(&now["held"])), (WORTH * cost, 0), "{now}");
    let sent = i64::try_from(three.upstream.log.entries().len()).unwrap();
    assert_eq!(sent, WORTH, "nothing is sent without a hold");
}

impl Three {
    pub(super) async fn told_of_the_cap(&self) -> serde_json::Value {
        self.operators(1).get("/admin/v1/environments/dev/cap").await.json()
    }
}

#[tokio::test]
async fn the_first_cap_of_all_counts_on_every_gateway_from_the_next_call_on() {
    let three = Three::start().await;
    let key = three.key(&[]).await;
    three.cap("0.000000001");
    // The command has ended: the next call counts, wherever it comes.
    let sent = three.upstream.log.entries().len();
    for node in 0..3 {
        amounts(&three.caller(node, &key).chat(CHAT).await);
    }
    assert_eq!(three.upstream.log.entries().len(), sent, "nothing is sent");
    three.told(2, &["cap", "set", "--env", "dev", "5.00"]);
    for node in 0..3 {
        // What the cap is stands in the ledger, which every call that is limited reads.
        assert_eq!(three.caller(node, &key).chat(CHAT).await.status, 200);
    }
}
