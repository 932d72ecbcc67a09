//! `[store]`: where keys and records are kept.

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::Node;

/// The section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSection {
    /// Which database; default `sqlite`.
    pub url: StoreUrl,
}

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file in the data directory.
    Sqlite,
}

/// The section.
pub(crate) const SECTION: Field =
    Field::absent("store", Kind::Table(FIELDS), "its defaults", "where keys and records are kept");

const URL: Field = Field::default(
    "url",
    Kind::Url,
    "sqlite",
    "\"sqlite\" is a file in data_dir; for one process only",
);

const FIELDS: &[Field] = &[URL, Field::unbuilt("migrate", "migrating a shared database by hand")];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<StoreSection, Invalid> {
    Ok(StoreSection { url: reader.one(&URL, store_url)? })
}

/// Never repeats the text: it may hold a password.
fn store_url(node: &Node) -> Result<StoreUrl, Problem> {
    let text = kinds::text(node)?;
    if text == "sqlite" {
        return Ok(StoreUrl::Sqlite);
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if let Some("postgres" | "postgresql" | "env" | "file") = scheme.as_deref() {
        let message =
            "names PostgreSQL, which is not in this version: keeping records there is not built";
        return Err(Problem::new(codes::NOT_IN_THIS_VERSION, message).help("write \"sqlite\""));
    }
    Err(Problem::new(codes::BAD_VALUE, "must be \"sqlite\"").help("the file is made in data_dir"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn check(text: &str, expect: Result<StoreUrl, &'static str>) {
        let got = store_url(&Node::written(text, Origin::Default));
        assert_eq!(got.map_err(|problem| problem.code), expect, "{text}");
    }

    #[test]
    fn the_store_is_sqlite_in_this_version() {
        check("postgres://me:hunter2@db/bastion", Err("not_in_this_version"));
        check("PostgreSQL://db", Err("not_in_this_version"));
        check("env:DATABASE_URL", Err("not_in_this_version"));
        check("mysql://db", Err("bad_value"));
        check("sqlite:///tmp/x", Err("bad_value"));
        check("sqlite", Ok(StoreUrl::Sqlite));
    }
}
