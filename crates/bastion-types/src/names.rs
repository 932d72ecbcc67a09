//! The names that people choose: each a type of its own, checked when it is made.
//!
//! A name must never hold a character that has a meaning in a key, a header, a path or a log.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// # Errors
            #[doc = concat!("When the text breaks the rule: ", $what, " ", $rule, ".")]
            pub fn parse(text: &str) -> Result<$type, NameError> {
                let valid: fn(&[u8]) -> bool = $valid;
                if valid(text.as_bytes()) {
                    Ok($type(Arc::from(text)))
                } else {
                    Err(NameError { what: $what, rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name's text, shared: for labels, which are made for every call.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                $type::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The one organization of a deployment.
    OrganizationName,
    "an organization's name",
    "is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first",
    |name| label(name, 63, b"._-")
);
name!(
    /// dev, staging, prod: the unit of spend cap, residency and privacy policy.
    EnvironmentName,
    "an environment's name",
    "is 1 to 31 small letters, digits or '-', a letter first",
    |name| {
        name.first().is_some_and(u8::is_ascii_lowercase)
            && name.len() <= 31
            && name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    }
);
name!(
    /// A caller's name: the program that calls.
    ServiceName,
    "a service's name",
    "is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first",
    |name| label(name, 63, b"._-")
);
name!(
    /// A server that answers calls, by its name in the configuration.
    UpstreamName,
    "an upstream's name",
    "is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first",
    |name| label(name, 63, b"._-")
);
name!(
    /// A use case: which model, why, whose, and how much it may use.
    SurfaceName,
    "a surface's name",
    "is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first",
    |name| label(name, 63, b"._-")
);
name!(
    /// A model, as callers name it or as an upstream does.
    ModelName,
    "a model's name",
    "is 1 to 128 letters, digits, '.', '_', '-', ':', '/', '@' or '+', a letter or digit first",
    |name| label(name, 128, b"._-:/@+")
);
name!(
    /// Where an upstream computes: a country's two capital letters, perhaps a part of it (`CA-QC`).
    Region,
    "a region",
    "is two capital letters, perhaps with '-' and 1 to 8 capital letters or digits (CA, CA-QC)",
    |name| {
        let (country, rest) = name.split_at(name.len().min(2));
        country.len() == 2
            && country.iter().all(u8::is_ascii_uppercase)
            && (rest.is_empty()
                || (rest.first() == Some(&b'-')
                    && (2..=9).contains(&rest.len())
                    && rest.iter().skip(1).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())))
    }
);

fn label(name: &[u8], longest: usize, marks: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.len() <= longest
        && name.iter().all(|b| b.is_ascii_alphanumeric() || marks.contains(b))
}

impl Region {
    /// Is this region inside `wider`? `CA-QC` is inside `CA`; every region is inside itself.
    pub fn within(&self, wider: &Region) -> bool {
        self == wider
            || self.as_str().strip_prefix(wider.as_str()).is_some_and(|r| r.starts_with('-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_has_a_meaning_elsewhere() {
        assert!(EnvironmentName::parse("prod").is_ok());
        assert!(EnvironmentName::parse("pr_od").is_err(), "'_' parts a key");
        assert!(EnvironmentName::parse("Prod").is_err());
        assert!(EnvironmentName::parse("").is_err());
        assert!(ServiceName::parse("api-worker.v2").is_ok());
        assert!(ServiceName::parse("api worker").is_err());
        assert!(ModelName::parse("org/Llama-3.1:free").is_ok());
        assert!(ModelName::parse("a\nb").is_err());
        assert!(ModelName::parse(&"m".repeat(129)).is_err());
    }

    #[test]
    fn a_region_is_a_country_or_a_part_of_one() {
        let region = |text| Region::parse(text).unwrap();
        assert!(region("CA-QC").within(&region("CA")));
        assert!(!region("CA").within(&region("CA-QC")));
        assert!(Region::parse("Canada").is_err());
        assert!(Region::parse("CA-").is_err());
    }
}
