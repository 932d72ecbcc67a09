//! The most that a call may use, before anything of it is sent, and what that costs at most.
//!
//! It must never be below what an upstream may honestly report: a cap stands on it.

use crate::{Money, Price, Usage};

/// The most that a call may use at an upstream. What it cannot use is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bound {
    /// Tokens of all its prompts together.
    pub input_tokens: u64,
    /// Tokens of all its answers together, thinking included.
    pub output_tokens: u64,
    /// Images that it makes.
    pub images: u64,
    /// How long its recording may be, in milliseconds.
    pub audio_ms: u64,
    /// Characters that it speaks.
    pub characters: u64,
}

/// What a prompt is bounded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// Bytes of the request without its media.
    pub text_bytes: u64,
    /// Prompts in the request, at least 1: each has a template around it and a context of its own.
    pub prompts: u64,
    /// Images in the request.
    pub images: u64,
    /// Media other than images in the request: only the context bounds them.
    pub other_media: u64,
}

/// What a model adds to a prompt, and where it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tokens of prompt and answer together; none: not known.
    pub context_tokens: Option<u64>,
    /// Tokens that the engine adds around one prompt.
    pub template_tokens: u64,
    /// The most tokens that the tokenizer makes of a byte: 1, unless it writes some characters out
    /// before it cuts the text.
    pub tokens_per_byte: u64,
    /// The most that one image can cost, in tokens; none: only the context bounds it.
    pub image_input_tokens: Option<u64>,
}

impl Window {
    /// The most tokens of input; none when nothing bounds them.
    pub fn input_tokens(&self, prompt: Prompt) -> Option<u64> {
        let context = self.context_tokens.map(|context| context.saturating_mul(prompt.prompts));
        let media = match (prompt.images, prompt.other_media) {
            (0, 0) => Some(0),
            (images, 0) => self.image_input_tokens.map(|each| each.saturating_mul(images)),
            (_, _) => None,
        };
        let text = self.template_tokens.saturating_mul(prompt.prompts);
        let text = text.saturating_add(prompt.text_bytes.saturating_mul(self.tokens_per_byte));
        let counted = media.map(|media| media.saturating_add(text));
        match (counted, context) {
            (Some(counted), Some(context)) => Some(counted.min(context)),
            (counted, context) => counted.or(context),
        }
    }
}

impl Bound {
    /// What it costs at this price at most, rounded up; none when it cannot be counted.
    pub fn cost(&self, price: &Price) -> Option<Money> {
        let dearest = Price {
            input_per_million: price.dearest_input_per_million(),
            output_per_million: price.dearest_output_per_million(),
            ..*price
        };
        dearest.cost(&Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            images: self.images,
            audio_ms: self.audio_ms,
            characters: self.characters,
            ..Usage::default()
        })
    }
}

