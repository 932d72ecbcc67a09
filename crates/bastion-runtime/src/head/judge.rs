//! Judges a whole head: one reading or none.
//!
//! It must never guess: what RFC 9112 lets a recipient mend is refused here.

use super::BadHead;

/// Header lines that hyper reads.
const MAX_LINES: u32 = 100;

/// Methods that anybody knows but CONNECT, which asks for a proxy.
const METHODS: [&[u8]; 9] =
    [b"POST", b"GET", b"HEAD", b"OPTIONS", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"QUERY"];

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// How a request goes on behind its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framing {
    /// Its body.
    pub(super) body: Body,
    /// No other request follows it on this connection.
    pub(super) is_last: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// Judges a head, its blank line included; every LF in it stands behind a CR.
pub(super) fn judge(head: &[u8]) -> Result<Framing, BadHead> {
    let mut begin = 0;
    let mut lines = memchr::memchr_iter(b'\n', head).map_while(|end| {
        let line = head.get(begin..end)?.strip_suffix(b"\r")?;
        begin = end + 1;
        Some(line)
    });
    let version = request_line(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        fields.take(line)?;
    }
    fields.framing(version)
}

fn request_line(line: &[u8]) -> Result<Version, BadHead> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return Err(BadHead::Malformed("the request line is not 'METHOD PATH HTTP/1.1'"));
    };
    if !METHODS.contains(&method) {
        return Err(BadHead::Malformed("the method is unknown; use one of HTTP's own"));
    }
    if !(target.starts_with(b"/") || target == b"*") {
        return Err(BadHead::Malformed("the request names more than a path; this is no proxy"));
    }
    if !target.iter().all(|byte| is_of_a_path(*byte)) {
        return Err(BadHead::Malformed("the path holds what must be percent-encoded; encode it"));
    }
    if climbs(target) {
        return Err(BadHead::Malformed(
            "the path holds '..' or an encoded line end; name it plainly",
        ));
    }
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        _ => Err(BadHead::Malformed("the version is unknown; speak HTTP/1.1 or HTTP/2")),
    }
}

