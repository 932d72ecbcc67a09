//! Heads of HTTP/2 that somebody before us may have read otherwise: 400. Those of HTTP/1 are judged
//! by the runtime, before hyper reads them. Source: interface, Ambiguous HTTP.
//!
//! It must never choose between two readings, and never look at a credential's text.

use bastion_types::Refusal;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, HeaderName};
use http::request::Parts;

/// Methods that anybody knows; which of them a path takes is for the route.
const METHODS: [&str; 9] =
    ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"];

/// Headers of which two may be read as either.
const ONCE: [(HeaderName, &str); 2] = [
    (HOST, "'host' stands twice; send it once"),
    (AUTHORIZATION, "'authorization' stands twice; send one credential"),
];

/// Refuses what can be read in two ways.
pub(super) fn refuse(head: &Parts) -> Result<(), Refusal> {
    for (name, message) in &ONCE {
        if lines(&head.headers, name) > 1 {
            return Err(Refusal::invalid(*message));
        }
    }
    let told = if !METHODS.contains(&head.method.as_str()) {
        "the method is unknown; use one of HTTP's own"
    } else if climbs(head.uri.path()) {
        "the path holds '..' or an encoded line end; name it plainly"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(told))
}

fn lines(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}

/// Does a path leave its folder or hold a line end, encoded or not?
fn climbs(path: &str) -> bool {
    if !path.contains(['.', '%']) {
        return false;
    }
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/");
    let plain = plain.replace("%5c", "\\");
    let line_end = plain.contains("%0d") || plain.contains("%0a");
    line_end || plain.split(['/', '\\']).any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(method: &str, path: &str, lines: &[(&str, &str)], expect: Option<&str>) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let told = refuse(&request.body(()).unwrap().into_parts().0).err();
        let message = told.as_ref().map(Refusal::message);
        assert_eq!(message.is_some(), expect.is_some(), "{method} {path} {lines:?}: {message:?}");
        assert!(message.unwrap_or_default().contains(expect.unwrap_or_default()), "{path}");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        check("GET", "/", &[("host", "a"), ("host", "a")], Some("'host' stands twice"));
        let two = [("authorization", "Bearer a"), ("authorization", "Bearer a")];
        check("GET", "/", &two, Some("'authorization' stands twice"));
        check("FETCH", "/", &[], Some("method"));
        check("get", "/", &[], Some("method"));
        for path in ["/..", "/a/../b", "/%2E%2e/b", "/..%2fb", "/a%5C..", "/a%0d", "/a%0Ab"] {
            check("GET", path, &[], Some("path"));
        }
    }

    #[test]
    fn what_has_one_reading_passes() {
        check("DELETE", "/", &[("host", "a"), ("authorization", "Bearer a")], None);
        for path in ["/v1/models/a..b", "/v1/models/v0.3", "/v1/models/org%2Fm", "/...", "/%252e"] {
            check("GET", path, &[], None);
        }
    }
}
