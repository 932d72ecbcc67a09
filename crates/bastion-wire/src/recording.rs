//! How long a recording may be, from its first bytes and its size.
//!
//! It must never believe a header against its own size.

/// What most recordings take a second, where their header says nothing: 128 kbit.
const LIKELY_BYTES_PER_S: u64 = 16_000;

/// Least that a WAV can take a second: 8 bits at 2 kHz. Less is no header.
const LEAST_BYTES_PER_S: u64 = 2_000;

/// First bytes that are enough for [`estimated_ms`].
pub const RECORDING_HEAD_BYTES: usize = 32;

/// A recording's length in milliseconds: by a WAV's own rate, else by a likely one; rounded up.
pub fn estimated_ms(head: &[u8], bytes: u64) -> u64 {
    let rate = wav_bytes_per_s(head).unwrap_or(LIKELY_BYTES_PER_S);
    bytes.saturating_mul(1000).div_ceil(rate.max(LEAST_BYTES_PER_S))
}

/// The rate in the header of a WAV whose format stands first, as nearly all have it.
fn wav_bytes_per_s(head: &[u8]) -> Option<u64> {
    let is_wav = head.starts_with(b"RIFF") && head.get(8..16)? == b"WAVEfmt ";
    let rate: [u8; 4] = head.get(28..32)?.try_into().ok()?;
    is_wav.then(|| u64::from(u32::from_le_bytes(rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_says_its_rate_and_the_rest_is_likely() {
        let mut head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0".to_vec();
        head.extend(32_000_u32.to_le_bytes());
        assert_eq!(head.len(), RECORDING_HEAD_BYTES);
        assert_eq!(estimated_ms(&head, 64_000), 2000);
        assert_eq!(estimated_ms(b"ID3", 16_001), 1001);
        assert_eq!(estimated_ms(&head[..20], 16_000), 1000);
        head[28..].copy_from_slice(&[0; 4]);
        assert_eq!(estimated_ms(&head, 2_000), 1000, "a rate of nothing is none");
        assert_eq!(estimated_ms(b"", u64::MAX), u64::MAX.div_ceil(16_000));
    }
}
