//! Finds the frames of an event stream across any split of its bytes.
//!
//! Frames go on as they came, untouched: this reader only finds where they end. It must never
//! hold more than one unfinished frame, and that only up to [`MAX_FRAME_BYTES`].
//! Source: the WHATWG HTML standard, server-sent events.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// Longest frame that is held back, in bytes; an endless line ends the stream.
pub const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// What the terminal event of chat and completions says; made ready once, for it is looked for in
/// frame after frame.
static DONE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("[DONE]"));

/// The byte order mark that a stream may begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A frame that does not end within [`MAX_FRAME_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the stream does not end within {MAX_FRAME_BYTES} bytes")]
pub struct FrameTooLong;

/// Takes bytes as they come and gives whole frames.
#[derive(Debug)]
pub struct FrameReader {
    held: BytesMut,
    line_is_empty: bool,
    /// The last byte was a CR that ended a line: an LF behind it belongs to it.
    after_cr: bool,
}

/// Whole frames that stand one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The frames' bytes as they came.
    pub bytes: Bytes,
    /// Where the first frame begins: behind an LF that belongs to the frame that went on before.
    begin: usize,
    ends: Vec<usize>,
}

/// One frame: lines up to and with the blank one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a>(&'a [u8]);

impl Default for FrameReader {
    fn default() -> FrameReader {
        FrameReader { held: BytesMut::new(), line_is_empty: true, after_cr: false }
    }
}

impl FrameReader {
    /// The frames that end within `chunk`, with what was held before; none if none ends.
    ///
    /// # Errors
    /// [`FrameTooLong`]: the stream cannot be read on.
    pub fn push(&mut self, chunk: Bytes) -> Result<Option<Run>, FrameTooLong> {
        let belated_lf = self.may_go_on_with_lf() && chunk.first() == Some(&b'\n');
        let begin = usize::from(belated_lf);
        let mut ends = Vec::new();
        self.find_ends(&chunk, &mut ends);
        let Some(last) = ends.last().copied().or(belated_lf.then_some(begin)) else {
            return self.hold(&chunk).map(|()| None);
        };
        let rest = chunk.slice(last..);
        let bytes = if self.held.is_empty() {
            chunk.slice(..last)
        } else {
            let before = self.held.len();
            for end in &mut ends {
                *end += before;
            }
            self.held.extend_from_slice(chunk.get(..last).unwrap_or_default());
            self.held.split().freeze()
        };
        self.hold(&rest)?;
        Ok(Some(Run { bytes, begin, ends }))
    }

    /// What is left when the stream's body is over: bytes of a frame without its end.
    pub fn finish(self) -> Bytes {
        self.held.freeze()
    }

    /// Is nothing held back but whole comment lines, so that a line of ours may be put here? An
    /// upstream's own sign of life is such a line, without a blank one behind it.
    pub fn is_between_frames(&self) -> bool {
        let held: &[u8] = &self.held;
        let mut lines = held.split(|byte| matches!(byte, b'\n' | b'\r'));
        self.line_is_empty && lines.all(|line| line.is_empty() || line.starts_with(b":"))
    }

    /// Is what is held back a frame of which only the blank line is missing, and is it `that`?
    pub fn ends_in(&self, that: impl FnOnce(Frame<'_>) -> bool) -> bool {
        self.held.ends_with(b"\n") && that(Frame(&self.held))
    }

    /// Ended the last frame in a CR, so that an LF may still come that belongs to it?
    pub fn may_go_on_with_lf(&self) -> bool {
        self.after_cr && self.held.is_empty()
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), FrameTooLong> {
        if self.held.len() + bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameTooLong);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Where in `chunk` frames end: behind the line end of each blank line.
    fn find_ends(&mut self, chunk: &[u8], ends: &mut Vec<usize>) {
        let mut at = 0;
        if self.after_cr && chunk.first() == Some(&b'\n') {
            at = 1;
        }
        if !chunk.is_empty() {
            self.after_cr = false;
        }
        while let Some(found) = next_line_end(chunk, at) {
            let blank = found == at && self.line_is_empty;
            let is_cr = chunk.get(found) == Some(&b'\r');
            at = found + 1;
            if is_cr && chunk.get(at) == Some(&b'\n') {
                at += 1;
            } else {
                self.after_cr = is_cr && at == chunk.len();
            }
            self.line_is_empty = true;
            if blank {
                ends.push(at);
            }
        }
        if at < chunk.len() {
            self.line_is_empty = false;
        }
    }
}

fn next_line_end(chunk: &[u8], from: usize) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', chunk.get(from..)?).map(|found| from + found)
}

