//! Takes each request: read, recorded, answered by the script or by its endpoint.
//!
//! It must never answer without `x-simulated`, and never read a body past its limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::{BadHead, Drain, Handler};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::answer::{Answer, Content};
use crate::body::{SimBody, waited};
use crate::endpoint::{Asked, Endpoint};
use crate::endpoints;
use crate::log::{OpenConnection, Outcome, Record};
use crate::pages;
use crate::peek::Peek;
use crate::refused::Refused;
use crate::script::{Performance, perform};
use crate::state::State;
use crate::steps::{LaidOut, lay_out};

/// Longest body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Between the last frame and a cut on HTTP/2, where the frames are written by another task.
const HTTP2_LINGER: Duration = Duration::from_millis(20);
/// The sim's own pages; not recorded.
const OWN_PAGES: &str = "/sim/";

pub(crate) struct Reception {
    state: Arc<State>,
    drain: Drain,
}

pub(crate) struct Visit {
    connection: OpenConnection,
    peer: SocketAddr,
}

impl Reception {
    pub(crate) fn new(state: Arc<State>, drain: Drain) -> Reception {
        Reception { state, drain }
    }

    async fn take(&self, visit: &Visit, request: Request<Incoming>) -> Response<SimBody> {
        let (head, incoming) = request.into_parts();
        if head.uri.path().starts_with(OWN_PAGES) {
            let answer = match read(incoming).await {
                Ok(body) => pages::answer(&self.state, &head, visit.peer.ip(), &body),
                Err(refused) => refused.answer(),
            };
            return self.response(head.version, Performance::plain(answer), None);
        }
        let mut record = Record::begin(&self.state.log, &visit.connection, &head);
        let performance = match read(incoming).await {
            Ok(body) => self.perform(&head, &body, &record).await,
            Err(refused) => {
                if refused == Refused::BrokenBody {
                    record.finish(Outcome::ClosedByPeer);
                }
                Performance::plain(closing(refused.answer()))
            }
        };
        self.response(head.version, performance, Some(record))
    }

    /// The script is asked first, before the key: it can play any answer at any path.
    async fn perform(&self, head: &Parts, body: &Bytes, record: &Record) -> Performance {
        let path = head.uri.path();
        let endpoint = endpoints::at(path);
        let peek = Peek::at(&head.headers, body);
        let model = endpoint.and_then(|known| known.model_in(path)).or(peek.model());
        record.received(body, model, peek.stream());
        let scripted = self.state.scripted(endpoint.map(Endpoint::name), path, model);
        let generate = || self.generate(endpoint, head, body);
        let delay = scripted.as_ref().map(|scripted| scripted.delay_ms.0).unwrap_or_default();
        if !delay.is_zero() {
            waited(delay, self.drain.clone()).await;
        }
        let performance = match scripted {
            Some(scripted) => perform(&scripted, peek.stream(), generate),
            None => Performance::plain(generate()),
        };
        if !performance.answer.head_wait.is_zero() {
            waited(performance.answer.head_wait, self.drain.clone()).await;
        }
        performance
    }

    fn generate(&self, endpoint: Option<&dyn Endpoint>, head: &Parts, body: &[u8]) -> Answer {
        let state = &self.state;
        let generated = endpoint.ok_or(Refused::UnknownPath).and_then(|endpoint| {
            if head.method != endpoint.method() {
                return Err(Refused::WrongMethod(endpoint.allow()));
            }
            state.account.admit(&head.headers)?;
            let (path, headers) = (head.uri.path(), &head.headers);
            let asked = Asked { house: &state.house, path, headers, body };
            let generated = endpoint.generate(&asked)?;
            generated.tokens.map_or(Ok(()), |tokens| state.account.charge(tokens))?;
            Ok(generated.answer)
        });
        generated.unwrap_or_else(|refused| refused.answer())
    }

    fn response(
        &self,
        version: Version,
        performance: Performance,
        record: Option<Record>,
    ) -> Response<SimBody> {
        let Performance { answer, faults } = performance;
        let status = StatusCode::from_u16(answer.status).unwrap_or_default();
        let mut laid_out = lay_out(answer.content, &faults);
        if version == Version::HTTP_2 {
            laid_out.linger_before_cut(HTTP2_LINGER);
        }
        let LaidOut { steps, length_bytes } = laid_out;
        let mut headers = answer.headers;
        headers.insert("x-simulated", HeaderValue::from_static("true"));
        if let Some(length) = length_bytes.filter(|_| may_have_length(status)) {
            headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
        }
        if let Some(record) = &record {
            record.answered(answer.status);
            if let Ok(id) = HeaderValue::from_str(&format!("sim-{}", record.n())) {
                headers.entry("x-request-id").or_insert(id);
            }
        }
        let mut response = Response::new(SimBody::new(steps, record, self.drain.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl Handler for Reception {
    type Body = SimBody;
    type Session = Visit;

    fn open(&self, peer: SocketAddr) -> Visit {
        Visit { connection: OpenConnection::begin(&self.state.log), peer }
    }

    fn refuse_head(&self, why: BadHead) -> Response<Bytes> {
        let Answer { headers, content, .. } =
            Refused::Invalid { message: why.message(), param: None }.answer();
        let body = match content {
            Content::Whole(body) => body,
            Content::Events(_) | Content::Pieces(_) => Bytes::new(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = why.status();
        *response.headers_mut() = headers;
        response
    }

    async fn answer(
        self: Arc<Self>,
        session: Arc<Visit>,
        request: Request<Incoming>,
    ) -> Response<SimBody> {
        self.take(&session, request).await
    }
}

/// The whole body. May be dropped at any time: the request is gone then too.
async fn read(mut incoming: Incoming) -> Result<Bytes, Refused> {
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::BrokenBody)?.into_data() else { continue };
        if body.len().saturating_add(data.len()) > MAX_BODY_BYTES {
            return Err(Refused::TooLarge { limit_bytes: MAX_BODY_BYTES });
        }
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
}

/// What is left of the request is not read.
fn closing(mut answer: Answer) -> Answer {
    answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn may_have_length(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
