//! Numbers that follow from a seed and some bytes, the same on every machine.
//!
//! It must never be used where a number has to be secret.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// `SplitMix64`, begun from a seed and the FNV-1a hash of some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64, bytes: &[u8]) -> Dice {
        Dice { state: mixed(seed.wrapping_add(STEP)) ^ hash(bytes) }
    }

    /// Other dice from the same begin, for part `number` of an answer.
    pub(crate) fn part(&self, number: u64) -> Dice {
        Dice { state: mixed(self.state ^ mixed(number.wrapping_add(1).wrapping_mul(STEP))) }
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// From 0 to `bound - 1`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or(0)
    }
}

/// FNV-1a, 64 bits.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same_and_another_does_not() {
        let roll = |seed, bytes: &[u8]| Dice::new(seed, bytes).roll();
        assert_eq!(roll(1, b"a"), roll(1, b"a"));
        assert_ne!(roll(1, b"a"), roll(2, b"a"));
        assert_ne!(roll(1, b"a"), roll(1, b"b"));
        assert_ne!(Dice::new(1, b"a").part(0).roll(), Dice::new(1, b"a").part(1).roll());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
