//! The door of the operators' plane: a request id, the host, the token; then the act.
//!
//! It must never let an act begin for a request that is not an operator's.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use bastion_types::RequestId;
use http::{Request, Response};

use crate::answer::{Answer, respond};
use crate::ask::Ask;
use crate::desk::Desk;
use crate::problem::Problem;

/// Below here everything is the operator API.
const API_PREFIX: &str = "/admin/";

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever reaches the listener.
    Open,
    /// Who shows the operators' token.
    Operator,
}

/// Answers one request.
pub(crate) async fn enter<F>(
    desk: Arc<Desk>,
    access: Access,
    request: Request<Body>,
    act: impl FnOnce(Arc<Desk>, Ask) -> F,
) -> Response<Body>
where
    F: Future<Output = Result<Answer, Problem>>,
{
    let Ok(id) = RequestId::generate(desk.clock.now()) else {
        tracing::error!("the system gives no randomness");
        return respond(None, Err(Problem::internal()));
    };
    let outcome = match admit(&desk, access, &request) {
        Ok(()) => act(desk, Ask::of(id, request).await).await,
        Err(problem) => Err(problem),
    };
    respond(Some(id), outcome)
}

fn admit(desk: &Desk, access: Access, request: &Request<Body>) -> Result<(), Problem> {
    // The host first, unknown paths included: a page may not even learn which paths there are.
    if request.uri().path().starts_with(API_PREFIX) && !desk.hosts.admits(request) {
        return Err(Problem::foreign_host());
    }
    if access == Access::Operator {
        desk.token.check(request.headers()).map_err(Problem::token)?;
    }
    Ok(())
}
