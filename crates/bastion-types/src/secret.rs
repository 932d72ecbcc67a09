//! Text that must not be shown: it prints as its type's name, does not serialise, is wiped.
//!
//! It must never gain `Serialize`, `Deref` or a `Display` that shows it.

use std::fmt;

use zeroize::Zeroizing;

/// A secret's text, such as an upstream's key or an operator's token.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_its_types_name() {
        assert_eq!(format!("{:?}", Secret::new("qbt_live".into())), "Secret");
    }
}
