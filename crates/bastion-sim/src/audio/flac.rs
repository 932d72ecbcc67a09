//! FLAC files whose samples stand as they are. Source: RFC 9639.
//!
//! It must never compress: a tone is small enough.

use super::tone::TOLD;

/// Samples of one frame; the last may have fewer.
const FRAME_SAMPLES: usize = 4096;

/// A file of one channel of 16 bits.
pub(super) fn file(samples: &[i16], rate_hz: u32) -> Vec<u8> {
    let mut flac = b"fLaC".to_vec();
    flac.extend(metadata(0, &stream_info(samples.len(), rate_hz)));
    // The last block of metadata.
    flac.extend(metadata(0x80 | 4, &comment()));
    for (number, frame) in (0_u32..).zip(samples.chunks(FRAME_SAMPLES)) {
        flac.extend(frame_of(number, frame));
    }
    flac
}

fn metadata(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes();
    let [_, length @ ..] = length;
    [&[kind], length.as_slice(), data].concat()
}

/// Frame sizes and the sum of the samples are unknown (0), which the format allows.
fn stream_info(samples: usize, rate_hz: u32) -> Vec<u8> {
    let frame = u16::try_from(FRAME_SAMPLES).unwrap_or(u16::MAX).to_be_bytes();
    let mut info = [frame, frame].concat();
    info.extend([0; 6]);
    // 20 bits of rate, 3 of channels - 1, 5 of bits a sample - 1, 36 of samples.
    let count = u64::try_from(samples).unwrap_or(u64::MAX) & 0x000f_ffff_ffff;
    let packed = (u64::from(rate_hz) << 44) | (15 << 36) | count;
    info.extend(packed.to_be_bytes());
    info.extend([0; 16]);
    info
}

/// A comment has its lengths with the low byte first, unlike all else.
fn comment() -> Vec<u8> {
    let text = |text: &str| {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        [length.to_le_bytes().as_slice(), text.as_bytes()].concat()
    };
    let fields = text(&format!("COMMENT={TOLD}"));
    [text(TOLD), 1_u32.to_le_bytes().to_vec(), fields].concat()
}

fn frame_of(number: u32, samples: &[i16]) -> Vec<u8> {
    // Fixed block size; 16 bits of size - 1 behind the number; rate as in the stream's head.
    let mut frame = vec![0xff, 0xf8, 0x70, 0b0000_1000];
    frame.extend(coded_number(number));
    let size = u16::try_from(samples.len().saturating_sub(1)).unwrap_or(u16::MAX);
    frame.extend(size.to_be_bytes());
    frame.push(crc8(&frame));
    // One subframe, as it is.
    frame.push(0b0000_0010);
    frame.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
    frame.extend(crc16(&frame).to_be_bytes());
    frame
}

/// As UTF-8 writes characters, which is enough for the frames of any tone.
fn coded_number(number: u32) -> Vec<u8> {
    let letter = char::from_u32(number).unwrap_or_default();
    letter.to_string().into_bytes()
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ byte,
            |crc: u8, _| {
                if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 }
            },
        )
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc: u16, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x8005 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_the_published_ones() {
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn a_file_has_a_head_and_its_frames() {
        let flac = file(&[5; 5000], 16_000);
        assert!(flac.starts_with(b"fLaC\0\0\0\x22\x10\0\x10\0"));
        assert_eq!(flac[18..26], [0x03, 0xe8, 0x00, 0xf0, 0, 0, 0x13, 0x88]);
        assert!(flac.windows(TOLD.len()).any(|part| part == TOLD.as_bytes()));
        let frames = flac.windows(4).filter(|part| **part == [0xff, 0xf8, 0x70, 0x08]).count();
        assert_eq!(frames, 2);
        assert_eq!(coded_number(200), [0xc3, 0x88]);
    }
}