/// Which bytes are letters, digits or one of these; looked up for every byte of a head.
#[expect(clippy::indexing_slicing, reason = "evaluated as the program is built")]
const fn alphabet(more: &[u8]) -> [bool; 256] {
    let mut is_of = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        is_of[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < more.len() {
        is_of[more[at] as usize] = true;
        at += 1;
    }
    is_of
}

/// Source: RFC 3986, 3.3 and 3.4.
const OF_A_PATH: [bool; 256] = alphabet(b"-._~%!$&'()*+,;=:@/?");

/// Source: RFC 9110, 5.6.2.
const OF_A_NAME: [bool; 256] = alphabet(b"!#$%&'*+-.^_`|~");

fn is_of_a_path(byte: u8) -> bool {
    OF_A_PATH.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Does a path leave its folder or hold a line end, encoded or not?
fn climbs(target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    if memchr::memchr2(b'.', b'%', path).is_none() {
        return false;
    }
    let plain = String::from_utf8_lossy(path).to_ascii_lowercase();
    let plain = plain.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    let line_end = plain.contains("%0d") || plain.contains("%0a");
    line_end || plain.split(['/', '\\']).any(|part| part == "..")
}

/// What the header lines say about the request's frame and its sender.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
struct Fields {
    lines: u32,
    length: Option<u64>,
    chunked: bool,
    has_host: bool,
    has_authorization: bool,
    closes: bool,
    keeps: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), BadHead> {
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(BadHead::TooMany { limit_lines: MAX_LINES });
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(BadHead::Malformed("a header is folded; send it in one line"));
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return Err(BadHead::Malformed("a header has no colon; send 'name: value'"));
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        if name.ends_with(b" ") || name.ends_with(b"\t") {
            return Err(BadHead::Malformed("a space stands before a header's colon; remove it"));
        }
        if name.is_empty() || !name.iter().all(|byte| is_of_a_name(*byte)) {
            return Err(BadHead::Malformed("a header's name holds what no name may; rename it"));
        }
        if holds_control(value) {
            return Err(BadHead::Malformed("a header holds a control character; remove it"));
        }
        self.note(name, trimmed(value))
    }

    /// The few headers that decide who asks, and where the request ends.
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadHead> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => once(&mut self.has_host, "'host' stands twice; send it once"),
            13 if is(b"authorization") => {
                let message = "'authorization' stands twice; send one credential";
                once(&mut self.has_authorization, message)
            }
            14 if is(b"content-length") => self.note_length(value),
            17 if is(b"transfer-encoding") => {
                let message =
                    "the transfer-encoding is unknown; send 'chunked' or a content-length";
                once(&mut self.chunked, message)?;
                if value.eq_ignore_ascii_case(b"chunked") {
                    return Ok(());
                }
                Err(BadHead::Malformed(message))
            }
            10 if is(b"connection") => {
                for word in value.split(|byte| *byte == b',').map(trimmed) {
                    self.closes |= word.eq_ignore_ascii_case(b"close");
                    self.keeps |= word.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), BadHead> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits);
        let Some(length) = text.and_then(|text| text.parse().ok()) else {
            return Err(BadHead::Malformed("the content-length is no number; send its digits"));
        };
        match self.length.replace(length) {
            Some(other) if other != length => {
                Err(BadHead::Malformed("two different content-lengths; send one"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn framing(&self, version: Version) -> Result<Framing, BadHead> {
        if self.chunked && version == Version::Http10 {
            return Err(BadHead::Malformed(
                "HTTP/1.0 knows no transfer-encoding; send a content-length",
            ));
        }
        if self.chunked && self.length.is_some() {
            return Err(BadHead::Malformed(
                "both a content-length and a transfer-encoding; send one of them",
            ));
        }
        let body =
            if self.chunked { Body::Chunked } else { Body::Length(self.length.unwrap_or(0)) };
        let is_last = self.closes || (version == Version::Http10 && !self.keeps);
        Ok(Framing { body, is_last })
    }
}

/// All of it is looked at, without a way out in the middle: so the compiler takes many bytes at once.
fn holds_control(value: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    value.iter().map(is_control).fold(false, |found, is| found | is)
}

/// Without the white space around it: a CR or a form feed is none.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(begin) = value.iter().position(|byte| !is_space(byte)) else { return &[] };
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(begin, |last| last + 1);
    value.get(begin..end).unwrap_or_default()
}

/// May this byte stand in a header's name?
pub(super) fn is_of_a_name(byte: u8) -> bool {
    OF_A_NAME.get(usize::from(byte)).copied().unwrap_or(false)
}

fn once(seen: &mut bool, message: &'static str) -> Result<(), BadHead> {
    if std::mem::replace(seen, true) { Err(BadHead::Malformed(message)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Result<Framing, BadHead> {
        judge(format!("POST /v1/x HTTP/1.1\r\n{lines}\r\n").as_bytes())
    }

    fn refused(head: &str, expect: &str) {
        match judge(head.as_bytes()) {
            Err(BadHead::Malformed(told)) => assert!(told.contains(expect), "{head}: {told}"),
            other => panic!("{head}: {other:?}"),
        }
    }

    #[test]
    fn a_plain_head_has_one_reading() {
        let length = |length| Ok(Framing { body: Body::Length(length), is_last: false });
        assert_eq!(of("host: a\r\n"), length(0));
        assert_eq!(of("Host: a\r\nContent-Length: 17\r\ncontent-length:17\r\n"), length(17));
        let chunked = Framing { body: Body::Chunked, is_last: false };
        assert_eq!(of("transfer-encoding: Chunked\r\n"), Ok(chunked));
        assert_eq!(of("connection: close\r\n").map(|framing| framing.is_last), Ok(true));
        assert_eq!(of("connection: x, Close\r\n").map(|framing| framing.is_last), Ok(true));
        let old = judge(b"GET /?a=/../b HTTP/1.0\r\n\r\n");
        assert_eq!(old.map(|framing| framing.is_last), Ok(true));
        let kept = judge(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        assert_eq!(kept.map(|framing| framing.is_last), Ok(false));
        for path in ["/v1/models/a..b", "/v1/models/v0.3", "/v1/models/org%2Fm", "/...", "/%252e"] {
            assert!(judge(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_frame_that_can_be_read_in_two_ways_is_refused() {
        let post = |lines: &str| format!("POST /v1/x HTTP/1.1\r\n{lines}\r\n");
        refused(&post("content-length: 1\r\ntransfer-encoding: chunked\r\n"), "both");
        refused(&post("content-length: 1\r\ncontent-length: 2\r\n"), "two different");
        for length in ["1, 1", "-1", "+1", "0x10", "", "18446744073709551616", "1 1"] {
            refused(&post(&format!("content-length: {length}\r\n")), "no number");
        }
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked", "chunked\t;", ""] {
            refused(&post(&format!("transfer-encoding: {coding}\r\n")), "transfer-encoding");
        }
        let twice = "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n";
        refused(&post(twice), "transfer-encoding");
        refused("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.0");
        refused(&post("host: a\r\nhost: a\r\n"), "'host' stands twice");
        refused(&post("authorization: x\r\nAuthorization: y\r\n"), "'authorization' stands twice");
    }

    #[test]
    fn a_line_that_is_no_header_is_refused() {
        let post = |lines: &str| format!("POST /v1/x HTTP/1.1\r\n{lines}\r\n");
        refused(&post("x: a\r\n b\r\n"), "folded");
        refused(&post("x: a\r\n\tb: c\r\n"), "folded");
        refused(&post("host : a\r\n"), "before a header's colon");
        refused(&post("no colon\r\n"), "no colon");
        refused(&post(": x\r\n"), "name");
        refused(&post("a(b: x\r\n"), "name");
        for control in ["\0", "\x01", "\x7f", "\r", "\x0c", "\x0b"] {
            refused(&post(&format!("x: a{control}b\r\n")), "control");
            refused(&post(&format!("host: {control}\r\n")), "control");
            refused(&post(&format!("host: {control}transfer-encoding: chunked\r\n")), "control");
        }
        let many = post(&"x: 1\r\n".repeat(101));
        assert_eq!(judge(many.as_bytes()), Err(BadHead::TooMany { limit_lines: 100 }));
    }

    #[test]
    fn a_request_line_is_exactly_one() {
        for (line, expect) in [
            ("GET /", "request line"),
            ("GET  / HTTP/1.1", "request line"),
            ("GET / HTTP/1.1 ", "request line"),
            ("FETCH / HTTP/1.1", "method"),
            ("get / HTTP/1.1", "method"),
            ("CONNECT a:443 HTTP/1.1", "method"),
            ("GET http://a/ HTTP/1.1", "no proxy"),
            ("GET a HTTP/1.1", "no proxy"),
            ("GET /\u{e9} HTTP/1.1", "encoded"),
            ("GET /a\tb HTTP/1.1", "encoded"),
            ("GET /#a HTTP/1.1", "encoded"),
            ("GET / HTTP/1.2", "version"),
            ("GET / HTTP/3.7", "version"),
            ("GET /a/../b HTTP/1.1", "'..'"),
            ("GET /%2E%2e/b HTTP/1.1", "'..'"),
            ("GET /..%2fb HTTP/1.1", "'..'"),
            ("GET /a%5C.. HTTP/1.1", "'..'"),
            ("GET /a%0d HTTP/1.1", "line end"),
            ("GET /a%0Ab HTTP/1.1", "line end"),
        ] {
            refused(&format!("{line}\r\nhost: a\r\n\r\n"), expect);
        }
    }
}