impl Run {
    /// The frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let starts = std::iter::once(self.begin).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end).map(Frame))
    }

    /// The frames that hold any of these places of the run, in order, each once.
    pub fn frames_at(&self, mut places: Vec<usize>) -> Vec<(usize, Frame<'_>)> {
        places.sort_unstable();
        let mut found: Vec<(usize, Frame<'_>)> = Vec::with_capacity(places.len());
        for place in places {
            let index = self.ends.partition_point(|end| *end <= place);
            if found.last().is_some_and(|(last, _)| *last == index) {
                continue;
            }
            found.extend(self.frame(index).map(|frame| (index, frame)));
        }
        found
    }

    /// The bytes without these frames; not copied where none is left out.
    pub fn without(&self, left_out: &[usize]) -> Bytes {
        if left_out.is_empty() {
            return self.bytes.clone();
        }
        let mut kept = BytesMut::with_capacity(self.bytes.len());
        kept.extend_from_slice(self.bytes.get(..self.begin).unwrap_or_default());
        for (index, frame) in self.frames().enumerate() {
            if !left_out.contains(&index) {
                kept.extend_from_slice(frame.bytes());
            }
        }
        kept.freeze()
    }

    /// Is this the number of the last frame?
    pub fn is_last(&self, index: usize) -> bool {
        index + 1 == self.ends.len()
    }

    fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let end = self.ends.get(index).copied()?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        self.bytes.get(start.unwrap_or(self.begin)..end).map(Frame)
    }

    /// The same without a byte order mark, which may stand at a stream's begin only.
    #[must_use]
    pub fn without_bom(self) -> Run {
        if self.bytes.starts_with(BOM) { self.from(BOM.len()) } else { self }
    }

    /// The same without the LF that belongs to the frame that went on before: that frame did not.
    #[must_use]
    pub fn without_belated_lf(self) -> Run {
        let begin = self.begin;
        self.from(begin)
    }

    fn from(self, start: usize) -> Run {
        let ends = self.ends.iter().map(|end| end.saturating_sub(start)).collect();
        Run { bytes: self.bytes.slice(start..), begin: self.begin.saturating_sub(start), ends }
    }
}

impl<'a> Frame<'a> {
    /// Bytes that are read as one frame, such as what a stream left at its end.
    pub fn of(bytes: &'a [u8]) -> Frame<'a> {
        Frame(bytes)
    }

    /// The frame's bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value of the `data` lines, joined by LF; none when there is none.
    pub fn data(self) -> Option<Cow<'a, [u8]>> {
        let mut data: Option<Cow<'a, [u8]>> = None;
        for line in self.lines().filter_map(|line| field(line, b"data")) {
            match &mut data {
                None => data = Some(Cow::Borrowed(line)),
                Some(joined) => {
                    let joined = joined.to_mut();
                    joined.push(b'\n');
                    joined.extend_from_slice(line);
                }
            }
        }
        data
    }

