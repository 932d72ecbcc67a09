//! Base64 with padding (RFC 4648), for bytes in JSON: images, vectors, bodies in the log.
//!
//! It must never be used to read what a peer sent.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| {
            (bits << 8) | u32::from(group.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            text.push(if at <= group.len() { letter(bits >> (18 - 6 * at)) } else { '=' });
        }
    }
    text
}

fn letter(bits: u32) -> char {
    let place = usize::try_from(bits & 63).unwrap_or_default();
    LETTERS.get(place).copied().map_or('=', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, text) in vectors {
            assert_eq!(encoded(plain.as_bytes()), text);
        }
        assert_eq!(encoded(&[0xff, 0xfe, 0xfd]), "//79");
    }
}
