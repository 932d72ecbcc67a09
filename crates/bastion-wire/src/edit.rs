//! Changes a few places of a body and leaves every other byte as it came.
//!
//! It must never parse and print a body: that loses digits, order and unknown fields.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// `body` with the bytes of `place` replaced; unchanged when `place` lies outside.
pub fn splice(body: &Bytes, place: Range<usize>, with: &[u8]) -> Bytes {
    let (Some(before), Some(after)) = (body.get(..place.start), body.get(place.end..)) else {
        return body.clone();
    };
    let mut out = BytesMut::with_capacity(before.len() + with.len() + after.len());
    out.put_slice(before);
    out.put_slice(with);
    out.put_slice(after);
    out.freeze()
}

/// New bytes for a place of a body; an empty place is an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<'a> {
    /// Which bytes go.
    pub place: Range<usize>,
    /// What stands there instead.
    pub with: &'a [u8],
}

/// `body` with all of these edits; those that lie outside or reach into an earlier one are left out.
pub fn splice_all(body: &Bytes, edits: &mut [Edit<'_>]) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_unstable_by_key(|edit| edit.place.start);
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = BytesMut::with_capacity(body.len() + added);
    let mut from = 0;
    for Edit { place, with } in edits {
        let Some(kept) = body.get(from..place.start).filter(|_| place.end <= body.len()) else {
            continue;
        };
        out.put_slice(kept);
        out.put_slice(with);
        from = place.end;
    }
    out.put_slice(body.get(from..).unwrap_or_default());
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_bytes_change() {
        let body = Bytes::from_static(b"{\"model\":\"a\",\"seed\":123456789012345678901234567890}");
        let out = splice(&body, 9..12, b"\"bigger\"");
        assert_eq!(&out[..], b"{\"model\":\"bigger\",\"seed\":123456789012345678901234567890}");
        assert_eq!(splice(&body, 9..500, b"x"), body);
    }

    #[test]
    fn several_edits_are_made_in_one_pass() {
        let body = Bytes::from_static(b"{\"model\":\"a\",\"stream\":true}");
        let mut edits =
            [Edit { place: 9..12, with: b"\"bb\"" }, Edit { place: 1..1, with: b"\"x\":1," }];
        let out = splice_all(&body, &mut edits);
        assert_eq!(&out[..], b"{\"x\":1,\"model\":\"bb\",\"stream\":true}");
        assert_eq!(splice_all(&body, &mut []), body);
        assert_eq!(splice_all(&body, &mut [Edit { place: 9..500, with: b"x" }]), body);
        let clash = &mut [Edit { place: 0..9, with: b"" }, Edit { place: 5..6, with: b"y" }];
        assert_eq!(&splice_all(&body, clash)[..], b"\"a\",\"stream\":true}");
    }
}
