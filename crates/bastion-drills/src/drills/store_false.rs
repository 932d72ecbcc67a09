//! `store-false`: a canary's bytes are looked at where they arrive.
//!
//! It must never pass what the upstream was not seen to get.

use bastion_observe::KnownDrill;
use bastion_types::ModelName;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Drill, Running};
use crate::caller::{CHAT, RESPONSES};
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct StoreFalse;

/// What a scripted upstream answers a call that is not streamed.
const ANSWERED: &str = r#"[[answer]]
status = 200
body = '{"id":"resp_drill","object":"response","status":"completed","model":"drill","output":[{"type":"message","id":"msg_drill","role":"assistant","status":"completed","content":[{"type":"output_text","text":"one","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}'
"#;

/// What it answers one that is.
const STREAMED: &str = r#"[[answer]]
events = [
{ event = "response.created", data = '{"type":"response.created","response":{"id":"resp_drill","object":"response","status":"in_progress","output":[]}}' },
{ event = "response.output_text.delta", data = '{"type":"response.output_text.delta","item_id":"msg_drill","output_index":0,"content_index":0,"delta":"one"}' },
{ event = "response.completed", data = '{"type":"response.completed","response":{"id":"resp_drill","object":"response","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}' }]
"#;

/// The code of what asks for state.
const REFUSED: &str = "stateful_not_allowed";

impl Drill for StoreFalse {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "store-false",
            box_id: "privacy.store-false",
            shows: "the upstream gets every call at /v1/responses with store: false, and none that asks for state",
            harmless: true,
        }
    }

    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a> {
        Box::pin(run(course))
    }
}

async fn run(course: &Course<'_>) -> Result<String, Missed> {
    let Some(model) = &course.rehearsal.responses_model else {
        return nothing_is_sent(course).await;
    };
    let canary = format!("canary-{:016x}", fastrand::u64(..));
    let unsaid = json!({ "model": model.as_str(), "input": canary });
    let mut said = unsaid.clone();
    set(&mut said, "store", json!(false));
    let mut streamed = unsaid.clone();
    set(&mut streamed, "stream", json!(true));
    let calls = [
        ("without a word on it", unsaid, ANSWERED),
        ("with store: false", said, ANSWERED),
        ("that is streamed, without a word on it", streamed, STREAMED),
    ];
    for (what, body, script) in calls {
        course.say(format!("a call {what}"));
        course.play(script)?;
        arrives_without_state(course, &body, &canary, what).await?;
    }
    refused_with_state(course, model, &canary).await?;
    Ok("a canary arrived with store: false, streamed or not, whether the caller had said so or \
        nothing; store: true, previous_response_id and conversation were refused and sent nowhere"
        .to_owned())
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

async fn arrives_without_state(
    course: &Course<'_>,
    body: &Value,
    canary: &str,
    what: &str,
) -> Result<(), Missed> {
    let answer = course.caller()?.ask(RESPONSES, body).await?;
    let received = course.received().await;
    let [entry] = received.as_slice() else {
        return Err(Missed::new(format!(
            "a call {what} reached the upstream {} times, and the caller got {} {}",
            received.len(),
            answer.status,
            answer.code().unwrap_or_default()
        )));
    };
    let arrived: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    if !entry.body.contains(canary) {
        return Err(Missed::new(format!("a call {what} arrived without its canary")));
    }
    let stores = entry.body.matches("\"store\"").count();
    course.measured(format!("bytes {what}"), entry.body_bytes);
    if stores != 1 || arrived.get("store") != Some(&Value::Bool(false)) {
        return Err(Missed::new(format!("a call {what} arrived without store: false")));
    }
    Ok(())
}

async fn refused_with_state(
    course: &Course<'_>,
    model: &ModelName,
    canary: &str,
) -> Result<(), Missed> {
    course.play(ANSWERED)?;
    let asked = [
        ("store", json!(true)),
        ("previous_response_id", json!("resp_drill")),
        ("conversation", json!("conv_drill")),
    ];
    for (name, value) in asked {
        course.say(format!("a call with {name}"));
        let mut body = json!({ "model": model.as_str(), "input": canary });
        set(&mut body, name, value);
        let answer = course.caller()?.ask(RESPONSES, &body).await?;
        let code = answer.code().unwrap_or_default();
        course.measured(format!("status with {name}"), answer.status.as_u16());
        if answer.status != StatusCode::BAD_REQUEST || code != REFUSED {
            return Err(Missed::new(format!("a call with {name} got {} {code}", answer.status)));
        }
    }
    let sent = course.received().await.len();
    if sent == 0 { Ok(()) } else { Err(Missed::new("a call that asks for state was sent")) }
}

/// No model answers there: every call must be refused, and none sent.
async fn nothing_is_sent(course: &Course<'_>) -> Result<String, Missed> {
    let model = course.chat_model()?;
    course.say("no model answers at /v1/responses: a call there");
    course.play(ANSWERED)?;
    let body = json!({ "model": model.as_str(), "input": "canary", "store": true });
    let answer = course.caller()?.ask(RESPONSES, &body).await?;
    let chat = json!({
        "model": model.as_str(), "store": true,
        "messages": [{ "role": "user", "content": "canary" }],
    });
    let stored = course.caller()?.ask(CHAT, &chat).await?;
    let sent = course.received().await.len();
    course.measured("status at /v1/responses", answer.status.as_u16());
    course.measured("status of chat with store: true", stored.status.as_u16());
    if sent > 0 || answer.status.is_success() || stored.status.is_success() {
        return Err(Missed::new(format!(
            "no model answers at /v1/responses, and yet {sent} calls were sent on"
        )));
    }
    Ok("no model of this environment answers at /v1/responses: a call there was refused and sent \
        nowhere, and so was chat with store: true"
        .to_owned())
}
