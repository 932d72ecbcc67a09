//! The sections of the file, one module each, and the one list of them.
//!
//! Siblings must never import each other: what two sections say about each other is checked in
//! `agreement`.

use crate::field::{Field, Kind};
use crate::mask::file::Showing;
use crate::suggest;

pub(crate) mod balance;
pub(crate) mod deployment;
pub(crate) mod environments;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod operator;
pub(crate) mod retry;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod surfaces;
pub(crate) mod unbuilt;
pub(crate) mod upstreams;
pub(crate) mod waivers;

/// Every setting and section of the file, in the manual's order.
pub(crate) const ALL: &[Field] = &[
    deployment::ORGANIZATION,
    deployment::CURRENCY,
    deployment::DATA_DIR,
    server::SECTION,
    operator::SECTION,
    store::SECTION,
    limits::SECTION,
    upstreams::SECTION,
    models::SECTION,
    surfaces::SECTION,
    environments::SECTION,
    retry::SECTION,
    waivers::SECTION,
    balance::SECTION,
    ledger::SECTION,
    unbuilt::RECHARGE,
    unbuilt::ALERTS,
    unbuilt::PII,
];

/// Words in a key that say that its value is secret.
const SECRET_WORDS: [&str; 7] = ["key", "token", "secret", "passw", "credential", "auth", "dsn"];

/// How the values of a key may be shown where the line of a finding is: a key that is not known
/// is taken for the known one that was probably meant, and what is like none is hidden.
pub(crate) fn showing(key: &str) -> Showing {
    let mut known = Vec::new();
    collect(ALL, &mut known);
    if let Some(field) = known.iter().find(|field| field.name == key) {
        return showing_of(field);
    }
    let lower = key.to_lowercase();
    if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return Showing::Reference;
    }
    let nearest = suggest::nearest(key, known.iter().map(|field| field.name));
    known
        .iter()
        .find(|field| Some(field.name) == nearest)
        .map_or(Showing::Hidden, |field| showing_of(field))
}

fn showing_of(field: &Field) -> Showing {
    match field.kind {
        Kind::Reference | Kind::FileReference => Showing::Reference,
        Kind::Url => Showing::Url,
        Kind::Unbuilt => Showing::Hidden,
        Kind::Text
        | Kind::Address
        | Kind::Path
        | Kind::Span
        | Kind::Integer { .. }
        | Kind::Boolean
        | Kind::Word(_)
        | Kind::Words(_)
        | Kind::Texts
        | Kind::Day
        | Kind::Tables { .. }
        | Kind::Amount
        | Kind::Share
        | Kind::NamesOrTables { .. }
        | Kind::Table(_)
        | Kind::Named(_)
        | Kind::Inert(_) => Showing::Plain,
    }
}

fn collect(fields: &'static [Field], known: &mut Vec<&'static Field>) {
    for field in fields {
        known.push(field);
        collect(field.inner(), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_harmless_is_shown() {
        assert_eq!(showing("listen"), Showing::Plain);
        assert_eq!(showing("listn"), Showing::Plain);
        assert_eq!(showing("base_url"), Showing::Url);
        assert_eq!(showing("base_ulr"), Showing::Url);
        assert_eq!(showing("context_tokens"), Showing::Plain);
        for secret in ["api_key", "apikey", "api-kee-y", "token", "password", "my_secret"] {
            assert_eq!(showing(secret), Showing::Reference, "{secret}");
        }
        assert_eq!(showing("apik"), Showing::Hidden);
        assert_eq!(showing("x"), Showing::Hidden);
    }

    #[test]
    fn a_name_is_shown_the_same_way_wherever_it_stands() {
        let mut known = Vec::new();
        collect(ALL, &mut known);
        for field in known.iter().filter(|field| field.is_built()) {
            assert_eq!(showing(field.name), showing_of(field), "{}", field.name);
        }
    }
}
