//! The two companded forms of a sample. Source: ITU-T G.711.
//!
//! They must never be used for anything but a tone: there is no dither.

/// µ-law of a signed sample of 16 bits.
pub(super) fn mu_law(sample: i16) -> u8 {
    const BIAS: u16 = 0x84;
    const CLIP: u16 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let level = sample.unsigned_abs().min(CLIP) + BIAS;
    let (segment, step) = segment(level, 7);
    !(sign | (segment << 4) | step)
}

/// A-law of a signed sample of 16 bits.
pub(super) fn a_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let level = if sample < 0 { !sample } else { sample }.unsigned_abs();
    let coded = if level < 256 {
        low_byte(level >> 4)
    } else {
        let (segment, step) = segment(level, 7);
        (segment << 4) | step
    };
    (sign | coded) ^ 0x55
}

/// The place of the highest bit above `lowest`, and the four bits behind it.
fn segment(level: u16, lowest: u32) -> (u8, u8) {
    let highest = level.checked_ilog2().unwrap_or_default().max(lowest);
    let step = low_byte(level >> (highest - 4)) & 0x0f;
    (u8::try_from(highest - lowest).unwrap_or_default(), step)
}

fn low_byte(number: u16) -> u8 {
    let [low, _] = number.to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the published reference coder.
    #[test]
    fn samples_are_coded_as_published() {
        for (sample, mu, a) in [
            (0, 0xff, 0xd5),
            (-1, 0x7f, 0x55),
            (1000, 0xce, 0xfa),
            (-1000, 0x4e, 0x7a),
            (i16::MAX, 0x80, 0xaa),
            (i16::MIN, 0x00, 0x2a),
        ] {
            assert_eq!((mu_law(sample), a_law(sample)), (mu, a), "{sample}");
        }
    }
}
