//! Follows a connection from head to head: how far its bytes may pass.
//!
//! It must never let a byte pass behind a head that was refused or a body that broke off.

use super::BadHead;
use super::chunks::Chunks;
use super::judge::{Body, Framing, judge};

/// Why nothing more passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A head that is not served.
    Refused(BadHead),
    /// A body that is no chunks: its request ends here.
    Broken,
    /// The last request of the connection is through; what follows is nobody's.
    Over,
    /// More came before its turn than is held: the connection ends behind the answer that is being
    /// made, and what came is nobody's (RFC 9112, 9.3.2: it can be sent again).
    TooFarAhead,
}

/// May another request begin?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// None is being answered.
    Now,
    /// One is.
    Later,
}

enum State {
    /// In a head: looked at so far, and where its last line begins.
    Head { looked: usize, line: usize },
    /// In a body of so many bytes more.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunks),
    /// Behind the last request.
    Over,
}

/// One connection's way through heads and bodies.
pub(super) struct Follower {
    state: State,
    is_last: bool,
    limit_bytes: u32,
}

const HEAD: State = State::Head { looked: 0, line: 0 };

impl Follower {
    pub(super) fn new(limit_bytes: u32) -> Follower {
        Follower { state: HEAD, is_last: false, limit_bytes }
    }

    /// Is it in the middle of a request?
    pub(super) fn is_in_a_body(&self) -> bool {
        matches!(self.state, State::Length(_) | State::Chunked(_))
    }

    /// How many of these bytes may pass, and whether it ends there. What did not pass is given
    /// again, with more behind it. At most one request begins in them, and none before its turn.
    pub(super) fn advance(&mut self, bytes: &[u8], turn: Turn) -> (usize, Option<Stop>) {
        let mut passed = 0;
        loop {
            let rest = bytes.get(passed..).unwrap_or_default();
            let begins = matches!(self.state, State::Head { .. });
            if rest.is_empty() || (begins && (passed > 0 || turn == Turn::Later)) {
                return (passed, None);
            }
            match self.step(rest) {
                Ok(0) => return (passed, None),
                Ok(more) => passed += more,
                Err(stop) => return (passed, Some(stop)),
            }
        }
    }

