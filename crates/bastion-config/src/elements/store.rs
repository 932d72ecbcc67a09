//! `[store]`: where keys and records are kept.
//!
//! It must never hold a password that stands in the file, and its messages must never repeat a URL.

use bastion_types::Secret;

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::secret_reference::SecretReference;
use crate::tree::{Node, Origin};

/// The section `[store]`.
#[derive(Debug, Clone)]
pub struct StoreSection {
    /// Which database; default `sqlite`.
    pub url: StoreUrl,
    /// Where PostgreSQL's password is found, if it does not stand in the URL.
    pub password: Option<SecretReference>,
    /// Who takes the steps of the schema; default the first process that starts.
    pub migrate: StoreMigrate,
}

/// A database.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A SQLite file in the data directory.
    Sqlite,
    /// PostgreSQL at this URL, which holds a password only if it came from a variable.
    Postgres(Secret),
    /// PostgreSQL at the URL behind this reference.
    Reference(SecretReference),
}

/// Who takes the steps of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMigrate {
    /// The first process that starts, under a lock.
    Auto,
    /// Whoever runs `bastion store migrate`.
    Manual,
}

/// The section.
pub(crate) const SECTION: Field =
    Field::absent("store", Kind::Table(FIELDS), "its defaults", "where keys and records are kept");

pub(crate) const URL: Field = Field::default(
    "url",
    Kind::Url,
    "sqlite",
    "\"sqlite\" is a file in data_dir, for one process only; postgres://USER@HOST:PORT/DATABASE is \
     for many",
);
const PASSWORD: Field = Field::absent(
    "password",
    Kind::Reference,
    "none, or as the URL behind a reference says",
    "a reference to PostgreSQL's password",
);
const MIGRATE: Field = Field::default(
    "migrate",
    Kind::Word(&["auto", "manual"]),
    "auto",
    "who brings PostgreSQL's schema up to date: the first process that starts, or \
     `bastion store migrate` by hand",
);

const FIELDS: &[Field] = &[URL, PASSWORD, MIGRATE];

const MIGRATES: [(&str, StoreMigrate); 2] =
    [("auto", StoreMigrate::Auto), ("manual", StoreMigrate::Manual)];

const FORM: &str = "such as \"postgres://bastion@db.internal:5432/bastion\"";

impl StoreSection {
    /// The references of the section.
    pub(crate) fn references(&mut self) -> impl Iterator<Item = &mut SecretReference> {
        let url = match &mut self.url {
            StoreUrl::Reference(reference) => Some(reference),
            StoreUrl::Sqlite | StoreUrl::Postgres(_) => None,
        };
        url.into_iter().chain(self.password.as_mut())
    }

    /// Do both name the same database?
    pub fn is_same_place(&self, other: &StoreSection) -> bool {
        match (&self.url, &other.url) {
            (StoreUrl::Sqlite, StoreUrl::Sqlite) => true,
            (StoreUrl::Postgres(one), StoreUrl::Postgres(two)) => one.expose() == two.expose(),
            (StoreUrl::Reference(one), StoreUrl::Reference(two)) => one == two,
            (StoreUrl::Sqlite | StoreUrl::Postgres(_) | StoreUrl::Reference(_), _) => false,
        }
    }
}

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<StoreSection, Invalid> {
    let url = reader.one(&URL, store_url);
    let password = reader.maybe(&PASSWORD, kinds::reference);
    let migrate = reader.one(&MIGRATE, |node| kinds::word(&MIGRATES, node));
    if let (Ok(StoreUrl::Sqlite), Ok(StoreMigrate::Manual)) = (&url, &migrate) {
        refuse_idle(reader, &MIGRATE)?;
    }
    Ok(StoreSection { url: url?, password: password?, migrate: migrate? })
}

/// Nobody may believe that it does something.
fn refuse_idle(reader: &Reader<'_>, field: &Field) -> Result<(), Invalid> {
    let Some(node) = reader.node(field) else { return Ok(()) };
    let problem = Problem::new(codes::BAD_VALUE, "does nothing beside url = \"sqlite\"")
        .help("take it out: it is for PostgreSQL");
    Err(reader.error(field, &node.origin, problem))
}

/// Never repeats the text: it may hold a password.
fn store_url(node: &Node) -> Result<StoreUrl, Problem> {
    let text = kinds::text(node)?;
    if text == "sqlite" {
        return Ok(StoreUrl::Sqlite);
    }
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    match (scheme, rest.strip_prefix("//")) {
        ("env" | "file", _) => kinds::reference(node).map(StoreUrl::Reference),
        ("postgres" | "postgresql", Some(rest)) => {
            let from_variable = matches!(node.origin, Origin::Variable(_));
            if has_password(rest) && !from_variable {
                return Err(Problem::new(codes::LITERAL_SECRET, "holds a password")
                    .help(
                        "keep the whole URL in a variable or a file and write \"env:NAME\" or \
                         \"file:PATH\", or take the password out and set store.password to one",
                    )
                    .note("if this text was ever shared, give the database's user another one"));
            }
            Ok(StoreUrl::Postgres(Secret::new(text.to_owned())))
        }
        _ => {
            let message = "must be \"sqlite\", a URL of PostgreSQL, or a reference to one";
            Err(Problem::new(codes::BAD_VALUE, message).help(FORM))
        }
    }
}

/// Is there one before the host or among the parameters?
fn has_password(behind_scheme: &str) -> bool {
    let (place, query) = behind_scheme.split_once('?').unwrap_or((behind_scheme, ""));
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':')
        || query.split('&').any(|part| part.to_ascii_lowercase().contains("password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(text: &str, origin: Origin) -> Result<&'static str, &'static str> {
        match store_url(&Node::written(text, origin)) {
            Ok(StoreUrl::Sqlite) => Ok("sqlite"),
            Ok(StoreUrl::Postgres(_)) => Ok("postgres"),
            Ok(StoreUrl::Reference(_)) => Ok("reference"),
            Err(problem) => Err(problem.code),
        }
    }

    fn check(text: &str, expect: Result<&str, &str>) {
        assert_eq!(read_from(text, Origin::Default), expect, "{text}");
    }

    #[test]
    fn a_store_is_sqlite_postgresql_or_a_reference() {
        check("sqlite", Ok("sqlite"));
        check("postgres://me@db:5432/bastion", Ok("postgres"));
        check("postgresql://db/bastion?sslmode=verify-full", Ok("postgres"));
        check("env:DATABASE_URL", Ok("reference"));
        check("file:secrets/url", Ok("reference"));
        check("env:1", Err("bad_value"));
        check("mysql://db", Err("bad_value"));
        check("sqlite:///tmp/x", Err("bad_value"));
        check("postgres:db", Err("bad_value"));
    }

    #[test]
    fn a_password_does_not_stand_in_the_file() {
        check("postgres://me:hunter2@db/bastion", Err("literal_secret"));
        check("postgres://me:hun@ter2@db/bastion", Err("literal_secret"));
        check("postgres://db/bastion?user=me&password=hunter2", Err("literal_secret"));
        check("postgres://db/bastion?sslpassword=hunter2", Err("literal_secret"));
        let variable = Origin::Variable("BASTION_STORE__URL".to_owned());
        assert_eq!(read_from("postgres://me:hunter2@db/bastion", variable), Ok("postgres"));
    }
}
