//! Pictures that follow from the dice, as PNG in two colours.
//!
//! They must never be without the word that they are simulated.

use crate::dice::Dice;
use crate::text::len;

/// Sides of one square of the picture, in pixels.
const SQUARE_PIXELS: u32 = 32;
/// Longest block that is stored as it is. Source: RFC 1951.
const MAX_STORED_BYTES: usize = 65_535;
/// One bit for each pixel, a palette. Source: the PNG specification, IHDR.
const ONE_BIT_OF_A_PALETTE: [u8; 5] = [1, 3, 0, 0, 0];
const PALETTE: [u8; 6] = [0x1b, 0x3a, 0x4b, 0xe8, 0xe4, 0xd9];
const TOLD: &[u8] = b"Comment\0simulated";

/// A picture of this size.
pub(crate) fn picture(dice: &mut Dice, width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = [&width.to_be_bytes(), &height.to_be_bytes(), ONE_BIT_OF_A_PALETTE.as_slice()];
    chunk(&mut png, *b"IHDR", &head.concat());
    chunk(&mut png, *b"PLTE", &PALETTE);
    chunk(&mut png, *b"tEXt", TOLD);
    chunk(&mut png, *b"IDAT", &stored(&rows(dice, width, height)));
    chunk(&mut png, *b"IEND", b"");
    png
}

/// Squares of both colours; all rows of one square are the same.
fn rows(dice: &mut Dice, width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    for y in 0..height {
        if y % SQUARE_PIXELS == 0 {
            row = square_row(dice, width);
        }
        // No filter.
        rows.push(0);
        rows.extend_from_slice(&row);
    }
    rows
}

fn square_row(dice: &mut Dice, width: u32) -> Vec<u8> {
    let bytes = usize::try_from(width.div_ceil(8)).unwrap_or_default();
    let square_bytes = usize::try_from(SQUARE_PIXELS / 8).unwrap_or(1);
    let mut row = Vec::with_capacity(bytes);
    while row.len() < bytes {
        let colour = if dice.below(2) == 0 { 0 } else { 0xff };
        row.extend(std::iter::repeat_n(colour, square_bytes.min(bytes - row.len())));
    }
    row
}

/// A zlib stream of stored blocks. Source: RFC 1950.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(MAX_STORED_BYTES).peekable();
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend_from_slice(&adler32(bytes).to_be_bytes());
    stream
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(len(data.len())).unwrap_or(u32::MAX);
    png.extend_from_slice(&length.to_be_bytes());
    png.extend_from_slice(&kind);
    png.extend_from_slice(data);
    png.extend_from_slice(&crc32(&[kind.as_slice(), data].concat()).to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_picture_is_whole_and_says_what_it_is() {
        let png = picture(&mut Dice::new(1, b"a"), 100, 700);
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x64\0\0\x02\xbc"));
        assert!(png.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        assert!(png.windows(TOLD.len()).any(|part| part == TOLD));
        // Rows of a filter's byte and 13 bytes, one stored block.
        let rows = 700 * 14;
        assert_eq!(png.len(), 8 + 25 + 18 + (12 + TOLD.len()) + (12 + 2 + 5 + rows + 4) + 12);
        assert_ne!(png, picture(&mut Dice::new(2, b"a"), 100, 700));
    }
}
