//! The operator API's client for commands: one address, one token, answers as JSON.
//!
//! It must never print the token, and never hand on text of the server's that could steer a
//! terminal.

mod answer;
mod failure;
mod refused_models;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use bastion_outbound::{HttpClient, HttpError, Target};
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode, Uri};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::out;
pub(crate) use failure::Failure;
pub(crate) use refused_models::note_refused_models;
use token::{NoToken, Token, TokenSource};

const DATA_DIR_HELP: &str = "The server's data directory, for its operator.token, unless \
    BASTION_OPERATOR_TOKEN is set [default: the configuration's]";

/// The longest that a server may take to read a ledger of millions of entries.
const PATIENCE: Duration = Duration::from_mins(10);

/// The variable that names the server.
pub(crate) const SERVER: &str = "BASTION_SERVER";

/// Which server, and how to prove that one may.
#[derive(Debug, Args)]
pub(crate) struct OperatorArguments {
    /// The operators' address of the server
    #[arg(
        long,
        value_name = "URL",
        env = SERVER,
        default_value = "http://127.0.0.1:8081",
        help_heading = "Server",
        global = true
    )]
    server: String,
    #[arg(long, value_name = "DIR", help = DATA_DIR_HELP, help_heading = "Server", global = true)]
    data_dir: Option<PathBuf>,
}

impl OperatorArguments {
    /// A server of a configuration that is known.
    pub(crate) fn of(server: String, data_dir: PathBuf) -> OperatorArguments {
        OperatorArguments { server, data_dir: Some(data_dir) }
    }
}

/// Ctrl-C, heard by the command.
pub(crate) struct Interrupts(Signal);

/// How a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// By itself.
    Over,
    /// By Ctrl-C.
    Cut,
}

/// When something was done that is done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Once {
    /// By this request.
    Now,
    /// By an earlier one with the same reference.
    Before,
}

/// A server's operator API.
pub(crate) struct Operator {
    runtime: tokio::runtime::Runtime,
    client: HttpClient,
    /// The address as it was given, fit to be shown.
    server: String,
    token_source: TokenSource,
}

impl Operator {
    /// Finds address and token; sends nothing unless the token is missing.
    ///
    /// # Errors
    /// When the address is none, no token can be had, or no server runs that could have made one.
    pub(crate) fn open(arguments: &OperatorArguments) -> Result<Operator, Failure> {
        let server = out::printable(&arguments.server);
        let target = target(&arguments.server)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| Failure::new(Exit::No, format!("no runtime: {cause}")))?;
        let token = match token::find(arguments.data_dir.as_deref()) {
            Ok(token) => token,
            Err(NoToken::Refused(why)) => return Err(Failure::new(Exit::Usage, why)),
            // Where no server runs, that is the first thing to mend: it makes the token.
            Err(NoToken::Absent(what)) => {
                let client = HttpClient::new(target, None);
                let probe = runtime.block_on(client.send(Method::GET, "/healthz", None));
                let connect = probe.err().filter(|error| matches!(error, HttpError::Connect(_)));
                return Err(connect.map_or(Failure::new(Exit::Usage, what), |error| {
                    unanswered(&error, &server, Asked::ToRead)
                }));
            }
        };
        if let Some(host) = in_the_open(&arguments.server) {
            out::note(&format!(
                "warning: the operator's token goes to {} without TLS; come through a tunnel or https://",
                out::printable(&host)
            ));
        }
        let Token { secret, source } = token;
        let client = HttpClient::new(target, Some(secret));
        Ok(Operator { runtime, client, server, token_source: source })
    }

    /// Waits for an answer that reads a whole history.
    #[must_use]
    pub(crate) fn patient(self) -> Operator {
        Operator { client: self.client.answered_within(PATIENCE), ..self }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.exchange(Method::GET, path, None)?.1)
    }

    /// Has something done.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        Ok(self.exchange(Method::POST, path, Some(Bytes::from(body.to_string())))?.1)
    }

    /// Has something done that is done once for each reference: was it done now?
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub(crate) fn post_once(&self, path: &str, body: &Value) -> Result<(Value, Once), Failure> {
        let body = Some(Bytes::from(body.to_string()));
        let (status, value) = self.exchange(Method::POST, path, body)?;
        let once = if status == StatusCode::CREATED { Once::Now } else { Once::Before };
        Ok((value, once))
    }

    /// Hears Ctrl-C from now on, which then no longer ends the process by itself.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub(crate) fn interrupts(&self) -> Result<Interrupts, Failure> {
        let _inside = self.runtime.enter();
        let told = |cause| Failure::new(Exit::No, format!("signals cannot be heard: {cause}"));
        signal(SignalKind::interrupt()).map(Interrupts).map_err(told)
    }

    /// Waits so long, or until Ctrl-C.
    pub(crate) fn pause(&self, interrupts: &mut Interrupts, pause: Duration) -> Pause {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupts.0.recv() => Pause::Cut,
                () = tokio::time::sleep(pause) => Pause::Over,
            }
        })
    }

    /// Has something put in place of what is there.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        Ok(self.exchange(Method::PUT, path, Some(Bytes::from(body.to_string())))?.1)
    }

    fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Value), Failure> {
        let asked = if method == Method::GET { Asked::ToRead } else { Asked::ToChange };
        match self.runtime.block_on(self.client.send(method, path, body)) {
            Ok(answer) => {
                let asked = (self.server.as_str(), &self.token_source);
                Ok((answer.status, answer::judge(answer.status, &answer.body, asked)?))
            }
            Err(error) => Err(unanswered(&error, &self.server, asked)),
        }
    }
}

