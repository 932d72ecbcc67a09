//! The fields of a body that policy reads, each with its place.
//!
//! It must never build a tree: a value is looked at only where its field is asked for.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bastion_types::{Modifier, Refusal};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::ask::Named;
use crate::end_user::end_user;
use crate::nesting::{MAX_NESTING, is_nested_too_deep};

/// No field has a longer name, in characters: one more would not be it.
const MAX_FIELD_CHARS: usize = 64;

/// The keys that policy reads at any endpoint; `Other` is everything that passes untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(super) enum Field {
    Model,
    Messages,
    Prompt,
    Input,
    Text,
    LanguageCode,
    VoiceName,
    Stream,
    StreamOptions,
    Store,
    PreviousResponseId,
    Conversation,
    Background,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    NPredict,
    NumPredict,
    MaxNewTokens,
    MaxLength,
    N,
    BestOf,
    User,
    SafetyIdentifier,
    ServiceTier,
    Tools,
    WebSearchOptions,
    Modalities,
    Prediction,
    Models,
    Plugins,
    Provider,
    Preset,
    EnableSearch,
    SearchParameters,
    #[serde(other)]
    Other,
}

/// Those by which a request costs something beside its tokens, at any endpoint.
pub(super) const MODIFIERS: [(Field, Modifier); 11] = [
    (Field::ServiceTier, Modifier::ServiceTier),
    (Field::Tools, Modifier::Tools),
    (Field::WebSearchOptions, Modifier::WebSearchOptions),
    (Field::Modalities, Modifier::Modalities),
    (Field::Prediction, Modifier::Prediction),
    (Field::Models, Modifier::Models),
    (Field::Plugins, Modifier::Plugins),
    (Field::Provider, Modifier::Provider),
    (Field::Preset, Modifier::Preset),
    (Field::EnableSearch, Modifier::EnableSearch),
    (Field::SearchParameters, Modifier::SearchParameters),
];

/// The spellings of one limit, at any endpoint: three of the contract, and those by which single
/// engines go, whatever the others say (`n_predict` of llama.cpp, for one).
pub(super) const SPELLINGS: [Field; 7] = [
    Field::MaxTokens,
    Field::MaxCompletionTokens,
    Field::MaxOutputTokens,
    Field::NPredict,
    Field::NumPredict,
    Field::MaxNewTokens,
    Field::MaxLength,
];

impl Field {
    const COUNT: usize = 36;

    const fn bit(self) -> u64 {
        1 << self as u32
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Field::Model => "model",
            Field::Messages => "messages",
            Field::Prompt => "prompt",
            Field::Input => "input",
            Field::Text => "text",
            Field::LanguageCode => "language_code",
            Field::VoiceName => "voice_name",
            Field::Stream => "stream",
            Field::StreamOptions => "stream_options",
            Field::Store => "store",
            Field::PreviousResponseId => "previous_response_id",
            Field::Conversation => "conversation",
            Field::Background => "background",
            Field::MaxTokens => "max_tokens",
            Field::MaxCompletionTokens => "max_completion_tokens",
            Field::MaxOutputTokens => "max_output_tokens",
            Field::NPredict => "n_predict",
            Field::NumPredict => "num_predict",
            Field::MaxNewTokens => "max_new_tokens",
            Field::MaxLength => "max_length",
            Field::N => "n",
            Field::BestOf => "best_of",
            Field::User => "user",
            Field::SafetyIdentifier => "safety_identifier",
            Field::ServiceTier => Modifier::ServiceTier.name(),
            Field::Tools => Modifier::Tools.name(),
            Field::WebSearchOptions => Modifier::WebSearchOptions.name(),
            Field::Modalities => Modifier::Modalities.name(),
            Field::Prediction => Modifier::Prediction.name(),
            Field::Models => Modifier::Models.name(),
            Field::Plugins => Modifier::Plugins.name(),
            Field::Provider => Modifier::Provider.name(),
            Field::Preset => Modifier::Preset.name(),
            Field::EnableSearch => Modifier::EnableSearch.name(),
            Field::SearchParameters => Modifier::SearchParameters.name(),
            Field::Other => "",
        }
    }
}

/// The raw values of the keys that policy reads.
pub(super) struct Slots<'a> {
    text: &'a str,
    found: Found<'a>,
}

impl<'a> Slots<'a> {
    /// Reads a body; each of `fields`, of the spellings of a limit and of the modifiers
    /// may stand in it once.
    ///
    /// # Errors
    /// 400 for what is not UTF-8, not JSON, nested too deep, no object, or there twice.
    pub(super) fn read(body: &'a [u8], fields: &[Field]) -> Result<Slots<'a>, Refusal> {
        let text = std::str::from_utf8(body).map_err(|cause| {
            let at = cause.valid_up_to();
            Refusal::invalid(format!("the body is not UTF-8 at byte {at}; send UTF-8"))
        })?;
        if is_nested_too_deep(body) {
            let message = format!("the body nests deeper than {MAX_NESTING}; flatten it");
            return Err(Refusal::invalid(message));
        }
        let mut slots = Slots { text, found: Found::NOTHING };
        let mut json = serde_json::Deserializer::from_str(text);
        // Where it stands: moved out of each layer, it would cost more than the keys.
        let read = Find(&mut slots.found).deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|cause| told(&cause))?;
        if slots.found.twice | slots.found.alike != 0 {
            slots.found.refuse(fields)?;
        }
        Ok(slots)
    }

