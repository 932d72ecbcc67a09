//! The parameters behind the `?`: a closed list, each at most once.
//!
//! It must never pass over a parameter that is not known: a slip would widen the list that comes.

use axum::extract::Query as Pairs;
use bastion_types::NameError;
use http::Uri;

use crate::problem::Problem;

/// Most entries on a page.
pub(crate) const MAX_LIMIT: u32 = 200;

/// Entries on a page when nobody says.
pub(crate) const DEFAULT_LIMIT: u32 = 50;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads the parameters, which must all be in `known`.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Query, Problem> {
        let unreadable = |_| Problem::invalid("the parameters cannot be read; encode them anew");
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri).map_err(unreadable)?;
        for (name, _) in &pairs {
            if !known.contains(&name.as_str()) {
                return Err(Problem::unknown_name("parameter", name, known));
            }
        }
        for name in known {
            if pairs.iter().filter(|(other, _)| other == name).count() > 1 {
                return Err(Problem::invalid_field(name, "stands twice; give it once"));
            }
        }
        Ok(Query { pairs })
    }

    /// What a parameter says, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What a parameter says once it is read by `parse`; `rule` goes on behind its name.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let wrong = || Problem::invalid_field(name, rule);
        self.text(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
    }

    /// A name that people chose, if it is there.
    pub(crate) fn named<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(parse).transpose().map_err(|cause| Problem::invalid_name(name, &cause))
    }

    /// How many entries a page may have.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.parsed("limit", "is a whole number from 1 to 200", |text| {
            whole_number(text).filter(|limit| (1..=MAX_LIMIT).contains(limit))
        })?;
        Ok(limit.unwrap_or(DEFAULT_LIMIT))
    }
}

/// Digits only: no sign, no blank.
pub(crate) fn whole_number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: Result<u32, &str>) {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        let got = Query::read(&uri, &["limit", "after"]).and_then(|query| query.limit());
        let got = got.map_err(|problem| problem.message.into_owned());
        match expect {
            Ok(limit) => assert_eq!(got, Ok(limit), "{query}"),
            Err(part) => assert!(got.unwrap_err().contains(part), "{query}"),
        }
    }

    #[test]
    fn a_parameter_is_known_given_once_and_within_its_bounds() {
        check("limti=5", Err("unknown parameter 'limti'; did you mean one of limit, after?"));
        check("limit=5&limit=6", Err("limit stands twice"));
        for wrong in ["0", "201", "-1", "+5", "5.0", "", "x", "99999999999999999999"] {
            check(&format!("limit={}", wrong.replace('+', "%2B")), Err("from 1 to 200"));
        }
        check("", Ok(DEFAULT_LIMIT));
        check("after=x&limit=200", Ok(200));
    }
}
