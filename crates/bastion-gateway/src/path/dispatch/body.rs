//! Reads an unstreamed answer to its end and looks whether it is what its status says.
//!
//! It must never keep more than the bounds named here.

use bastion_wire::{AnswerKind, is_json_object, is_model_not_found, read_answer};
use bytes::{Bytes, BytesMut};
use http::response::Parts;

use super::answer::WholeAnswer;
use super::failed::Failed;
use crate::pool::{Gathered, UpstreamBody};

/// Longest unstreamed answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Longest refusal of an upstream's that is passed on, in bytes.
const MAX_THEIR_REFUSAL_BYTES: usize = 256 * 1024;

/// A success: a JSON object that is no error.
pub(super) async fn whole(head: Parts, body: UpstreamBody) -> Result<WholeAnswer, Failed> {
    let body = read(body, MAX_ANSWER_BYTES).await?;
    match read_answer(&body) {
        AnswerKind::Nonsense => Err(Failed::no_sense("its answer is no JSON object")),
        AnswerKind::Error => Err(Failed::no_sense("its answer said success and held an error")),
        AnswerKind::Good(reported) => Ok(WholeAnswer { head, body, reported }),
    }
}

/// Their 4xx goes on as it came, if it is one that a client can read.
pub(super) async fn their_refusal(head: Parts, body: UpstreamBody) -> Result<WholeAnswer, Failed> {
    let body = read(body, MAX_THEIR_REFUSAL_BYTES).await;
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

async fn read(mut body: UpstreamBody, limit_bytes: usize) -> Result<Bytes, Failed> {
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
