//! What answers the operators' listener: the router over everything that is described.
//!
//! It must never serve what the OpenAPI document does not know.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use bastion_runtime::{BadHead, Handler};
use bastion_types::RequestId;
use http::Response;
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::answer::respond;
use crate::desk::{Desk, OperatorTools};
use crate::document::operations;
use crate::door::{Access, enter};
use crate::problem::Problem;

/// Answers operators.
pub struct Operators {
    desk: Arc<Desk>,
    router: Router,
}

impl Operators {
    /// With these tools.
    pub fn new(tools: OperatorTools) -> Operators {
        let desk = Arc::new(Desk::new(tools));
        Operators { router: router(Arc::clone(&desk)), desk }
    }
}

impl Handler for Operators {
    type Body = Body;
    type Session = ();

    fn open(&self, _peer: SocketAddr) {}

    fn refuse_head(&self, why: BadHead) -> Response<Bytes> {
        let id = RequestId::generate(self.desk.clock.now()).ok();
        respond(id, Err(Problem::bad_head(why.status(), why.message())))
    }

    async fn answer(
        self: Arc<Self>,
        _session: Arc<()>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        match self.router.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Every operation; whatever else is asked is told so in the envelope.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    let mut router = Router::new();
    for (_, operation) in operations() {
        router = router.route(operation.path, operation.route);
    }
    router.fallback(unknown_path).method_not_allowed_fallback(wrong_method).with_state(desk)
}

async fn unknown_path(State(desk): State<Arc<Desk>>, request: Request) -> Response<Body> {
    let refuse = |_, _| std::future::ready(Err(Problem::unknown_path()));
    enter(desk, Access::Open, request, refuse).await
}

async fn wrong_method(State(desk): State<Arc<Desk>>, request: Request) -> Response<Body> {
    let refuse = |_, _| std::future::ready(Err(Problem::wrong_method()));
    enter(desk, Access::Open, request, refuse).await
}
