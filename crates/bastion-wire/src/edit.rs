//! Changes one value in a body and leaves every other byte as it came.
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
}
