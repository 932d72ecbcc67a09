//! WAV files: RIFF with a format, a comment and samples.
//!
//! It must never be longer than its own head can say.

use super::tone::TOLD;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// 16 bits, signed, the low byte first.
    Pcm,
    /// G.711, 8 bits.
    MuLaw,
    /// G.711, 8 bits.
    ALaw,
}

impl Format {
    /// As the head says it, and bytes of one sample.
    fn told(self) -> (u16, u16) {
        match self {
            Format::Pcm => (1, 2),
            Format::ALaw => (6, 1),
            Format::MuLaw => (7, 1),
        }
    }
}

/// A file of one channel.
pub(super) fn file(format: Format, rate_hz: u32, data: &[u8]) -> Vec<u8> {
    let (tag, sample_bytes) = format.told();
    let mut head = Vec::new();
    head.extend_from_slice(&tag.to_le_bytes());
    head.extend_from_slice(&1_u16.to_le_bytes());
    head.extend_from_slice(&rate_hz.to_le_bytes());
    head.extend_from_slice(&(rate_hz * u32::from(sample_bytes)).to_le_bytes());
    head.extend_from_slice(&sample_bytes.to_le_bytes());
    head.extend_from_slice(&(sample_bytes * 8).to_le_bytes());
    let mut comment = b"INFO".to_vec();
    comment.extend(chunk(*b"ICMT", format!("{TOLD}\0").as_bytes()));
    let chunks =
        [chunk(*b"fmt ", &head), chunk(*b"LIST", &comment), chunk(*b"data", data)].concat();
    chunk(*b"RIFF", &[b"WAVE", chunks.as_slice()].concat())
}

/// A chunk, filled to an even length.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut chunk = [kind.as_slice(), &length.to_le_bytes(), data].concat();
    if !data.len().is_multiple_of(2) {
        chunk.push(0);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_its_rate_and_its_length() {
        let wav = file(Format::Pcm, 8000, &[1, 2, 3, 4]);
        let length = u32::try_from(wav.len() - 8).unwrap();
        assert_eq!(wav[..4], *b"RIFF");
        assert_eq!(wav[4..8], length.to_le_bytes());
        assert_eq!(wav[8..16], *b"WAVEfmt ");
        assert_eq!(wav[28..32], 16_000_u32.to_le_bytes());
        assert!(wav.ends_with(b"data\x04\0\0\0\x01\x02\x03\x04"));
        assert!(wav.windows(TOLD.len()).any(|part| part == TOLD.as_bytes()));
        assert_eq!(file(Format::MuLaw, 8000, &[1, 2, 3])[28..32], 8000_u32.to_le_bytes());
        assert!(file(Format::ALaw, 8000, &[1, 2, 3]).ends_with(&[3, 0]), "filled");
    }
}
