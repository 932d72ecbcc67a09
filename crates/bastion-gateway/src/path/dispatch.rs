//! Sends a call to an upstream and waits for a good answer's begin; tries again within the policy.
//!
//! It must never send to an upstream that `screen` did not allow, never try a refused request
//! again, and never show our own credential's failure as the caller's. Boxes `reliability.retry`,
//! `reliability.retry-after`, `reliability.no-4xx-retry`.

mod answer;
mod attempt;
mod audio;
mod body;
mod calling;
mod failed;
mod judge;
mod outcome;
mod request;
mod start_up;
mod tries;

use std::pin::pin;

use crate::line::Line;
use failed::Ended;
use tries::{Step, Tries};

pub(crate) use answer::{Answer, OpenAudio, OpenStream, Silence, WholeAnswer};
pub(crate) use body::joined;
pub(super) use calling::Calling;
pub(crate) use outcome::{Dispatched, Outcome};

/// Sends the call, as often as the policy allows.
pub(super) async fn dispatch(calling: Calling<'_>, line: &mut Line) -> Dispatched {
    let mut tries = Tries::begin(calling);
    let ledger = calling.desk.gateway.tools.store.ledger();
    loop {
        if tries.needs_more() {
            // What came before may have cost all that was set aside.
            match calling.purse.extend(ledger).await {
                Ok(()) => tries.has_more(),
                Err(why) => return tries.no_more(&why),
            }
        }
        if !calling.purse.stands(ledger) {
            return tries.unheld();
        }
        match tries.step() {
            Step::Go(route) => {
                line.tell(tries.attempts(), Some(&route.upstream));
                match attempt::attempt(calling, &route, line).await {
                    Ok(answer) => return tries.answered(route, answer),
                    Err(Ended::Failed(failed)) => tries.failed(route, failed),
                    Err(Ended::CutShort(why)) => return tries.cut_short(Some(route), why),
                }
            }
            Step::Wait(wait, heartbeat) => {
                let waited = line.meanwhile(heartbeat, pin!(tokio::time::sleep(wait))).await;
                if let Err(why) = waited {
                    return tries.cut_short(None, why);
                }
            }
            Step::Over => return tries.over(),
        }
    }
}