    /// The bytes that pass within one state; none while a head is not whole.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Stop> {
        match &mut self.state {
            State::Head { .. } => self.head(rest),
            State::Length(left) => {
                let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                if *left == 0 {
                    self.state = self.behind_a_body();
                }
                Ok(usize::try_from(here).unwrap_or(usize::MAX))
            }
            State::Chunked(chunks) => {
                let (here, over) = chunks.advance(rest).map_err(|_| Stop::Broken)?;
                if over {
                    self.state = self.behind_a_body();
                }
                Ok(here)
            }
            State::Over => Err(Stop::Over),
        }
    }

    fn behind_a_body(&self) -> State {
        if self.is_last { State::Over } else { HEAD }
    }

    fn head(&mut self, rest: &[u8]) -> Result<usize, Stop> {
        let Some(length) = self.end_of_head(rest)? else { return Ok(0) };
        let head = rest.get(..length).unwrap_or_default();
        let Framing { body, is_last } = judge(head).map_err(Stop::Refused)?;
        self.is_last = is_last;
        self.state = match body {
            Body::Length(0) => self.behind_a_body(),
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Chunked(Chunks::new()),
        };
        Ok(length)
    }

    /// Where the blank line ends; none while it has not come.
    fn end_of_head(&mut self, rest: &[u8]) -> Result<Option<usize>, Stop> {
        let State::Head { looked, line } = &mut self.state else { return Ok(None) };
        if rest.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) {
            let told = "a request begins with its method; this speaks HTTP/1.1 and HTTP/2";
            return Err(Stop::Refused(BadHead::Malformed(told)));
        }
        let too_long = || Stop::Refused(BadHead::TooLong { limit_bytes: self.limit_bytes });
        let limit = usize::try_from(self.limit_bytes).unwrap_or(usize::MAX);
        while let Some(found) = memchr::memchr(b'\n', rest.get(*looked..).unwrap_or_default()) {
            let at = *looked + found;
            if at.checked_sub(1).and_then(|before| rest.get(before)) != Some(&b'\r') {
                let told = "a line of the head ends in a bare LF; end it with CR and LF";
                return Err(Stop::Refused(BadHead::Malformed(told)));
            }
            let blank = at == *line + 1;
            (*looked, *line) = (at + 1, at + 1);
            if *looked > limit {
                return Err(too_long());
            }
            if blank {
                return Ok(Some(*looked));
            }
        }
        *looked = rest.len();
        if rest.len() > limit { Err(too_long()) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT_BYTES: u32 = 200;

    /// What passes of bytes that come in these pieces, and why it ends.
    fn follow(pieces: &[&[u8]]) -> (Vec<u8>, Option<Stop>) {
        let mut follower = Follower::new(LIMIT_BYTES);
        let (mut passed, mut held) = (Vec::new(), Vec::new());
        for piece in pieces {
            held.extend_from_slice(piece);
            if let Some(stop) = pass(&mut follower, &mut held, &mut passed) {
                return (passed, Some(stop));
            }
        }
        (passed, None)
    }

    /// Lets one request pass behind the other.
    fn pass(follower: &mut Follower, held: &mut Vec<u8>, passed: &mut Vec<u8>) -> Option<Stop> {
        loop {
            let (length, stop) = follower.advance(held, Turn::Now);
            passed.extend(held.drain(..length));
            if stop.is_some() || length == 0 {
                return stop;
            }
        }
    }

    fn check(bytes: &[u8], length: usize, expect: Option<Stop>) {
        for split in 0..=bytes.len() {
            let (one, two) = bytes.split_at(split);
            let (passed, stop) = follow(&[one, two]);
            let text = String::from_utf8_lossy(bytes);
            assert_eq!((passed.len(), stop), (length, expect), "{text:?} at {split}");
            assert_eq!(passed, bytes[..length]);
        }
    }

    fn malformed(told: &'static str) -> Stop {
        Stop::Refused(BadHead::Malformed(told))
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const POST: &[u8] = b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
    const CHUNKED: &[u8] =
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";

    #[test]
    fn requests_pass_one_behind_the_other() {
        let all = [GET, POST, CHUNKED, GET, POST].concat();
        check(&all, all.len(), None);
        check(&[POST, b"GET"].concat(), POST.len(), None);
    }

    #[test]
    fn a_request_passes_alone_and_not_before_its_turn() {
        let mut follower = Follower::new(LIMIT_BYTES);
        let two = [POST, GET].concat();
        assert_eq!(follower.advance(&two, Turn::Later), (0, None));
        let head = POST.len() - 3;
        assert_eq!(follower.advance(&two[..head], Turn::Now), (head, None));
        assert_eq!(follower.advance(&two[head..], Turn::Later), (3, None), "its body is its own");
        assert_eq!(follower.advance(GET, Turn::Later), (0, None));
        assert_eq!(follower.advance(&[GET, GET].concat(), Turn::Now), (GET.len(), None));
        let mut follower = Follower::new(LIMIT_BYTES);
        assert_eq!(follower.advance(&two, Turn::Now), (POST.len(), None));
    }

    #[test]
    fn a_bad_head_stops_behind_the_good_ones() {
        let bare = "a line of the head ends in a bare LF; end it with CR and LF";
        let bad = b"GET / HTTP/1.1\nhost: a\n\n";
        check(&[CHUNKED, bad].concat(), CHUNKED.len(), Some(malformed(bare)));
        let begin = "a request begins with its method; this speaks HTTP/1.1 and HTTP/2";
        check(&[POST, b"\r\n", GET].concat(), POST.len(), Some(malformed(begin)));
        let both = b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
        let told = "both a content-length and a transfer-encoding; send one of them";
        check(&[GET, both].concat(), GET.len(), Some(malformed(told)));
    }

    #[test]
    fn a_head_is_bounded() {
        let long = [b"GET /".to_vec(), vec![b'a'; 300]].concat();
        let (passed, stop) = follow(&[&long]);
        assert_eq!(
            (passed.len(), stop),
            (0, Some(Stop::Refused(BadHead::TooLong { limit_bytes: 200 })))
        );
        let lines = [GET[..16].to_vec(), b"x: 1\r\n".repeat(40), b"\r\n".to_vec()].concat();
        assert!(matches!(follow(&[&lines]).1, Some(Stop::Refused(BadHead::TooLong { .. }))));
    }

    #[test]
    fn broken_chunks_and_what_follows_the_last_request_go_no_further() {
        let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let broken = [&head[..], b"3\r\nabcd"].concat();
        let (_, stop) = follow(&[&broken]);
        assert_eq!(stop, Some(Stop::Broken));
        let last = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";
        check(&[&last[..], GET].concat(), last.len(), Some(Stop::Over));
    }
}
