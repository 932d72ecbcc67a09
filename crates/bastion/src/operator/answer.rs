//! What the server's answer means for a command.
//!
//! It must never let control characters through: every text of the answer is for a terminal.

use http::StatusCode;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::token::TokenSource;
use crate::exit::Exit;
use crate::out;

/// Longest message of the server's that is shown, in characters.
const LONGEST_MESSAGE_CHARS: usize = 500;

/// How the callers' listener answers a path that it does not have.
const CALLERS_NO_SUCH_PATH: &str = "no such path";

/// The answer as JSON, or what is wrong; `server` and `token_source` are for the message.
pub(super) fn judge(
    status: StatusCode,
    body: &[u8],
    (server, token_source): (&str, &TokenSource),
) -> Result<Value, Failure> {
    let json: Option<Value> = serde_json::from_slice(body).ok().map(clean);
    if status.is_success() {
        let stranger = || Failure::new(Exit::Unreachable, not_ours(server));
        return json.ok_or_else(stranger);
    }
    if status == StatusCode::UNAUTHORIZED {
        let message = format!(
            "the server at {server} refused the operator's token of {}",
            token_source.with_mend()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Err(refused(status, json.as_ref().and_then(message), server))
}

fn refused(status: StatusCode, message: Option<String>, server: &str) -> Failure {
    let Some(message) = message else {
        if status.is_server_error() {
            let text = format!("the server at {server} failed ({status}); its log says why");
            return Failure::new(Exit::No, text);
        }
        let text = format!("{status}: {}", not_ours(server));
        return Failure::new(Exit::Unreachable, text);
    };
    match status {
        StatusCode::NOT_FOUND if message.starts_with(CALLERS_NO_SUCH_PATH) => {
            Failure::new(Exit::Usage, not_ours(server))
        }
        StatusCode::BAD_REQUEST => Failure::new(Exit::Usage, message),
        _ => Failure::new(Exit::No, message),
    }
}

fn not_ours(server: &str) -> String {
    format!(
        "what answers at {server} is not Bastion's operator API; name the operators' address (by \
         default http://127.0.0.1:8081) with --server"
    )
}

/// The envelope's message, cut short.
fn message(json: &Value) -> Option<String> {
    let text = json.get("error")?.get("message")?.as_str().filter(|text| !text.is_empty())?;
    let mut short: String = text.chars().take(LONGEST_MESSAGE_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Some(short)
}

/// The same without control characters. Its depth is bounded by the parser's.
fn clean(json: Value) -> Value {
    match json {
        Value::String(text) => Value::String(out::printable(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| (out::printable(&name), clean(value));
            Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, exit: Exit, says: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let asked = ("http://here", &TokenSource::Variable);
        let failure = judge(status, body.as_bytes(), asked).unwrap_err();
        assert_eq!(failure.exit, exit, "{status}");
        assert!(failure.message.contains(says), "{}", failure.message);
    }

    fn envelope(message: &str) -> String {
        serde_json::json!({ "error": { "message": message, "type": "t", "code": "c" } }).to_string()
    }

    #[test]
    fn each_status_ends_with_its_exit_code() {
        check(400, &envelope("expires_in is wrong"), Exit::Usage, "expires_in is wrong");
        check(401, &envelope("no"), Exit::Usage, "token of BASTION_OPERATOR_TOKEN");
        check(404, &envelope("there is no key x"), Exit::No, "there is no key x");
        check(409, &envelope("the key is revoked"), Exit::No, "the key is revoked");
        check(500, &envelope("the store failed"), Exit::No, "the store failed");
        check(502, "<html>", Exit::No, "502 Bad Gateway");
    }

    #[test]
    fn what_is_not_the_operator_api_is_named_as_such() {
        check(200, "<html>", Exit::Unreachable, "--server");
        check(302, "", Exit::Unreachable, "--server");
        check(404, "not found", Exit::Unreachable, "--server");
        check(404, &envelope("no such path; the paths are …"), Exit::Usage, "--server");
    }

    #[test]
    fn the_servers_text_cannot_steer_the_terminal() {
        let asked = ("http://here", &TokenSource::Variable);
        let value = judge(StatusCode::OK, br#"{"a\u001b":["\u001b[2J\u009bx"]}"#, asked).unwrap();
        assert_eq!(value.to_string(), r#"{"a":["[2Jx"]}"#);
        check(409, &envelope("\u{1b}]0;x\u{7}no"), Exit::No, "]0;xno");
        check(409, &envelope(&"x".repeat(9000)), Exit::No, "x…");
    }
}
