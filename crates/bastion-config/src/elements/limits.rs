//! `[limits]`: where rates and concurrency are counted.

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::Node;

/// The section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsSection {
    /// Which counter; default `local`.
    pub url: LimitsUrl,
}

/// A place where rates and concurrency are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitsUrl {
    /// In this process.
    Local,
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "limits",
    Kind::Table(FIELDS),
    "its defaults",
    "where rates and concurrency are counted",
);

const URL: Field = Field::default(
    "url",
    Kind::Url,
    "local",
    "\"local\" counts in this process; for one process only",
);

const FIELDS: &[Field] = &[URL, Field::unbuilt("prefix", "counting in Redis")];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<LimitsSection, Invalid> {
    Ok(LimitsSection { url: reader.one(&URL, limits_url)? })
}

fn limits_url(node: &Node) -> Result<LimitsUrl, Problem> {
    let text = kinds::text(node)?;
    if text == "local" {
        return Ok(LimitsUrl::Local);
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if let Some("redis" | "rediss" | "env" | "file") = scheme.as_deref() {
        let message = "names Redis, which is not in this version: counting there is not built";
        return Err(Problem::new(codes::NOT_IN_THIS_VERSION, message).help("write \"local\""));
    }
    Err(Problem::new(codes::BAD_VALUE, "must be \"local\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn check(text: &str, expect: Result<LimitsUrl, &'static str>) {
        let got = limits_url(&Node::written(text, Origin::Default));
        assert_eq!(got.map_err(|problem| problem.code), expect, "{text}");
    }

    #[test]
    fn limits_are_local_in_this_version() {
        check("redis://h:6379", Err("not_in_this_version"));
        check("rediss://u:hunter2@h", Err("not_in_this_version"));
        check("env:REDIS_URL", Err("not_in_this_version"));
        check("memory", Err("bad_value"));
        check("local", Ok(LimitsUrl::Local));
    }
}
