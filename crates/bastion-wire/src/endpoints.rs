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
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/images/generations`
    Images,
    /// `POST /v1/audio/transcriptions`
    Transcriptions,
    /// `POST /api/v1/tts/text_to_audio`
    Speech,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Endpoint; 9] = [
        Endpoint::Models,
        Endpoint::Model,
        Endpoint::ChatCompletions,
        Endpoint::Completions,
        Endpoint::Responses,
        Endpoint::Embeddings,
        Endpoint::Images,
        Endpoint::Transcriptions,
        Endpoint::Speech,
    ];

    /// Its name in records, logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Endpoint::Models => "models",
            Endpoint::Model => "model",
            Endpoint::ChatCompletions => "chat_completions",
            Endpoint::Completions => "completions",
            Endpoint::Responses => "responses",
            Endpoint::Embeddings => "embeddings",
            Endpoint::Images => "images",
            Endpoint::Transcriptions => "transcriptions",
            Endpoint::Speech => "speech",
        }
    }

    /// Its path at a server whose base URL has this path, such as `/v1`. Speech stands one level
    /// above `/v1`. Source: contract, Endpoints.
    pub fn path_at(self, base_path: &str) -> String {
        let (base, rest) = match self {
            Endpoint::Models | Endpoint::Model => (base_path, "/models"),
            Endpoint::ChatCompletions => (base_path, "/chat/completions"),
            Endpoint::Completions => (base_path, "/completions"),
            Endpoint::Responses => (base_path, "/responses"),
            Endpoint::Embeddings => (base_path, "/embeddings"),
            Endpoint::Images => (base_path, "/images/generations"),
            Endpoint::Transcriptions => (base_path, "/audio/transcriptions"),
            Endpoint::Speech => {
                (base_path.strip_suffix("/v1").unwrap_or(base_path), "/api/v1/tts/text_to_audio")
            }
        };
        format!("{base}{rest}")
    }

    /// The method, and how `allow` says it.
    const fn method(self) -> (Method, &'static str) {
        match self {
            Endpoint::Models | Endpoint::Model => (Method::GET, "GET"),
            Endpoint::ChatCompletions
            | Endpoint::Completions
            | Endpoint::Responses
            | Endpoint::Embeddings
            | Endpoint::Images
            | Endpoint::Transcriptions
            | Endpoint::Speech => (Method::POST, "POST"),
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
        "/v1/completions" => plain(Endpoint::Completions),
        "/v1/responses" => plain(Endpoint::Responses),
        "/v1/embeddings" => plain(Endpoint::Embeddings),
        "/v1/images/generations" => plain(Endpoint::Images),
        "/v1/audio/transcriptions" => plain(Endpoint::Transcriptions),
        "/api/v1/tts/text_to_audio" => plain(Endpoint::Speech),
        _ => path
            .strip_prefix(MODEL_PREFIX)
            .and_then(percent_decoded)
            .filter(|model| !model.is_empty())
            .map(|model| Route { endpoint: Endpoint::Model, model: Some(model) }),
    };
    let route = found.ok_or(Refusal::UnknownPath)?;
    let (expected, allow) = route.endpoint.method();
    if *method == expected { Ok(route) } else { Err(Refusal::WrongMethod(allow)) }
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
        check(&Method::POST, "/v1/tts/text_to_audio", Err(Refusal::UnknownPath));
    }

    #[test]
    fn what_is_asked_of_an_upstream_is_what_a_caller_asks_of_us() {
        for endpoint in Endpoint::ALL {
            let (method, _) = endpoint.method();
            let path = endpoint.path_at("/v1");
            let model = if endpoint == Endpoint::Model { "/m" } else { "" };
            let found = route(&method, &format!("{path}{model}")).map(|route| route.endpoint);
            assert_eq!(found, Ok(endpoint), "{path}");
        }
        assert_eq!(Endpoint::Speech.path_at("/x/v1"), "/x/api/v1/tts/text_to_audio");
        assert_eq!(Endpoint::Speech.path_at(""), "/api/v1/tts/text_to_audio");
        assert_eq!(Endpoint::Embeddings.path_at("/x"), "/x/embeddings");
    }
}
