//! `POST /v1/audio/transcriptions`: a form with a recording; JSON or text, as the upstream
//! says it.
//!
//! It must never look into the recording, but for the rate in its head.

use std::borrow::Cow;

use bastion_config::Kind;
use bastion_types::{Prompt, Refusal};
use bastion_wire::{AnswerForm, Ask, Endpoint, Named, State, Work, end_user, estimated_ms};

use super::{Answers, Reads, Serves, Service, UpstreamService};
use crate::form::Form;

/// Formats of an answer that are no JSON. Source: OpenAI's reference.
const TEXTS: [&str; 3] = ["text", "srt", "vtt"];

pub(super) struct Transcriptions;

impl Serves for Transcriptions {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Transcriptions
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Transcription,
            reads: Reads::Form(read),
            answers: Answers::Json(AnswerForm::Transcript),
        })
    }
}

fn read(form: &Form) -> Result<(Ask<'_>, Answers), Refusal> {
    let missing = || Refusal::invalid_field("model", "'model' is missing; it is required");
    let model = form.text("model").filter(|model| !model.is_empty()).ok_or_else(missing)?;
    if form.text("stream").is_some_and(|stream| stream != "false") {
        let message = "'stream' is not in this version for transcriptions; leave it out";
        return Err(Refusal::invalid_field("stream", message));
    }
    let is_text = form.text("response_format").is_some_and(|format| TEXTS.contains(&format));
    let answers = if is_text { Answers::Text } else { Answers::Json(AnswerForm::Transcript) };
    let ask = Ask {
        named: Named::Model {
            name: Cow::Borrowed(model),
            place: form.payload.model_place.clone().unwrap_or_default(),
        },
        stream: None,
        usage_wish: None,
        state: State::None,
        work: Work::Transcript {
            estimated_ms: estimated_ms(&form.file_head, form.file_bytes),
            bytes: form.file_bytes,
        },
        limits: None,
        prompt: Prompt {
            text_bytes: form.payload.text_bytes,
            prompts: 1,
            images: 0,
            other_media: 0,
        },
        modifiers: Vec::new(),
        user: form
            .text("user")
            .filter(|user| !user.is_empty())
            .map(|user| end_user("user", Cow::Borrowed(user)))
            .transpose()?,
    };
    Ok((ask, answers))
}
