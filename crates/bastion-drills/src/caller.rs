//! Somebody who calls the rehearsal: each call once, without a retry of its own.
//!
//! It must never read an answer without a limit.

use std::time::Duration;

use bastion_outbound::{HttpClient, OpenAnswer, Target};
use bastion_types::{ModelName, Secret};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::findings::Missed;
use crate::rehearsal::Rehearsal;

/// Where chat is asked.
pub(crate) const CHAT: &str = "/v1/chat/completions";

/// Where responses are asked.
pub(crate) const RESPONSES: &str = "/v1/responses";

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Beyond this a call hangs: the policy's own bounds are shorter where a drill can end at all.
const CALL_LIMIT: Duration = Duration::from_secs(150);

/// Holds the whole answer back.
const ATOMIC: (&str, &str) = ("bastion-stream", "atomic");

/// Who the drill's calls say they are for.
const USER: (&str, &str) = ("bastion-user", "drill");

/// Where a call's use case stands.
const SURFACE: &str = "bastion-surface";

/// Whoever calls.
pub(crate) struct Caller<'a> {
    client: HttpClient,
    rehearsal: &'a Rehearsal,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The error's code, if it is one.
    pub(crate) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.text).ok()?;
        body.get("error")?.get("code")?.as_str().map(str::to_owned)
    }
}

/// How a streamed answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// As it comes.
    Live,
    /// Held back until it is whole.
    Atomic,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(rehearsal: &'a Rehearsal) -> Result<Caller<'a>, Missed> {
        let target = Target::parse(&format!("http://{}", rehearsal.callers))
            .map_err(|cause| Missed::new(cause.to_string()))?;
        let key = Secret::new(rehearsal.key.reveal().to_owned());
        Ok(Caller { client: HttpClient::new(target, Some(key)), rehearsal })
    }

    /// A chat call that is not streamed.
    pub(crate) async fn chat(&self) -> Result<Answer, Missed> {
        self.ask(CHAT, &self.chat_body(false)).await
    }

    /// A streamed chat call, whole.
    pub(crate) async fn stream(&self, wanted: Wanted) -> Result<Answer, Missed> {
        let mut headers = HeaderMap::new();
        if wanted == Wanted::Atomic {
            let (name, value) = ATOMIC;
            headers.insert(name, HeaderValue::from_static(value));
        }
        self.whole(CHAT, headers, &self.chat_body(true)).await
    }

    /// A streamed chat call whose answer is read by the drill.
    pub(crate) async fn open_stream(&self) -> Result<OpenAnswer, Missed> {
        self.open(CHAT, HeaderMap::new(), &self.chat_body(true)).await
    }

    /// Any call, whole.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> Result<Answer, Missed> {
        self.whole(path, HeaderMap::new(), body).await
    }

    /// The call's user, whom a use case may require, and its use case, where calls must name one.
    fn named(&self, mut headers: HeaderMap, body: &Value) -> HeaderMap {
        headers.insert(USER.0, HeaderValue::from_static(USER.1));
        let model = body.get("model").and_then(Value::as_str);
        let model = model.and_then(|model| ModelName::parse(model).ok());
        let surface = model.and_then(|model| self.rehearsal.surfaces.get(&model));
        if let Some(Ok(name)) = surface.map(|name| HeaderValue::from_str(name.as_str())) {
            headers.insert(SURFACE, name);
        }
        headers
    }

    async fn whole(&self, path: &str, headers: HeaderMap, body: &Value) -> Result<Answer, Missed> {
        let call = async {
            let open = self.open(path, headers, body).await?;
            let (status, headers) = (open.status, open.headers.clone());
            let rest = open.rest(MAX_ANSWER_BYTES).await;
            let rest =
                rest.map_err(|cause| Missed::new(format!("an answer broke off: {cause}")))?;
            let text = String::from_utf8_lossy(&rest).into_owned();
            Ok(Answer { status, headers, text })
        };
        let hangs = |_| Missed::new(format!("a call had no answer within {CALL_LIMIT:?}"));
        tokio::time::timeout(CALL_LIMIT, call).await.map_err(hangs)?
    }

    async fn open(
        &self,
        path: &str,
        headers: HeaderMap,
        body: &Value,
    ) -> Result<OpenAnswer, Missed> {
        let headers = self.named(headers, body);
        let body = Bytes::from(body.to_string());
        let open = tokio::time::timeout(CALL_LIMIT, self.client.open(path, headers, body)).await;
        let hangs = |_| Missed::new(format!("a call had no answer within {CALL_LIMIT:?}"));
        let broke = |cause| Missed::new(format!("the rehearsal gave no answer: {cause}"));
        open.map_err(hangs)?.map_err(broke)
    }

    fn chat_body(&self, stream: bool) -> Value {
        let model = self.rehearsal.chat_model.as_ref().map(ModelName::as_str);
        json!({
            "model": model,
            "stream": stream,
            "messages": [{ "role": "user", "content": "a drill of the gateway; answer anything" }],
        })
    }
}