    /// The value of the last `event` line.
    pub fn event(self) -> Option<&'a [u8]> {
        self.lines().filter_map(|line| field(line, b"event")).last()
    }

    /// Is this the terminal event of chat and completions?
    pub fn is_done(self) -> bool {
        // Comment lines may stand before it: signs of life of an upstream that says nothing else.
        DONE.find(self.0).is_some()
            && self.data().is_some_and(|data| data.as_ref() == DONE.needle())
    }

    fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.0.strip_prefix(BOM).unwrap_or(self.0);
        // The empty 'lines' between CR and LF carry no field and do no harm.
        bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty())
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames and left-over of a stream that comes in these pieces.
    fn read(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut reader = FrameReader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            let Some(run) = reader.push(Bytes::copy_from_slice(piece)).unwrap() else { continue };
            let whole: Vec<u8> = run.frames().flat_map(|f| f.bytes().to_vec()).collect();
            assert_eq!(whole, run.bytes[run.begin..], "frames make up the run");
            if run.begin > 0 {
                let before: &mut Vec<u8> = frames.last_mut().unwrap();
                before.extend_from_slice(&run.bytes[..run.begin]);
            }
            frames.extend(run.frames().map(|frame| frame.bytes().to_vec()));
        }
        (frames, reader.finish().to_vec())
    }

    fn data(frames: &[Vec<u8>]) -> Vec<String> {
        let data = frames.iter().filter_map(|frame| Frame(frame).data().map(Cow::into_owned));
        data.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    #[test]
    fn frames_end_at_blank_lines_of_any_kind() {
        let (frames, rest) =
            read(&[b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\ndata: e\n"]);
        assert_eq!(data(&frames), ["a", "b", "c", "d"]);
        assert_eq!(rest, b"data: e\n");
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let frame = Frame(b"\xef\xbb\xbf: note\nevent: error\ndata: a\ndata:b\ndata\nid: 7\n\n");
        assert_eq!(frame.data().unwrap().as_ref(), b"a\nb\n");
        assert_eq!(frame.event(), Some(&b"error"[..]));
        assert!(Frame(b"data: [DONE]\n\n").is_done());
        assert!(Frame(b"data:[DONE]\r\n\r\n").is_done());
        assert!(!Frame(b"data: \"[DONE]\"\n\n").is_done());
        assert!(Frame(&[&b": heartbeat\n".repeat(20)[..], b"data: [DONE]\n\n"].concat()).is_done());
        assert!(Frame(b": only a comment\n\n").data().is_none());
        assert!(Frame(b"database: x\n\n").data().is_none());
    }

    #[test]
    fn a_frame_is_taken_out_whole() {
        let mut reader = FrameReader::default();
        let bytes = Bytes::from_static(b"data: a\n\n: x\ndata: b\r\n\r\ndata: c\n\n");
        let run = reader.push(bytes).unwrap().unwrap();
        assert_eq!(run.without(&[0]), b": x\ndata: b\r\n\r\ndata: c\n\n"[..]);
        assert_eq!(run.without(&[1]), b"data: a\n\ndata: c\n\n"[..]);
        assert_eq!(run.without(&[2]), b"data: a\n\n: x\ndata: b\r\n\r\n"[..]);
        assert_eq!(run.without(&[0, 2]), b": x\ndata: b\r\n\r\n"[..]);
        assert_eq!(run.without(&[]), run.bytes);
    }

    #[test]
    fn a_place_leads_to_its_frame() {
        let mut reader = FrameReader::default();
        let run = reader.push(Bytes::from_static(b"data: a\n\ndata: b\n\n")).unwrap().unwrap();
        let at = |places: Vec<usize>| -> Vec<usize> {
            run.frames_at(places).into_iter().map(|(index, _)| index).collect()
        };
        assert_eq!(at(vec![0]), [0]);
        assert_eq!(at(vec![17, 8, 9, 10]), [0, 1]);
        assert_eq!(at(vec![18, 99]), [0; 0]);
        assert_eq!(run.frames_at(vec![9])[0].1.bytes(), b"data: b\n\n");
    }

    #[test]
    fn a_line_feed_behind_a_cut_off_cr_goes_on_at_once() {
        let mut reader = FrameReader::default();
        let mut push = |bytes: &'static [u8]| reader.push(Bytes::from_static(bytes)).unwrap();
        assert_eq!(push(b"data: a\r\n\r").unwrap().bytes, b"data: a\r\n\r"[..]);
        assert_eq!(push(b"\n").unwrap().bytes, b"\n"[..]);
        assert!(push(b"data: b\r\n\r").is_some());
        let run = push(b"\ndata: c\r\n\r\n").unwrap();
        assert_eq!(run.frames().count(), 1);
        assert_eq!(run.without(&[0]), b"\n"[..], "it belongs to the frame before");
        assert_eq!(run.without_belated_lf().bytes, b"data: c\r\n\r\n"[..]);
    }

    #[test]
    fn a_line_of_ours_may_stand_between_frames_and_behind_comments() {
        let between = |bytes: &'static [u8]| {
            let mut reader = FrameReader::default();
            reader.push(Bytes::from_static(bytes)).unwrap();
            reader.is_between_frames()
        };
        for bytes in [&b""[..], b"data: a\n\n", b": x\n", b"data: a\n\n: x\n:\r\n"] {
            assert!(between(bytes), "{bytes:?}");
        }
        for bytes in [&b": x"[..], b"data: a\n", b": x\ndata: a\n", b"event: x\n", b"d"] {
            assert!(!between(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_can_be_taken_away() {
        let mut reader = FrameReader::default();
        let run = reader.push(Bytes::from_static(b"\xef\xbb\xbfdata: a\n\ndata: b\n\n"));
        let run = run.unwrap().unwrap().without_bom();
        assert_eq!(run.bytes, b"data: a\n\ndata: b\n\n"[..]);
        let data: Vec<_> = run.frames().map(|frame| frame.data().unwrap().into_owned()).collect();
        assert_eq!(data, [b"a", b"b"]);
        assert_eq!(run.clone().without_bom(), run);
    }

    #[test]
    fn an_endless_line_is_an_error() {
        let mut reader = FrameReader::default();
        let piece = Bytes::from(vec![b'x'; MAX_FRAME_BYTES / 2]);
        assert_eq!(reader.push(piece.clone()), Ok(None));
        assert_eq!(reader.push(piece.clone()), Ok(None));
        assert_eq!(reader.push(piece), Err(FrameTooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "data: x", "\n", "\r\n", "\r", ": c", "event: e", "\u{feff}", "\0", "é", "\n\n",
                ]), 0..40),
            cuts in prop::collection::vec(0_usize..200, 0..12),
        ) {
            let whole = pieces.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let split: Vec<&[u8]> = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
            let (at_once, rest) = read(&[&whole]);
            let (in_pieces, rest_of_pieces) = read(&split);
            prop_assert_eq!(data(&at_once), data(&in_pieces));
            prop_assert_eq!((at_once, rest), (in_pieces, rest_of_pieces));
        }
    }
}
