//! A model as a call sees it.
//!
//! It must never name an upstream that the configuration does not.

use std::sync::Arc;

use bastion_config::{Kind, Model, Speech};
use bastion_types::{Bound, ModelName, Modifier, Money, Price, Prompt, Usage, Window};
use bastion_wire::Work;
use bytes::Bytes;

use super::route::Route;

/// Output that a call is taken to want when neither it nor the model names a limit, in tokens.
const DEFAULT_OUTPUT_TOKENS: u64 = 4096;

/// A model, its kinds, and who answers for it.
pub(crate) struct ModelPolicy {
    /// The name that callers use.
    pub(crate) name: ModelName,
    /// What it can be called for.
    pub(crate) kinds: Vec<Kind>,
    /// Who answers, in order; never empty.
    pub(crate) routes: Vec<Arc<Route>>,
    /// May a stream be asked for its usage?
    pub(crate) usage_option: bool,
    /// By which field a budget is put into a chat.
    pub(crate) limit_field: &'static str,
    /// What it speaks.
    pub(crate) speech: Speech,
    /// What its price is the dearest for.
    pub(crate) price_covers: Vec<Modifier>,
    thinking: Thinking,
    /// What `GET /v1/models/{id}` answers.
    pub(crate) entry: Bytes,
    output_tokens: u64,
    /// The most output tokens of one answer; none: nothing is known.
    most_output_tokens: Option<u64>,
    window: Window,
    min_audio_bytes_per_s: u64,
}

/// What a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    No,
    /// A request's limit is for it and the answer together.
    WithinTheLimit,
    /// A request's limit is for the answer alone.
    BesideTheLimit,
}

const MS_PER_S: u64 = 1000;

impl ModelPolicy {
    /// With its routes; none when it has no route.
    pub(crate) fn new(
        name: &ModelName,
        model: &Model,
        routes: Vec<Arc<Route>>,
    ) -> Option<ModelPolicy> {
        // Names hold no character that JSON would escape.
        let entry = format!(
            r#"{{"id":"{name}","object":"model","created":0,"owned_by":"{}"}}"#,
            routes.first()?.upstream.name
        );
        let thinks = model.reasoning
            || routes.iter().filter_map(|route| route.price.as_ref()).any(Price::has_dear_thinking);
        let thinking = match (thinks, model.limit.has_thinking) {
            (false, _) => Thinking::No,
            (true, true) => Thinking::WithinTheLimit,
            (true, false) => Thinking::BesideTheLimit,
        };
        Some(ModelPolicy {
            name: name.clone(),
            kinds: model.kinds.clone(),
            routes,
            usage_option: model.usage_option,
            limit_field: model.limit.field,
            speech: model.speech.clone(),
            price_covers: model.price_covers.clone(),
            thinking,
            entry: Bytes::from(entry),
            output_tokens: model.max_output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
            most_output_tokens: model.max_output_tokens.or(model.context_tokens),
            window: Window {
                context_tokens: model.context_tokens,
                template_tokens: model.bounds.template_tokens,
                tokens_per_byte: model.bounds.tokens_per_byte,
                image_input_tokens: model.bounds.image_input_tokens,
            },
            min_audio_bytes_per_s: model.bounds.min_audio_bytes_per_s.max(1),
        })
    }

    /// A limit that the upstream keeps, as far as it bounds all that is written.
    pub(crate) fn bounding(&self, kept: Option<u64>) -> Option<u64> {
        kept.filter(|_| self.thinking != Thinking::BesideTheLimit)
    }

    /// May it think before it answers? What it thinks is paid, shown or not.
    pub(crate) fn thinks(&self) -> bool {
        self.thinking != Thinking::No
    }

    /// The most output tokens of a call for this work.
    pub(crate) fn output_bound_tokens(&self, work: Work) -> u64 {
        match work {
            Work::Text { limit_tokens, answers } => {
                limit_tokens.unwrap_or(self.output_tokens).saturating_mul(answers)
            }
            Work::Vectors | Work::Images { .. } | Work::Transcript { .. } | Work::Speech { .. } => {
                0
            }
        }
    }

    /// What a prompt counts as where it is estimated, as bytes of text: a picture's own bytes say
    /// nothing about its tokens. Where nothing is known of those the whole body counts.
    pub(crate) fn estimated_bytes(&self, prompt: Prompt, body_bytes: u64) -> u64 {
        let Some(each) = self.window.image_input_tokens else { return body_bytes };
        let pictures = prompt.images.saturating_mul(each).saturating_mul(Usage::BYTES_PER_TOKEN);
        prompt.text_bytes.saturating_add(pictures)
    }

    /// Does a prompt hold media that nothing but the context bounds?
    pub(crate) fn has_unknown_media(&self, prompt: Prompt) -> bool {
        let unknown_images = prompt.images > 0 && self.window.image_input_tokens.is_none();
        unknown_images || prompt.other_media > 0
    }

    /// The most that a call may use; none when nothing bounds it, which a configuration with caps
    /// does not allow.
    pub(crate) fn most(&self, work: Work, prompt: Prompt) -> Option<Bound> {
        let most = |answers: u64| self.most_output_tokens.map(|one| one.saturating_mul(answers));
        let input_tokens = self.window.input_tokens(prompt);
        let costs = |row: fn(&Price) -> Money| {
            let mut prices = self.routes.iter().filter_map(|route| route.price.as_ref());
            prices.any(|price| row(price) > Money::ZERO)
        };
        // What costs nothing need not be known.
        let input = |tokens: Option<u64>| {
            tokens.or((!costs(Price::dearest_input_per_million)).then_some(0))
        };
        let output = |tokens: Option<u64>| {
            tokens.or((!costs(Price::dearest_output_per_million)).then_some(0))
        };
        Some(match work {
            Work::Text { limit_tokens, answers } => Bound {
                input_tokens: input(input_tokens)?,
                output_tokens: limit_tokens
                    .map(|limit| limit.saturating_mul(answers))
                    .or_else(|| output(most(answers)))?,
                ..Bound::default()
            },
            Work::Vectors => Bound { input_tokens: input(input_tokens)?, ..Bound::default() },
            Work::Images { count } => Bound {
                input_tokens: input(input_tokens)?,
                output_tokens: output(most(count))?,
                images: count,
                ..Bound::default()
            },
            Work::Transcript { bytes, .. } => Bound {
                input_tokens: input(self.window.context_tokens)?,
                output_tokens: output(most(1))?,
                audio_ms: bytes.saturating_mul(MS_PER_S).div_ceil(self.min_audio_bytes_per_s),
                ..Bound::default()
            },
            Work::Speech { characters } => Bound { characters, ..Bound::default() },
        })
    }
}
