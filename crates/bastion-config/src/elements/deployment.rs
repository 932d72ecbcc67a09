//! The settings at the top of the file: whose deployment this is, its currency, its folder.

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::tree::Node;

/// `organization`.
pub(crate) const ORGANIZATION: Field = Field::default(
    "organization",
    Kind::Text,
    "default",
    "the one organization of this deployment; every key belongs to it",
);

/// `currency`.
pub(crate) const CURRENCY: Field = Field::default(
    "currency",
    Kind::Text,
    "CAD",
    "the currency of every amount and price, three capital letters",
);

/// `data_dir`.
pub(crate) const DATA_DIR: Field = Field::default(
    "data_dir",
    Kind::Path,
    "./data",
    "the folder of the database, the lock file and the operator's token; a relative path is beside this file",
);

/// Three capital letters; which currencies there are is not checked.
pub(crate) fn currency(node: &Node) -> Result<String, Problem> {
    let text = kinds::text(node)?;
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(codes::BAD_VALUE, "must be a currency's three capital letters")
        .help("such as \"CAD\", \"EUR\" or \"USD\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    #[test]
    fn a_currency_is_three_capital_letters() {
        let read = |text| currency(&Node::written(text, Origin::Default));
        for wrong in ["cad", "CA", "CADE", "$", "CÄ", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("EUR"), Ok("EUR".to_owned()));
    }
}
