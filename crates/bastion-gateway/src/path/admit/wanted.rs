//! What a call wants: read from its body, and the model found that is to answer.
//!
//! It must never choose a model that the caller did not name, nor an upstream at all.

use std::borrow::Cow;
use std::sync::Arc;

use bastion_config::Kind;
use bastion_types::{Modifier, Prompt, Refusal};
use bastion_wire::{Ask, Dialect, Named, OutputLimits, State, Work};

use super::surface;
use crate::endpoints::{Answers, Reads, UpstreamService};
use crate::path::authenticate::Caller;
use crate::path::door::Received;
use crate::payload::Payload;
use crate::policy::{ModelPolicy, SurfacePolicy};

/// What a call wants.
pub(super) struct Wanted {
    pub(super) model: Arc<ModelPolicy>,
    pub(super) payload: Payload,
    pub(super) stream: Option<Dialect>,
    pub(super) answers: Answers,
    pub(super) work: Work,
    /// The most output tokens of one answer that it wants, kept to or not.
    pub(super) asked_tokens: Option<u64>,
    pub(super) state_asked_by: Option<&'static str>,
    pub(super) user: Option<String>,
    pub(super) surface: Option<Arc<SurfacePolicy>>,
    pub(super) limits: Option<OutputLimits>,
    pub(super) prompt: Prompt,
    pub(super) modifiers: Vec<Modifier>,
}

/// Reads a body as its endpoint does.
pub(super) fn read(
    caller: &Caller,
    service: UpstreamService,
    received: Received,
    header: Option<Arc<SurfacePolicy>>,
) -> Result<Wanted, Refusal> {
    match (service.reads, received) {
        (Reads::Json(read), Received::Json(body)) => {
            let wanted = find(caller, service.kind, (read(&body)?, service.answers), header)?;
            Ok(wanted(Payload::json(body.clone())))
        }
        (Reads::Form(read), Received::Form(form)) => {
            let wanted = find(caller, service.kind, read(&form)?, header)?;
            let form = *form;
            Ok(wanted(form.payload))
        }
        // The door reads by the same list.
        (Reads::Json(_), Received::Form(_)) | (Reads::Form(_), Received::Json(_)) => {
            Err(Refusal::Internal)
        }
    }
}

/// Finds the model; what is wanted of it, once its payload is there.
fn find(
    caller: &Caller,
    kind: Kind,
    (ask, answers): (Ask<'_>, Answers),
    header: Option<Arc<SurfacePolicy>>,
) -> Result<impl FnOnce(Payload) -> Wanted + use<>, Refusal> {
    let Ask { named, stream, usage_wish, state, work, limits, prompt, modifiers, user } = ask;
    let (model, model_place, alias) = match named {
        Named::Model { name, place } => {
            let (model, alias) = by_name(caller, kind, name)?;
            (model, Some(place), alias)
        }
        Named::Language { language, voice } => (by_language(caller, &language, voice)?, None, None),
    };
    // An upstream knows no surface: it gets the model's own name.
    let model_name = alias.as_ref().map(|_| model.name.to_string());
    let surface = surface::agree(caller, header, alias)?;
    let (state_wish, state_asked_by) = match state {
        State::None => (None, None),
        State::NoneWith(splice) => (Some(splice), None),
        State::AskedBy(field) => (None, Some(field)),
    };
    let (work, asked_tokens) = match &limits {
        Some(limits) => {
            let kept = model.bounding(limits.kept_by(model.limit_field));
            (work.limited(kept), limits.asked())
        }
        None => (work, None),
    };
    let user = user.map(Cow::into_owned);
    Ok(move |mut payload: Payload| {
        payload.text_bytes = model.estimated_bytes(prompt, payload.text_bytes);
        (payload.model_place, payload.usage_wish) = (model_place, usage_wish);
        (payload.state_wish, payload.model_name) = (state_wish, model_name);
        Wanted {
            model,
            payload,
            stream,
            answers,
            work,
            asked_tokens,
            state_asked_by,
            user,
            surface,
            limits,
            prompt,
            modifiers,
        }
    })
}

/// The model, and the surface whose alias named it.
fn by_name(
    caller: &Caller,
    kind: Kind,
    name: Cow<'_, str>,
) -> Result<(Arc<ModelPolicy>, Option<Arc<SurfacePolicy>>), Refusal> {
    let surface = surface::of_alias(caller, &name).transpose()?;
    let model = match &surface {
        Some(surface) => surface.first(kind),
        None => caller.policy.model(&name, kind),
    };
    let model = model.map(Arc::clone);
    let unknown = || Refusal::ModelNotFound { model: name.into_owned() };
    Ok((model.ok_or_else(unknown)?, surface))
}

fn by_language(
    caller: &Caller,
    language: &str,
    voice: Option<Cow<'_, str>>,
) -> Result<Arc<ModelPolicy>, Refusal> {
    if let Some(model) = caller.policy.speaker(language, voice.as_deref()) {
        return Ok(Arc::clone(model));
    }
    let usable = caller.policy.usable_models(&caller.environment, &caller.key.bonds.surfaces);
    let speakers = usable.iter().filter(|model| model.kinds.contains(&Kind::Speech));
    let mut spoken: Vec<_> =
        speakers.flat_map(|model| &model.speech.languages).map(String::as_str).collect();
    spoken.sort_unstable();
    spoken.dedup();
    let known = spoken.iter().any(|own| own.eq_ignore_ascii_case(language));
    Err(match spoken.as_slice() {
        [] => Refusal::invalid_field("language_code", "no model here speaks"),
        _ if known => Refusal::invalid_field(
            "voice_name",
            "no model here speaks this language with this voice; leave 'voice_name' out, or ask \
             the operators",
        ),
        _ => {
            let message = format!("no model here speaks this language, only {}", spoken.join(", "));
            Refusal::invalid_field("language_code", message)
        }
    })
}
