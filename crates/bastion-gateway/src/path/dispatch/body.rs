//! Reads an unstreamed answer to its end and looks whether it is what its status says.
//!
//! It must never keep more than the bounds named here.

use bastion_wire::{AnswerKind, is_error_answer, is_json_object, is_model_not_found, read_answer};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::response::Parts;

use super::answer::WholeAnswer;
use super::failed::Failed;
use crate::endpoints::Answers;
use crate::pool::{Gathered, UpstreamBody};

/// Longest unstreamed answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Longest answer that is looked at where it came, in bytes: about a millisecond.
const MAX_READ_HERE_BYTES: usize = 1024 * 1024;

/// Longest refusal of an upstream's that is passed on, in bytes.
const MAX_THEIR_REFUSAL_BYTES: usize = 256 * 1024;

/// A success, if it is what it must be and no error.
pub(super) async fn whole(
    head: Parts,
    body: UpstreamBody,
    answers: Answers,
) -> Result<WholeAnswer, Failed> {
    let body = read(body, announced(&head), MAX_ANSWER_BYTES).await?;
    match judged(&body, answers).await {
        AnswerKind::Nonsense => Err(Failed::no_sense("its answer is not what was asked for")),
        AnswerKind::Error => Err(Failed::no_sense("its answer said success and held an error")),
        AnswerKind::Good(reported) => {
            Ok(WholeAnswer { head, body, reported: reported.map(Box::new) })
        }
    }
}

/// Looks at a whole answer; at a long one on another thread, so that no call waits for it.
async fn judged(body: &Bytes, answers: Answers) -> AnswerKind {
    if body.len() <= MAX_READ_HERE_BYTES {
        return judge(body, answers);
    }
    let body = body.clone();
    let reading = tokio::task::spawn_blocking(move || judge(&body, answers));
    reading.await.unwrap_or(AnswerKind::Nonsense)
}

fn judge(body: &[u8], answers: Answers) -> AnswerKind {
    match answers {
        Answers::Json(form) => read_answer(body, form),
        Answers::Text | Answers::Audio if is_error_answer(body) => AnswerKind::Error,
        Answers::Text | Answers::Audio if std::str::from_utf8(body).is_err() => {
            AnswerKind::Nonsense
        }
        Answers::Text | Answers::Audio => AnswerKind::Good(None),
    }
}

/// How long it says that it is; only as much room is taken at once as one answer may have.
fn announced(head: &Parts) -> usize {
    let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0).min(MAX_ANSWER_BYTES)
}

/// Their 4xx goes on as it came, if it is one that a client can read.
pub(super) async fn their_refusal(head: Parts, body: UpstreamBody) -> Result<WholeAnswer, Failed> {
    let body = read(body, 0, MAX_THEIR_REFUSAL_BYTES).await;
    let body = body.map_err(|failed| Failed::refused(&failed.cause))?;
    if std::str::from_utf8(&body).is_ok() && is_json_object(&body) {
        return Ok(WholeAnswer { head, body, reported: None });
    }
    let cause = format!("it answered {} without an error that can be read", head.status.as_u16());
    Err(Failed::refused(&cause))
}

/// A 404: of the model it goes on, of the path it is our configuration's fault.
pub(super) async fn not_found(head: Parts, body: UpstreamBody) -> Result<WholeAnswer, Failed> {
    let answer = their_refusal(head, body).await;
    if let Ok(answer) = answer
        && is_model_not_found(&answer.body)
    {
        return Ok(answer);
    }
    Err(Failed::misplaced("it knows no such path; see the configuration's base_url"))
}

/// Reads to the end, into room for `likely_bytes`.
async fn read(
    mut body: UpstreamBody,
    likely_bytes: usize,
    limit_bytes: usize,
) -> Result<Bytes, Failed> {
    let mut pieces = Vec::new();
    let mut whole = BytesMut::new();
    loop {
        let ended = body.gather(&mut pieces).await? == Gathered::End;
        let piece = joined(&mut pieces);
        if whole.len() + piece.len() > limit_bytes {
            return Err(Failed::no_sense("its answer is too long"));
        }
        if ended && whole.is_empty() {
            return Ok(piece);
        }
        if whole.is_empty() {
            whole.reserve(likely_bytes.max(piece.len()));
        }
        whole.extend_from_slice(&piece);
        if ended {
            return Ok(whole.freeze());
        }
    }
}

/// One piece of many; a lone one goes on as it is.
pub(crate) fn joined(pieces: &mut Vec<Bytes>) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces.drain(..) {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}
