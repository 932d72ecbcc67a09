//! The way back to the caller of one call, and the news that the caller has left.
//!
//! It must never be used twice: a call has one answer.

use bytes::Bytes;
use http::Response;
use tokio::sync::{mpsc, oneshot};

use crate::answer_body::{AnswerBody, Piece};

/// Where the answer goes.
pub(crate) struct Reply {
    head: oneshot::Sender<Response<AnswerBody>>,
}

/// Did the caller take it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was handed to the caller's connection.
    Yes,
    /// The caller had left.
    CallerLeft,
}

impl Reply {
    /// The call's end and the handler's.
    pub(crate) fn new() -> (Reply, oneshot::Receiver<Response<AnswerBody>>) {
        let (head, answer) = oneshot::channel();
        (Reply { head }, answer)
    }

    /// Ends once the caller has left. May be dropped and called again at any time.
    pub(crate) async fn caller_left(&mut self) {
        self.head.closed().await;
    }

    /// A whole answer.
    pub(crate) fn send(self, response: Response<Bytes>) -> Taken {
        taken(self.head.send(response.map(AnswerBody::whole)))
    }

    /// The head of a stream; none when the caller has left.
    pub(crate) fn open(self, head: http::response::Parts) -> Option<mpsc::Sender<Piece>> {
        let (feed, body) = AnswerBody::stream();
        let sent = self.head.send(Response::from_parts(head, body));
        (taken(sent) == Taken::Yes).then_some(feed)
    }
}

fn taken(sent: Result<(), Response<AnswerBody>>) -> Taken {
    if sent.is_ok() { Taken::Yes } else { Taken::CallerLeft }
}
