//! What answers the callers' listener: health, the door, and a task for each call.
//!
//! It must never do a call's work itself: the call's task goes on when the caller leaves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bastion_runtime::{BadHead, Handler, Tasks};
use bastion_types::{Refusal, RequestId};
use bastion_wire::refusal_response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::answer_body::AnswerBody;
use crate::desk::Desk;
use crate::gateway::Gateway;
use crate::headers::X_REQUEST_ID;
use crate::path;
use crate::pool::Pool;
use crate::reply::Reply;

/// Answers the callers of one thread.
pub struct Callers {
    desk: Arc<Desk>,
}

impl Callers {
    /// For one thread, which waits for `tasks` in a drain.
    pub fn new(gateway: Arc<Gateway>, tasks: Tasks) -> Callers {
        let pool = Arc::new(Pool::new(tasks.clone(), gateway.tools.drain.clone()));
        Callers { desk: Arc::new(Desk { gateway, pool, tasks }) }
    }

    fn health(&self, request: &Request<Incoming>) -> Option<Response<AnswerBody>> {
        if *request.method() != Method::GET && *request.method() != Method::HEAD {
            return None;
        }
        let tools = &self.desk.gateway.tools;
        let (status, text) = match request.uri().path() {
            "/healthz" => (StatusCode::OK, "ok"),
            "/readyz" if !tools.readiness.is_ready() => {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready")
            }
            "/readyz" if tools.readiness.is_whole() => (StatusCode::OK, "ready"),
            "/readyz" => (StatusCode::OK, "degraded"),
            _ => return None,
        };
        Some(self.word(status, text))
    }

    /// Text with an id of its own: every answer has one.
    fn word(&self, status: StatusCode, text: &'static str) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let id = RequestId::generate(self.desk.gateway.tools.clock.now()).ok();
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
            headers.insert(X_REQUEST_ID, id);
        }
        response
    }
}

impl Handler for Callers {
    type Body = AnswerBody;
    type Session = IpAddr;

    fn open(&self, peer: SocketAddr) -> IpAddr {
        peer.ip()
    }

    fn refuse_head(&self, why: BadHead) -> Response<Bytes> {
        path::refuse_head(&self.desk, why)
    }

    async fn answer(
        self: Arc<Self>,
        peer: Arc<IpAddr>,
        request: Request<Incoming>,
    ) -> Response<AnswerBody> {
        if let Some(health) = self.health(&request) {
            return health;
        }
        let desk = &self.desk;
        let entered = match path::enter(desk, request, *peer) {
            Ok(entered) => entered,
            Err(turned_away) => return turned_away.map(AnswerBody::whole),
        };
        let id = entered.id();
        let (reply, answer) = Reply::new();
        // Boxed here, so that what runs a task moves a pointer and not the whole call.
        desk.tasks.spawn(Box::pin(path::walk(Arc::clone(desk), entered, reply)));
        // Only a panic in the call's task, or its end at the end of a drain, drops the reply unanswered.
        let failed = |_| refusal_response(&Refusal::Internal, &id).map(AnswerBody::whole);
        answer.await.unwrap_or_else(failed)
    }
}
