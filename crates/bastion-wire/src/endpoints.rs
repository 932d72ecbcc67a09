//! The closed list of endpoints: whatever is not here is 404. Source: contract, Endpoints.
//!
//! It must never grow a pattern: a path is one of these or unknown.

use std::borrow::Cow;

use bastion_types::Refusal;
use http::Method;

/// An endpoint of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`
    Model,
    /// `POST /v1/chat/completions`
    ChatCompletions,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Endpoint; 3] = [Endpoint::Models, Endpoint::Model, Endpoint::ChatCompletions];

    /// Its name in records, logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Endpoint::Models => "models",
            Endpoint::Model => "model",
            Endpoint::ChatCompletions => "chat_completions",
        }
    }

    /// Its path below an upstream's base URL.
    pub const fn upstream_path(self) -> &'static str {
        match self {
            Endpoint::Models | Endpoint::Model => "/models",
            Endpoint::ChatCompletions => "/chat/completions",
        }
    }

    const fn method(self) -> Method {
        match self {
            Endpoint::Models | Endpoint::Model => Method::GET,
            Endpoint::ChatCompletions => Method::POST,
        }
    }
}

/// Where a request goes, with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'a> {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The model in the path, percent-decoded, for [`Endpoint::Model`].
    pub model: Option<Cow<'a, str>>,
}

const MODEL_PREFIX: &str = "/v1/models/";

/// Finds the endpoint of a path, then looks at the method.
///
/// # Errors
/// [`Refusal::UnknownPath`] (404), [`Refusal::WrongMethod`] (405): both before any credential.
pub fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, Refusal> {
    let plain = |endpoint| Some(Route { endpoint, model: None });
    let found = match path {
        "/v1/chat/completions" => plain(Endpoint::ChatCompletions),
        "/v1/models" => plain(Endpoint::Models),
        _ => path
            .strip_prefix(MODEL_PREFIX)
            .and_then(percent_decoded)
            .filter(|model| !model.is_empty())
            .map(|model| Route { endpoint: Endpoint::Model, model: Some(model) }),
    };
    let route = found.ok_or(Refusal::UnknownPath)?;
    if *method == route.endpoint.method() {
        Ok(route)
    } else {
        Err(Refusal::WrongMethod(match route.endpoint {
            Endpoint::Models | Endpoint::Model => "GET",
            Endpoint::ChatCompletions => "POST",
        }))
    }
}

/// A path's last part as text; none when an escape is broken or the bytes are not UTF-8.
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, expect: Result<(Endpoint, Option<&str>), Refusal>) {
        let got = route(method, path).map(|r| (r.endpoint, r.model.map(Cow::into_owned)));
        assert_eq!(got, expect.map(|(e, m)| (e, m.map(str::to_owned))), "{method} {path}");
    }

    #[test]
    fn a_path_is_one_of_the_list_or_unknown() {
        check(&Method::POST, "/v1/chat/completions", Ok((Endpoint::ChatCompletions, None)));
        check(&Method::GET, "/v1/models", Ok((Endpoint::Models, None)));
        check(&Method::GET, "/v1/models/org%2Fm", Ok((Endpoint::Model, Some("org/m"))));
        check(&Method::GET, "/v1/models/org/m", Ok((Endpoint::Model, Some("org/m"))));
        check(&Method::GET, "/v1/models/", Err(Refusal::UnknownPath));
        check(&Method::GET, "/v1/models/%ff", Err(Refusal::UnknownPath));
        check(&Method::GET, "/v1/models/%4", Err(Refusal::UnknownPath));
        check(&Method::POST, "/v1/chat/completions/", Err(Refusal::UnknownPath));
        check(&Method::POST, "/v2/chat/completions", Err(Refusal::UnknownPath));
        check(&Method::GET, "/v1/chat/completions", Err(Refusal::WrongMethod("POST")));
        check(&Method::DELETE, "/v1/models/m", Err(Refusal::WrongMethod("GET")));
    }
}
