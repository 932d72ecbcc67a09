//! Embeddings that follow from a prompt: of length 1, the same for the same prompt.
//!
//! They must never be read back into what the prompt says.

use crate::base64;
use crate::dice::Dice;

/// The middle of what one roll gives.
const MIDDLE: f32 = 32_767.5;

/// A vector of length 1; single precision, as engines compute it.
pub(crate) fn unit_vector(dice: &mut Dice, dimensions: usize) -> Vec<f32> {
    let mut raw = Vec::with_capacity(dimensions);
    while raw.len() < dimensions {
        // Four places of one roll.
        let roll = dice.roll().to_le_bytes();
        let (pairs, _) = roll.as_chunks::<2>();
        raw.extend(pairs.iter().map(|pair| f32::from(u16::from_le_bytes(*pair)) - MIDDLE));
    }
    raw.truncate(dimensions);
    let length = raw.iter().map(|place| place * place).sum::<f32>().sqrt();
    raw.into_iter().map(|place| place / length).collect()
}

/// As `encoding_format` base64 has it: singles, the low byte first.
pub(crate) fn base64_of(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|place| place.to_le_bytes()).collect();
    base64::encoded(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_and_its_dimensions() {
        for dimensions in [1, 3, 1024, 4096] {
            let vector = unit_vector(&mut Dice::new(1, b"a"), dimensions);
            assert_eq!(vector.len(), dimensions);
            let length = vector.iter().map(|place| f64::from(*place).powi(2)).sum::<f64>().sqrt();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
        let one = |text: &[u8]| unit_vector(&mut Dice::new(1, text), 8);
        assert_eq!(one(b"a"), one(b"a"));
        assert_ne!(one(b"a"), one(b"b"));
        assert_eq!(base64_of(&[1.0]), "AACAPw==");
    }
}
