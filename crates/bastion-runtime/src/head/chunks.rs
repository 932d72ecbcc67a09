//! Follows a chunked body to its end, however it is split. Source: RFC 9112, 7.1.
//!
//! It must never take a bare line end for one, and never read a size in two ways.

use super::judge::is_of_a_name;

/// Hexadecimal digits of a size: more cannot be counted.
const MAX_DIGITS: u32 = 15;

/// Bytes of all chunk extensions of a body.
const MAX_EXTENSION_BYTES: u32 = 4096;

/// Bytes of the trailers.
const MAX_TRAILER_BYTES: u32 = 8192;

/// A body that is no chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadChunks;

/// Where in a chunked body we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a size, with its digits so far.
    Size { digits: u32, size: u64 },
    /// In an extension.
    Extension { size: u64 },
    /// Behind the CR of a size's line.
    SizeEnd { size: u64 },
    /// In data, so many bytes before their end.
    Data { left: u64 },
    /// Before the CR behind data.
    DataEnd,
    /// Before the LF behind data.
    DataLf,
    /// At the begin of a trailer's line.
    Trailer,
    /// In a trailer's name.
    TrailerName,
    /// In a trailer's value.
    TrailerValue,
    /// Behind the CR of a trailer's line.
    TrailerEnd,
    /// Behind the CR of the last, blank line.
    LastLf,
    /// Behind the body.
    Over,
}

/// A chunked body on its way.
#[derive(Debug)]
pub(super) struct Chunks {
    at: At,
    extension_bytes: u32,
    trailer_bytes: u32,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks { at: At::Size { digits: 0, size: 0 }, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// How many of these bytes belong to the body, and whether it is over with them.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), BadChunks> {
        let mut used = 0;
        while let Some(byte) = bytes.get(used) {
            if let At::Data { left } = self.at {
                used += self.skip(left, bytes.len() - used);
                continue;
            }
            self.at = self.step(*byte)?;
            used += 1;
            if self.at == At::Over {
                return Ok((used, true));
            }
        }
        Ok((used, false))
    }

    /// Data are not looked at.
    fn skip(&mut self, left: u64, there: usize) -> usize {
        let here = u64::try_from(there).unwrap_or(u64::MAX).min(left);
        self.at = if here == left { At::DataEnd } else { At::Data { left: left - here } };
        usize::try_from(here).unwrap_or(usize::MAX)
    }

    fn step(&mut self, byte: u8) -> Result<At, BadChunks> {
        match (self.at, byte) {
            (At::Size { digits, size }, _) => self.in_size(digits, size, byte),
            (At::Extension { size }, b'\r') => Ok(At::SizeEnd { size }),
            (At::Extension { size }, _) if !byte.is_ascii_control() => {
                count(&mut self.extension_bytes, MAX_EXTENSION_BYTES)?;
                Ok(At::Extension { size })
            }
            (At::SizeEnd { size: 0 } | At::TrailerEnd, b'\n') => Ok(At::Trailer),
            (At::SizeEnd { size }, b'\n') => Ok(At::Data { left: size }),
            (At::DataEnd, b'\r') => Ok(At::DataLf),
            (At::DataLf, b'\n') => Ok(At::Size { digits: 0, size: 0 }),
            (At::Trailer, b'\r') => Ok(At::LastLf),
            (At::TrailerValue, b'\r') => Ok(At::TrailerEnd),
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::LastLf, b'\n') => Ok(At::Over),
            (At::Trailer | At::TrailerName, _) if is_of_a_name(byte) => {
                count(&mut self.trailer_bytes, MAX_TRAILER_BYTES)?;
                Ok(At::TrailerName)
            }
            (At::TrailerValue, _) if !byte.is_ascii_control() || byte == b'\t' => {
                count(&mut self.trailer_bytes, MAX_TRAILER_BYTES)?;
                Ok(At::TrailerValue)
            }
            _ => Err(BadChunks),
        }
    }

    fn in_size(&mut self, digits: u32, size: u64, byte: u8) -> Result<At, BadChunks> {
        let value = char::from(byte).to_digit(16);
        match (value, byte) {
            (Some(value), _) if digits < MAX_DIGITS => {
                Ok(At::Size { digits: digits + 1, size: (size << 4) | u64::from(value) })
            }
            (None, b'\r') if digits > 0 => Ok(At::SizeEnd { size }),
            (None, b';') if digits > 0 => {
                count(&mut self.extension_bytes, MAX_EXTENSION_BYTES)?;
                Ok(At::Extension { size })
            }
            _ => Err(BadChunks),
        }
    }
}

fn count(bytes: &mut u32, limit: u32) -> Result<(), BadChunks> {
    *bytes += 1;
    if *bytes > limit { Err(BadChunks) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At every split of the bytes.
    fn check(bytes: &[u8], expect: Result<(usize, bool), BadChunks>) {
        for split in 0..=bytes.len() {
            let mut chunks = Chunks::new();
            let (one, two) = bytes.split_at(split);
            let got = match chunks.advance(one) {
                Ok((used, false)) => chunks.advance(two).map(|(more, over)| (used + more, over)),
                ended => ended,
            };
            assert_eq!(got, expect, "{:?} at {split}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_body_ends_behind_its_last_line() {
        check(b"0\r\n\r\n", Ok((5, true)));
        check(b"0\r\n\r\nGET /", Ok((5, true)));
        check(b"3\r\nabc\r\n0\r\n\r\n", Ok((13, true)));
        check(b"00A\r\n0\r\n\r\n12345\r\n0\r\nx: y\r\n\r\nrest", Ok((28, true)));
        check(b"1;a=\"b\"\r\nx\r\n0;z\r\n\r\n", Ok((19, true)));
        check(b"5\r\nab", Ok((5, false)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_body() {
        for bad in [
            &b"3\nabc\r\n"[..],
            b"3\r\nabc\n0\r\n\r\n",
            b"3\r\nabcd\r\n",
            b"\r\n",
            b" 3\r\n",
            b"3 \r\n",
            b"+3\r\n",
            b"0x3\r\n",
            b"-1\r\n",
            b"1;a\nb\r\n",
            b"1;a\0\r\n",
            b"0\r\nx: y\n\r\n",
            b"0\r\n\n",
            b"0\r\nno colon\r\n",
            b"0\r\n: x\r\n",
            b"0\r\n x: y\r\n",
            b"0\r\n\xff\r\n",
            b"1000000000000000\r\n",
            b";\r\n",
        ] {
            check(bad, Err(BadChunks));
        }
        let long = [b"1;".to_vec(), vec![b'a'; 5000]].concat();
        check(&long, Err(BadChunks));
    }
}