/// A text as part of a query.
pub(crate) fn query_value(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

fn target(server: &str) -> Result<Target, Failure> {
    if server.contains('@') {
        let why = "the server's address must not hold a user or a password; the token comes from \
                   BASTION_OPERATOR_TOKEN or the data directory";
        return Err(Failure::new(Exit::Usage, why));
    }
    Target::parse(server).map_err(|error| {
        let text = format!("{error} (--server or BASTION_SERVER)");
        Failure::new(Exit::Usage, out::printable(&text))
    })
}

/// The host, if the token would go to it over a network and readable on the way.
fn in_the_open(server: &str) -> Option<String> {
    let uri: Uri = server.parse().ok()?;
    let host = uri.host()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare == "localhost"
        || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    (uri.scheme_str() == Some("http") && !here).then(|| host.to_owned())
}

/// What a request was for.
#[derive(Clone, Copy)]
enum Asked {
    ToRead,
    ToChange,
}

fn unanswered(error: &HttpError, server: &str, asked: Asked) -> Failure {
    let cause = out::printable(&error.to_string());
    if matches!(error, HttpError::Connect(_)) {
        let message = format!(
            "no server at {server} ({cause}); start it with 'bastion serve', or name it with \
             --server"
        );
        return Failure::new(Exit::Unreachable, message);
    }
    let doubt = match asked {
        Asked::ToRead => "",
        Asked::ToChange => "; look whether it was done before you try again",
    };
    let message = format!("the server at {server} gave no answer: {cause}{doubt}");
    Failure::new(Exit::Unreachable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_there_ends_with_3_and_the_next_step() {
        let arguments =
            OperatorArguments { server: "http://127.0.0.1:1".into(), data_dir: Some("/no".into()) };
        let Err(failure) = Operator::open(&arguments) else { panic!("nothing listens there") };
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.message.contains("bastion serve"), "{}", failure.message);
    }

    #[test]
    fn an_address_with_a_password_is_refused_and_not_repeated() {
        let failure = target("http://me:hunter2@127.0.0.1:8081").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        assert_eq!(target("8081").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_token_is_warned_of_only_where_others_could_read_it() {
        for here in ["http://127.0.0.1:8081", "http://[::1]:8081", "http://localhost:1"] {
            assert_eq!(in_the_open(here), None, "{here}");
        }
        assert_eq!(in_the_open("https://ops.example"), None);
        assert_eq!(in_the_open("http://ops.example:8081").as_deref(), Some("ops.example"));
    }

    #[test]
    fn a_querys_value_is_encoded() {
        assert_eq!(query_value("a-b_c.1"), "a-b_c.1");
        assert_eq!(query_value("a&b=ü"), "a%26b%3D%C3%BC");
    }
}
