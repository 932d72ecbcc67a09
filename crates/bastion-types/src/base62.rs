//! Base62 text of a fixed width, from numbers and from the system's randomness.
//!
//! It must never fall back to a weaker source of randomness.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The largest multiple of 62 that fits a byte: bytes from here on would favour some letters.
const UNBIASED_BELOW: u8 = 248;

/// Is this byte a letter of the alphabet?
pub(crate) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// `value` as exactly `N` letters, most significant first; higher digits are cut off.
pub(crate) fn encode<const N: usize>(mut value: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        *place = letter(value % 62);
        value /= 62;
    }
    text
}

/// `N` letters, each with the full log2(62) bits of the operating system's randomness.
///
/// # Errors
/// When the operating system gives no randomness; nothing may be made then.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut text = [b'0'; N];
    let mut filled = 0;
    while filled < N {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes)?;
        let fresh = bytes.iter().filter(|byte| **byte < UNBIASED_BELOW);
        for (place, byte) in text.iter_mut().skip(filled).zip(fresh) {
            *place = letter(u64::from(*byte) % 62);
            filled += 1;
        }
    }
    Ok(text)
}

/// `N` letters from random bytes, each with the full log2(62) bits.
///
/// # Errors
/// When there is no byte.
pub(crate) fn letters<const N: usize, E>(
    mut byte: impl FnMut() -> Result<u8, E>,
) -> Result<[u8; N], E> {
    let mut text = [b'0'; N];
    for place in &mut text {
        let mut drawn = byte()?;
        while drawn >= UNBIASED_BELOW {
            drawn = byte()?;
        }
        *place = letter(u64::from(drawn) % 62);
    }
    Ok(text)
}

fn letter(digit: u64) -> u8 {
    usize::try_from(digit).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_to_their_width() {
        assert_eq!(&encode::<6>(0), b"000000");
        assert_eq!(&encode::<6>(61), b"00000z");
        assert_eq!(&encode::<6>(62), b"000010");
        assert_eq!(&encode::<6>(u64::from(u32::MAX)), b"4gfFC3");
    }

    #[test]
    fn two_random_texts_differ_and_hold_only_letters() {
        let (one, two) = (random::<43>().unwrap(), random::<43>().unwrap());
        assert_ne!(one, two);
        assert!(one.iter().chain(&two).all(|byte| is_letter(*byte)));
    }
}
