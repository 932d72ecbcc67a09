//! A form as it is written anew: RFC 7578, with names as browsers write them.
//!
//! It must never copy a part's head: what two parsers could read in two ways is not written.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};

use crate::outgoing::Segment;

/// Bytes of randomness in a boundary: so many that no file holds it.
const BOUNDARY_BYTES: usize = 16;

/// The part that a route may write another name into.
const MODEL: &str = "model";

/// The parts so far.
pub(super) struct Parts {
    boundary: String,
    segments: Vec<Segment>,
    /// What stands behind the last segment.
    open: BytesMut,
    model_at: Option<usize>,
}

impl Parts {
    /// None yet.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn begin() -> io::Result<Parts> {
        let mut random = [0; BOUNDARY_BYTES];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let boundary = format!("bastion-{:032x}", u128::from_ne_bytes(random));
        Ok(Parts { boundary, segments: Vec::new(), open: BytesMut::new(), model_at: None })
    }

    /// The head of a part.
    pub(super) fn open(&mut self, name: &str, file_name: Option<&str>, content_type: Option<&str>) {
        let Parts { boundary, open, .. } = self;
        let mut head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", escaped(name));
        if let Some(file_name) = file_name {
            head.push_str("; filename=\"");
            head.push_str(&escaped(file_name));
            head.push('"');
        }
        if let Some(content_type) = content_type {
            head.push_str("\r\nContent-Type: ");
            head.push_str(content_type);
        }
        head.push_str("\r\n\r\n");
        open.put_slice(head.as_bytes());
    }

    /// What a part holds.
    pub(super) fn put(&mut self, content: Segment) {
        let before = self.open.split().freeze();
        self.segments.extend([Segment::Bytes(before), content]);
        self.open.put_slice(b"\r\n");
    }

    /// What a part of text holds.
    pub(super) fn put_text(&mut self, name: &str, text: Bytes) {
        if name == MODEL {
            self.model_at = Some(self.segments.len() + 1);
            return self.put(Segment::Bytes(text));
        }
        self.open.put_slice(&text);
        self.open.put_slice(b"\r\n");
    }

    /// All parts, the content type, and which segment is the model's name.
    pub(super) fn end(mut self) -> (Vec<Segment>, String, Option<usize>) {
        self.open.put_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        self.segments.push(Segment::Bytes(self.open.freeze()));
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (self.segments, content_type, self.model_at)
    }
}

/// Source: WHATWG HTML, multipart form data.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::outgoing::Outgoing;

    #[tokio::test]
    async fn a_form_is_written_as_every_parser_reads_it() {
        let mut parts = Parts::begin().unwrap();
        parts.open("file", Some("a\"b\r\n.wav"), Some("audio/wav"));
        parts.put(Segment::Bytes(Bytes::from_static(b"RIFF\r\n--x")));
        parts.open("model", None, None);
        parts.put_text("model", Bytes::from_static(b"whisper"));
        parts.open("language", None, None);
        parts.put_text("language", Bytes::from_static(b"en"));
        let (segments, content_type, model_at) = parts.end();
        let Segment::Bytes(model) = &segments[model_at.unwrap()] else { panic!("it is a text") };
        assert_eq!(model, "whisper");
        let body = Outgoing::of(segments).collect().await.unwrap().to_bytes();
        let boundary = multer::parse_boundary(content_type).unwrap();
        let whole = http_body_util::BodyDataStream::new(http_body_util::Full::new(body));
        let mut form = multer::Multipart::new(whole, boundary);
        let mut read = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let head = (field.name().unwrap().to_owned(), field.file_name().map(str::to_owned));
            read.push((head, field.text().await.unwrap()));
        }
        let name = |name: &str, file: Option<&str>| (name.to_owned(), file.map(str::to_owned));
        let file = name("file", Some("a%22b%0D%0A.wav"));
        assert_eq!(read[0], (file, "RIFF\r\n--x".to_owned()));
        assert_eq!(read[1], (name("model", None), "whisper".to_owned()));
        assert_eq!(read[2], (name("language", None), "en".to_owned()));
    }
}