    /// The value, unless it is absent or null.
    pub(super) fn get(&self, field: Field) -> Option<&'a RawValue> {
        self.slot(field).filter(|value| value.get() != "null")
    }

    /// The value, unless it is absent.
    pub(super) fn slot(&self, field: Field) -> Option<&'a RawValue> {
        self.found.values.get(field as usize).copied().flatten()
    }

    /// Where a value stands in the body.
    pub(super) fn place(&self, value: &RawValue) -> Range<usize> {
        let start = value.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start.saturating_add(value.get().len())
    }

    /// Where a field can be put in before all others.
    pub(super) fn behind_brace(&self) -> Range<usize> {
        let at = self.text.find('{').unwrap_or_default() + 1;
        at..at
    }

    pub(super) fn required(&self, field: Field) -> Result<&'a RawValue, Refusal> {
        self.get(field).ok_or_else(|| {
            let name = field.name();
            Refusal::invalid_field(name, format!("'{name}' is missing; it is required"))
        })
    }

    pub(super) fn flag(&self, field: Field) -> Result<bool, Refusal> {
        match self.get(field).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong_type(field, "true or false")),
        }
    }

    pub(super) fn count(&self, field: Field, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(field) else { return Ok(None) };
        match value.get().parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(wrong_type(field, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&self, field: Field) -> Result<Cow<'a, str>, Refusal> {
        string(self.required(field)?).ok_or_else(|| wrong_type(field, "a string"))
    }

    /// A text that may be there.
    pub(super) fn maybe_text(&self, field: Field) -> Result<Option<Cow<'a, str>>, Refusal> {
        self.get(field).map(|_| self.text(field)).transpose()
    }

    /// The model, and where it stands.
    pub(super) fn model(&self) -> Result<Named<'a>, Refusal> {
        let name = self.text(Field::Model)?;
        Ok(Named::Model { name, place: self.place(self.required(Field::Model)?) })
    }

    /// The end user's id, under either of its names.
    pub(super) fn user(&self) -> Result<Option<Cow<'a, str>>, Refusal> {
        let one = |field: Field| match self.maybe_text(field)? {
            None => Ok(None),
            Some(user) => end_user(field.name(), user).map(Some),
        };
        let (identifier, user) = (one(Field::SafetyIdentifier)?, one(Field::User)?);
        Ok(identifier.or(user).filter(|user| !user.is_empty()))
    }
}

/// What one pass over the body finds.
struct Found<'a> {
    values: [Option<&'a RawValue>; Field::COUNT],
    /// Which stand there twice, a bit each.
    twice: u64,
    /// For which of them a key is there that some upstream may take for it: in capitals, for
    /// example.
    alike: u64,
}

impl Found<'_> {
    const NOTHING: Self = Found { values: [None; Field::COUNT], twice: 0, alike: 0 };

    /// What of these stands twice, or in other letters.
    fn refuse(&self, fields: &[Field]) -> Result<(), Refusal> {
        let is = |flags: u64, field: Field| flags & field.bit() != 0;
        let modifiers = MODIFIERS.map(|(field, _)| field);
        for field in fields.iter().copied().chain(SPELLINGS).chain(modifiers) {
            let name = field.name();
            if is(self.twice, field) {
                let message = format!("'{name}' stands twice in the body; send it once");
                return Err(Refusal::invalid_field(name, message));
            }
            if is(self.alike, field) {
                let message =
                    format!("'{name}' stands in the body in other letters; write '{name}'");
                return Err(Refusal::invalid_field(name, message));
            }
        }
        Ok(())
    }

    /// The field that policy reads under this key.
    fn field(&mut self, key: Key) -> Field {
        match key {
            Key::Exactly(field) => field,
            Key::Alike(field) => {
                self.alike |= field.bit();
                Field::Other
            }
        }
    }
}

/// A key as policy reads it, or what it could be taken for.
enum Key {
    Exactly(Field),
    Alike(Field),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        let exactly = Field::deserialize(StrDeserializer::new(name))?;
        if exactly == Field::Other && name.bytes().any(|byte| !is_plain(byte)) {
            return Ok(alike(name).map_or(Key::Exactly(exactly), Key::Alike));
        }
        Ok(Key::Exactly(exactly))
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_uppercase()
}

/// The field whose name this is when nobody looks at the case of letters, as Go's JSON does, which
/// knows a long s and the sign for Kelvin as letters, too.
fn alike(name: &str) -> Option<Field> {
    let folded: String = name.chars().take(MAX_FIELD_CHARS).map(folded).collect();
    match Field::deserialize(StrDeserializer::<serde::de::value::Error>::new(&folded)) {
        Ok(Field::Other) | Err(_) => None,
        Ok(field) => Some(field),
    }
}

fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Fills what is found in.
struct Find<'f, 'a>(&'f mut Found<'a>);

impl<'de> DeserializeSeed<'de> for Find<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Find(found) = self;
        while let Some(key) = map.next_key::<Key>()? {
            let field = found.field(key);
            if field == Field::Other {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &'de RawValue = map.next_value()?;
            if let Some(slot) = found.values.get_mut(field as usize)
                && slot.replace(value).is_some()
            {
                found.twice |= field.bit();
            }
        }
        Ok(())
    }
}

/// A JSON string's text; none for any other value.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let text: Text<'_> = serde_json::from_str(value.get()).ok()?;
    Some(text.0)
}

pub(super) fn wrong_type(field: Field, expected: &str) -> Refusal {
    let name = field.name();
    Refusal::invalid_field(name, format!("'{name}' must be {expected}"))
}

/// The place of a syntax error; never the text around it.
fn told(cause: &serde_json::Error) -> Refusal {
    let (line, column) = (cause.line(), cause.column());
    if cause.is_eof() {
        return Refusal::invalid("the body ends in the middle of the JSON; send it whole");
    }
    if cause.is_data() {
        return Refusal::invalid("the body must be a JSON object");
    }
    Refusal::invalid(format!("the body is not valid JSON at line {line}, column {column}"))
}
