//! Ogg files of Opus silence. Source: RFC 3533, RFC 7845, RFC 6716.
//!
//! It must never claim to hold the tone: an Opus encoder would be larger than all of this crate.

use super::tone::TOLD;

/// The stream's number; there is one.
const SERIAL: u32 = 1;
/// Opus counts 48 000 samples a second, whatever its input was.
const SAMPLES_PER_MS: u64 = 48;
/// Silence of 20 ms, one channel, the full band.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
const PACKET_MS: u64 = 20;
/// Packets of one page; a page holds at most 255 pieces of packets.
const PAGE_PACKETS: u64 = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Middle,
    Last,
}

/// A file that is silent for so long, rounded up to whole packets.
pub(super) fn silence(milliseconds: u64) -> Vec<u8> {
    let packets = milliseconds.div_ceil(PACKET_MS).max(1);
    let mut ogg = page(Place::First, (0, 0), &[head()]);
    ogg.extend(page(Place::Middle, (1, 0), &[tags()]));
    let mut written = 0;
    let mut number = 2;
    while written < packets {
        let count = PAGE_PACKETS.min(packets - written);
        written += count;
        let place = if written == packets { Place::Last } else { Place::Middle };
        let until = written * PACKET_MS * SAMPLES_PER_MS;
        let silent = (0..count).map(|_| SILENCE.to_vec()).collect::<Vec<_>>();
        ogg.extend(page(place, (number, until), &silent));
        number += 1;
    }
    ogg
}

/// One channel, nothing to skip, 48 kHz, no gain, the simple mapping.
fn head() -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(0_u16.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0; 3]);
    head
}

fn tags() -> Vec<u8> {
    let text = |text: &str| {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        [length.to_le_bytes().as_slice(), text.as_bytes()].concat()
    };
    let comment = text(&format!("COMMENT={TOLD}"));
    [b"OpusTags".to_vec(), text(TOLD), 1_u32.to_le_bytes().to_vec(), comment].concat()
}

/// A page of whole packets, each shorter than 255 bytes.
fn page(place: Place, (number, samples): (u32, u64), packets: &[Vec<u8>]) -> Vec<u8> {
    let flags = match place {
        Place::First => 2,
        Place::Middle => 0,
        Place::Last => 4,
    };
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(samples.to_le_bytes());
    page.extend(SERIAL.to_le_bytes());
    page.extend(number.to_le_bytes());
    let sum_at = page.len();
    page.extend([0; 4]);
    page.push(u8::try_from(packets.len()).unwrap_or(u8::MAX));
    page.extend(packets.iter().map(|packet| u8::try_from(packet.len()).unwrap_or(u8::MAX)));
    page.extend(packets.concat());
    let sum = crc32(&page).to_le_bytes();
    for (place, byte) in page.iter_mut().skip(sum_at).zip(sum) {
        *place = byte;
    }
    page
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc: u32, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0x89a1_897f);
    }

    #[test]
    fn a_file_has_two_heads_and_its_packets() {
        let ogg = silence(2001);
        let pages = ogg.windows(5).filter(|part| *part == b"OggS\0").count();
        assert_eq!(pages, 2 + 3, "101 packets, 50 a page");
        assert!(ogg.windows(8).any(|part| part == b"OpusHead"));
        assert!(ogg.ends_with(&SILENCE));
    }
}
