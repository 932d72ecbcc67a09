//! A form with a file, read part by part and written anew as it goes to an upstream: both sides
//! see the same parts, whatever a parser makes of odd ones.
//!
//! It must never hold a whole file in memory, and never read on past its limit.

mod parts;
mod watched;

use bastion_types::Refusal;
use bastion_wire::RECORDING_HEAD_BYTES;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::payload::Payload;
use crate::spool::Spool;
use parts::Parts;
use watched::{Gathered, Unread, Watched};

/// Longest file, in bytes. Source: contract, transcription.
const MAX_FILE_BYTES: u64 = 25_000_000;

/// Most bytes of a form beside its file: texts, names, boundaries.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// Most parts of a form.
const MAX_PARTS: usize = 64;

/// The part that is a file.
const FILE: &str = "file";

/// Parts that policy reads; each may stand there once.
const READ: [&str; 5] = ["model", "response_format", "stream", "user", FILE];

/// A form that was read to its end.
pub(crate) struct Form {
    /// As it goes to an upstream.
    pub(crate) payload: Payload,
    /// The texts that policy reads, by name.
    texts: Vec<(&'static str, String)>,
    /// The file's length, in bytes.
    pub(crate) file_bytes: u64,
    /// The file's first bytes.
    pub(crate) file_head: Vec<u8>,
}

impl Form {
    /// The text of a part that policy reads.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(other, _)| *other == name).map(|(_, text)| text.as_str())
    }
}

/// Reads a form.
///
/// # Errors
/// 400 for what is no form, has a part without a name, or says twice what policy reads; 413 for a
/// file or a whole above its limit, before the rest is read.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    limit_bytes: u64,
) -> Result<Form, Refusal> {
    let boundary = boundary(headers)?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit_bytes));
    let gathered = Gathered::default();
    let watched = BodyDataStream::new(Watched::new(body, gathered.clone()));
    let mut form = Multipart::with_constraints(watched, boundary, limits);
    let mut reading = Reading::begin(gathered)?;
    while let Some(field) = form.next_field().await.map_err(told)? {
        reading.take(field).await?;
    }
    reading.end()
}

fn boundary(headers: &HeaderMap) -> Result<String, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|text| multer::parse_boundary(text).ok());
    boundary.ok_or_else(|| {
        Refusal::invalid("the body must be multipart/form-data, with its boundary in content-type")
    })
}

/// What was read so far.
struct Reading {
    gathered: Gathered,
    parts: Parts,
    count: usize,
    text_bytes: u64,
    texts: Vec<(&'static str, String)>,
    file: Option<(u64, Vec<u8>)>,
}

impl Reading {
    fn begin(gathered: Gathered) -> Result<Reading, Refusal> {
        let parts = Parts::begin().map_err(|cause| {
            tracing::error!(%cause, "the system gives no randomness");
            Refusal::Internal
        })?;
        let texts = Vec::new();
        Ok(Reading { gathered, parts, count: 0, text_bytes: 0, texts, file: None })
    }

    async fn take(&mut self, field: Field<'_>) -> Result<(), Refusal> {
        self.gathered.taken();
        self.count += 1;
        if self.count > MAX_PARTS {
            return Err(Refusal::invalid(format!("the form has more than {MAX_PARTS} parts")));
        }
        let Some(name) = field.name().filter(|name| !name.is_empty()).map(str::to_owned) else {
            let message = format!("part {} of the form has no name; name each part", self.count);
            return Err(Refusal::invalid(message));
        };
        let read = READ.into_iter().find(|read| *read == name);
        if let Some(read) = read
            && (self.texts.iter().any(|(other, _)| *other == read)
                || (read == FILE && self.file.is_some()))
        {
            let message = format!("'{read}' stands twice in the form; send it once");
            return Err(Refusal::invalid_field(read, message));
        }
        if read == Some(FILE) {
            self.file(&name, field).await
        } else {
            self.text(&name, field).await
        }
    }

    async fn file(&mut self, name: &str, mut field: Field<'_>) -> Result<(), Refusal> {
        self.parts.open(name, field.file_name(), field.content_type().map(AsRef::as_ref));
        let (mut spool, mut head) = (Spool::default(), Vec::new());
        while let Some(piece) = field.chunk().await.map_err(told)? {
            self.gathered.taken();
            let missing = RECORDING_HEAD_BYTES.saturating_sub(head.len());
            head.extend(piece.iter().take(missing));
            spool.push(&piece).await.map_err(|cause| unspooled(&cause))?;
            if spool.length() > MAX_FILE_BYTES {
                return Err(Refusal::PayloadTooLarge { limit_bytes: MAX_FILE_BYTES });
            }
        }
        self.file = Some((spool.length(), head));
        self.parts.put(spool.finish().await.map_err(|cause| unspooled(&cause))?);
        Ok(())
    }

    async fn text(&mut self, name: &str, mut field: Field<'_>) -> Result<(), Refusal> {
        self.parts.open(name, field.file_name(), field.content_type().map(AsRef::as_ref));
        let mut text = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(told)? {
            self.gathered.taken();
            let piece_bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.text_bytes = self.text_bytes.saturating_add(piece_bytes);
            if self.text_bytes > MAX_TEXT_BYTES {
                return Err(Refusal::PayloadTooLarge { limit_bytes: MAX_TEXT_BYTES });
            }
            text.extend_from_slice(&piece);
        }
        if let Some(read) = READ.into_iter().find(|read| *read == name) {
            let text = String::from_utf8(text.clone()).map_err(|_| {
                Refusal::invalid_field(read, format!("'{read}' is not UTF-8; send UTF-8"))
            })?;
            self.texts.push((read, text));
        }
        self.parts.put_text(name, Bytes::from(text));
        Ok(())
    }

    fn end(self) -> Result<Form, Refusal> {
        let Some((file_bytes, file_head)) = self.file else {
            return Err(Refusal::invalid_field(FILE, "'file' is missing; it is required"));
        };
        let (segments, content_type, model_at) = self.parts.end();
        let content_type = HeaderValue::try_from(content_type).map_err(|_| Refusal::Internal)?;
        let mut payload = Payload::form(segments, content_type, self.text_bytes);
        payload.model_place = model_at.map(|at| at..at + 1);
        Ok(Form { payload, texts: self.texts, file_bytes, file_head })
    }
}

fn unspooled(cause: &std::io::Error) -> Refusal {
    tracing::error!(%cause, "a file cannot be kept; look at the room for temporary files");
    Refusal::Internal
}

/// A parser's word may repeat what the form says: only its kind is told.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing more to a caller")]
fn told(cause: multer::Error) -> Refusal {
    match cause {
        multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => {
            Refusal::invalid("the form ends in the middle; send it whole, with its last boundary")
        }
        multer::Error::StreamSizeExceeded { limit } => {
            Refusal::PayloadTooLarge { limit_bytes: limit }
        }
        multer::Error::StreamReadFailed(cause)
            if matches!(cause.downcast_ref(), Some(Unread::NoPart)) =>
        {
            Refusal::invalid("what comes is no part of a form; see RFC 7578")
        }
        multer::Error::StreamReadFailed(_) => {
            Refusal::invalid("the body ended before its announced length")
        }
        _ => Refusal::invalid("the head of a part of the form cannot be read; see RFC 7578"),
    }
}
