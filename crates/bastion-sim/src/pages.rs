//! The sim's own pages for tests: `/sim/log` and `/sim/control`.
//!
//! They must never change anything for a peer on another machine.

use std::net::IpAddr;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Script;
use crate::answer::Answer;
use crate::log;
use crate::refused::Refused;
use crate::state::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    balance_tokens: Field<u64>,
    #[serde(default)]
    script: Field<String>,
    #[serde(default)]
    rate_per_minute: Field<u32>,
    keys: Option<Vec<String>>,
}

/// What a change says of one thing.
#[derive(Default)]
enum Field<T> {
    /// Absent: it stays as it is.
    #[default]
    Kept,
    /// `null` lifts the limit, or ends the play.
    Set(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Field<T>, D::Error> {
        Option::deserialize(from).map(Field::Set)
    }
}

#[derive(Serialize)]
struct Changed {
    balance_tokens: Option<u64>,
}

pub(crate) fn answer(state: &State, head: &Parts, peer: IpAddr, body: &[u8]) -> Answer {
    let answer = match (head.uri.path(), &head.method) {
        ("/sim/log", &Method::GET) => Ok(Answer::json(200, Bytes::from(log::page(&state.log)))),
        ("/sim/log", &Method::DELETE) => here(peer).map(|()| {
            state.log.clear();
            Answer::json(200, Bytes::from_static(b"{}"))
        }),
        ("/sim/control", &Method::POST) => here(peer).and_then(|()| control(state, body)),
        ("/sim/log", _) => Err(Refused::WrongMethod("GET, DELETE")),
        ("/sim/control", _) => Err(Refused::WrongMethod("POST")),
        (_, _) => Err(Refused::UnknownPath),
    };
    answer.unwrap_or_else(|refused| refused.answer())
}

fn here(peer: IpAddr) -> Result<(), Refused> {
    if peer.to_canonical().is_loopback() { Ok(()) } else { Err(Refused::NotLoopback) }
}

/// All of the change or nothing: the script is the last that can be refused, the first made.
fn control(state: &State, body: &[u8]) -> Result<Answer, Refused> {
    let change: Change = serde_json::from_slice(body)
        .map_err(|cause| Refused::Invalid { message: cause.to_string().into(), param: None })?;
    if let Field::Set(text) = change.script {
        let script = text.map(|text| Script::parse(&text)).transpose();
        state.set_script(script.map_err(|cause| Refused::field("script", cause.to_string()))?);
    }
    if let Field::Set(balance_tokens) = change.balance_tokens {
        state.account.set_balance_tokens(balance_tokens);
    }
    if let Field::Set(rate_per_minute) = change.rate_per_minute {
        state.account.set_rate_per_minute(rate_per_minute);
    }
    if let Some(keys) = change.keys {
        state.account.set_keys(&keys);
    }
    let changed = Changed { balance_tokens: state.account.balance_tokens() };
    Ok(Answer::json(200, Bytes::from(serde_json::to_vec(&changed).unwrap_or_default())))
}
