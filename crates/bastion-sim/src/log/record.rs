//! Guards that write the end of a connection or an answer into the log, however it comes.
//!
//! A guard must never report an end twice: the first one counts.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;

use crate::base64;
use crate::log::book::SimLog;
use crate::log::entry::{BodyEncoding, LogEntry, Outcome};
use crate::log::masked::masked;

/// Bytes of a body that are kept.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A connection that is open; dropped when it is closed.
pub(crate) struct OpenConnection {
    log: SimLog,
    id: u64,
}

impl OpenConnection {
    pub(crate) fn begin(log: &SimLog) -> OpenConnection {
        OpenConnection { log: log.clone(), id: log.open_connection() }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.log.close_connection(self.id);
    }
}

/// A request under way. Dropped before [`Record::finish`], its peer has left: hyper drops the
/// request's future and the answer's body as soon as it sees that.
pub(crate) struct Record {
    log: SimLog,
    n: u64,
    finished: bool,
}

impl Record {
    pub(crate) fn begin(log: &SimLog, connection: &OpenConnection, head: &Parts) -> Record {
        let entry = LogEntry {
            n: 0,
            at: log.now(),
            connection: connection.id,
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            protocol: format!("{:?}", head.version),
            model: None,
            stream: false,
            headers: Arc::new(masked(&head.headers)),
            body: Arc::from(""),
            body_encoding: BodyEncoding::Text,
            body_bytes: 0,
            answered_status: None,
            answered_at: None,
            events_sent: 0,
            outcome: None,
            closed_at: None,
        };
        Record { log: log.clone(), n: log.add(entry), finished: false }
    }

    /// The request's number.
    pub(crate) fn n(&self) -> u64 {
        self.n
    }

    pub(crate) fn received(&self, body: &Bytes, model: Option<&str>, stream: bool) {
        let (text, encoding) = shown(body);
        self.log.change(self.n, |entry| {
            entry.body = Arc::from(text);
            entry.body_encoding = encoding;
            entry.body_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
            entry.model = model.map(str::to_owned);
            entry.stream = stream;
        });
    }

    pub(crate) fn answered(&self, status: u16) {
        let at = self.log.now();
        self.log.change(self.n, |entry| {
            entry.answered_status = Some(status);
            entry.answered_at = Some(at);
        });
    }

    pub(crate) fn event_sent(&self) {
        self.log.change(self.n, |entry| entry.events_sent = entry.events_sent.saturating_add(1));
    }

    /// A stall has begun; its end is still open.
    pub(crate) fn stalls(&self) {
        self.log.change(self.n, |entry| entry.outcome = Some(Outcome::Stalled));
    }

    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let at = self.log.now();
        self.log.change(self.n, |entry| {
            entry.outcome = Some(outcome);
            entry.closed_at = Some(at);
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.finish(Outcome::ClosedByPeer);
    }
}

fn shown(body: &[u8]) -> (String, BodyEncoding) {
    let kept = body.get(..MAX_BODY_BYTES).unwrap_or(body);
    match std::str::from_utf8(kept) {
        Ok(text) => (text.to_owned(), BodyEncoding::Text),
        // The limit fell into a character.
        Err(cause) if cause.error_len().is_none() && kept.len() < body.len() => {
            let whole = kept.get(..cause.valid_up_to()).unwrap_or_default();
            (String::from_utf8_lossy(whole).into_owned(), BodyEncoding::Text)
        }
        Err(_) => (base64::encoded(kept), BodyEncoding::Base64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_kept_to_its_limit_and_never_inside_a_character() {
        let long = format!("{}é and more", "a".repeat(MAX_BODY_BYTES - 1));
        let (text, encoding) = shown(long.as_bytes());
        assert_eq!((text.len(), encoding), (MAX_BODY_BYTES - 1, BodyEncoding::Text));
        assert_eq!(shown(&[0xff, 0xfe, 0xfd]), ("//79".to_owned(), BodyEncoding::Base64));
    }
}
