//! START HERE. The path of a call, stage by stage; each takes what the one before returned.
//!
//! door → authenticate → admit → screen → hold → dispatch → relay → settle → record
//!
//! Nothing may return between `hold` and `settle`, and every call passes `record`.

mod admit;
mod authenticate;
mod dispatch;
mod door;
mod hold;
mod record;
mod relay;
mod screen;
mod settle;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bastion_runtime::BadHead;
use bastion_types::Refusal;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::about::About;
use crate::desk::Desk;
use crate::endpoints::Service;
use crate::line::Line;
use crate::reply::Reply;
use authenticate::{Caller, Known};
use dispatch::Calling;
use door::Arrival;
use hold::Hold;
use screen::Turned;
use settle::Settlement;

/// What a caller is told whose head has no single reading (400, 431).
pub(crate) fn refuse_head(desk: &Desk, why: BadHead) -> Response<Bytes> {
    door::refuse_head(desk, why)
}

/// What needs no task: an unknown path, a wrong method (404, 405), a bad key (401).
pub(crate) fn enter(
    desk: &Desk,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Known, Response<Bytes>> {
    let entered = door::enter(desk, request, peer)?;
    authenticate::authenticate(desk, entered)
}

/// A call of a known caller, from its body to its record; it goes on when the caller leaves.
pub(crate) async fn walk(desk: Arc<Desk>, known: Known, reply: Reply) {
    let running = desk.gateway.tools.metrics.begin_call();
    let Known { caller, mut arrival, body } = known;
    let settlement = match arrival.service {
        Service::Here(answer) => {
            let line = Line::new((reply, desk.tasks.stop()), arrival.id, None);
            let relayed = relay::answer_here(&caller, &arrival, answer, line);
            settle::unheld(relayed, About::default())
        }
        Service::Upstream(_) => match prepare(&desk, &caller, &arrival, body).await {
            Ok(hold) => carry(&desk, (&caller, &mut arrival), hold, reply).await,
            Err(turned) => turn_away(&desk, turned, &arrival, reply),
        },
    };
    record::record(&desk, &caller, &arrival, settlement).await;
    drop(running);
}

/// Up to the hold a call may be turned away; nothing has been sent.
async fn prepare(
    desk: &Desk,
    caller: &Caller,
    arrival: &Arrival,
    body: Incoming,
) -> Result<Box<Hold>, Turned> {
    let body = tokio::select! {
        biased;
        received = door::receive(&caller.policy, arrival, body) => received?,
        () = desk.tasks.stop().said() => return Err(Refusal::Stopped.into()),
    };
    let admitted = admit::admit(desk, caller, arrival, body).await?;
    let screened = screen::screen(desk, caller, admitted)?;
    hold::hold(desk, caller, arrival, screened).await
}

/// From the hold to its settlement there is no way out.
async fn carry(
    desk: &Desk,
    (caller, arrival): (&Caller, &mut Arrival),
    mut hold: Box<Hold>,
    reply: Reply,
) -> Settlement {
    let standing = hold.screened.permit.standing();
    let mut line = Line::new((reply, desk.tasks.stop()), arrival.id, Some(standing));
    let screened = &hold.screened;
    let sent = &AtomicBool::new(false);
    let purse = &hold.purse;
    let calling = Calling { desk, policy: &caller.policy, arrival, screened, purse, sent };
    let dispatched = dispatch::dispatch(calling, &mut line).await;
    hold.forget_body();
    arrival.forget_headers();
    let (limit_tokens, each) = (hold.screened.output_bound_tokens, hold.purse.each());
    let relayed = relay::relay(desk, arrival, dispatched, (line, limit_tokens, each)).await;
    settle::settle(desk, (caller, arrival), hold, relayed).await
}

fn turn_away(desk: &Desk, turned: Turned, arrival: &Arrival, reply: Reply) -> Settlement {
    let Turned { refusal, standing, about } = turned;
    let line = Line::new((reply, desk.tasks.stop()), arrival.id, standing);
    let relayed = relay::refuse(&refusal, arrival, line);
    settle::unheld(relayed, about)
}
