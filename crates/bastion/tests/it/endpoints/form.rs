//! The noun `Form`: a form as a client writes it, part by part.
//!
//! It must never be mended: what is written wrong is sent wrong.

use hyper::body::Bytes;

/// What a form's request says it is.
pub(super) const CONTENT_TYPE: (&str, &str) =
    ("content-type", "multipart/form-data; boundary=it-boundary");

/// A form that is being written.
#[derive(Clone, Default)]
pub(super) struct Form {
    body: Vec<u8>,
}

impl Form {
    /// A part with this head behind `form-data`.
    pub(super) fn part(mut self, head: &str, content: &[u8]) -> Form {
        let head = format!("--it-boundary\r\nContent-Disposition: form-data{head}\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub(super) fn text(self, name: &str, text: &str) -> Form {
        self.part(&format!("; name=\"{name}\""), text.as_bytes())
    }

    pub(super) fn file(self, content: &[u8]) -> Form {
        let head = "; name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav";
        self.part(head, content)
    }

    /// Whole, with its last boundary.
    pub(super) fn whole(mut self) -> Bytes {
        self.body.extend_from_slice(b"--it-boundary--\r\n");
        self.body.into()
    }

    /// Without it.
    pub(super) fn cut(self) -> Bytes {
        self.body.into()
    }
}