/// What a call costs at most at the dearest of these prices; none when it cannot be counted, or
/// when there is no price.
pub fn bound<'a>(most: &Bound, prices: impl IntoIterator<Item = &'a Price>) -> Option<Money> {
    let costs: Option<Vec<Money>> = prices.into_iter().map(|price| most.cost(price)).collect();
    costs?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: Prompt = Prompt { text_bytes: 1000, prompts: 1, images: 0, other_media: 0 };
    const WINDOW: Window = Window {
        context_tokens: Some(8192),
        template_tokens: 64,
        tokens_per_byte: 1,
        image_input_tokens: Some(1600),
    };

    #[test]
    fn bytes_bound_tokens_and_the_context_bounds_all() {
        let check = |window: Window, prompt: Prompt, expect: Option<u64>| {
            assert_eq!(window.input_tokens(prompt), expect, "{prompt:?} in {window:?}");
        };
        let boundless = Window { context_tokens: None, image_input_tokens: None, ..WINDOW };
        check(WINDOW, TEXT, Some(1064));
        check(boundless, TEXT, Some(1064));
        check(WINDOW, Prompt { text_bytes: 100_000, ..TEXT }, Some(8192));
        check(Window { tokens_per_byte: 3, ..WINDOW }, TEXT, Some(3064));
        check(WINDOW, Prompt { prompts: 3, ..TEXT }, Some(1192));
        check(WINDOW, Prompt { text_bytes: 100_000, prompts: 3, ..TEXT }, Some(3 * 8192));
        check(WINDOW, Prompt { images: 2, ..TEXT }, Some(1064 + 3200));
        check(WINDOW, Prompt { images: 9, ..TEXT }, Some(8192));
        check(
            Window { image_input_tokens: None, ..WINDOW },
            Prompt { images: 1, ..TEXT },
            Some(8192),
        );
        check(WINDOW, Prompt { other_media: 1, ..TEXT }, Some(8192));
        check(boundless, Prompt { images: 1, ..TEXT }, None);
        check(WINDOW, Prompt { text_bytes: u64::MAX, prompts: u64::MAX, ..TEXT }, Some(u64::MAX));
    }

    fn prices() -> impl Strategy<Value = Price> {
        proptest::collection::vec(0_i64..2_000_000_000_000, 9).prop_map(|nanos| {
            let row = |at: usize| Money::from_nanos(nanos[at]);
            Price {
                input_per_million: row(0),
                cached_input_per_million: row(1),
                cache_write_per_million: row(2),
                output_per_million: row(3),
                reasoning_per_million: row(4),
                per_call: row(5),
                per_image: row(6),
                per_audio_minute: row(7),
                characters_per_million: row(8),
            }
        })
    }

    fn bounds() -> impl Strategy<Value = Bound> {
        (0..2_000_000_u64, 0..300_000_u64, 0..10_u64, 0..9_000_000_u64, 0..1_000_000_u64).prop_map(
            |(input_tokens, output_tokens, images, audio_ms, characters)| Bound {
                input_tokens,
                output_tokens,
                images,
                audio_ms,
                characters,
            },
        )
    }

    /// A part of a whole, in 2⁻³².
    fn part(of: u64, share: u32) -> u64 {
        u64::try_from(u128::from(of) * u128::from(share) / u128::from(u32::MAX)).unwrap()
    }

    proptest! {
        #[test]
        fn no_honest_usage_costs_more_than_its_bound(
            most in bounds(),
            all in proptest::collection::vec(prices(), 1..4),
            shares in proptest::array::uniform8(any::<u32>()),
        ) {
            let [input, output, cached, written, thinking, images, audio, spoken] = shares;
            let input_tokens = part(most.input_tokens, input);
            let output_tokens = part(most.output_tokens, output);
            let usage = Usage {
                input_tokens,
                cached_input_tokens: part(input_tokens, cached),
                cache_write_tokens: part(input_tokens, written),
                output_tokens,
                reasoning_tokens: part(output_tokens, thinking),
                images: part(most.images, images),
                audio_ms: part(most.audio_ms, audio),
                characters: part(most.characters, spoken),
                ..Usage::default()
            };
            let held = bound(&most, &all).unwrap();
            for price in &all {
                prop_assert!(price.cost(&usage).unwrap() <= held);
            }
        }
    }

    #[test]
    fn the_dearest_price_is_held() {
        let cheap = Price { per_call: Money::from_nanos(1), ..Price::default() };
        let dear = Price { per_call: Money::from_nanos(2), ..Price::default() };
        let most = Bound::default();
        assert_eq!(bound(&most, [&cheap, &dear, &cheap]), Some(Money::from_nanos(2)));
        assert_eq!(bound(&most, []), None, "without a price there is no bound");
        let countless = Price { per_image: Money::from_nanos(i64::MAX), ..Price::default() };
        let many = Bound { images: 2, ..most };
        assert_eq!(bound(&many, [&countless, &cheap]), None);
    }
}
