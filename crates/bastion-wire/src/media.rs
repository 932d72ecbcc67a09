//! Images and other media inside a prompt: how many there are, and how many bytes they take.
//!
//! It must never miss one: what is missed is not paid for. What merely looks like one may count.

use std::fmt;
use std::sync::LazyLock;

use bastion_types::Prompt;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::references::refers;

/// Parts of every name in [`IMAGES`] and [`OTHERS`], and the escape that could hide one; made ready
/// once, which costs more than the search.
static HINTS: LazyLock<[Finder<'static>; 5]> =
    LazyLock::new(|| ["image", "audio", "video", "file", "\\u"].map(Finder::new));

/// Names by which a part of a prompt is an image: its `type`, or a key of it. Source: OpenAI's
/// reference, and the shorter forms that engines take.
const IMAGES: [&str; 5] = ["image_url", "input_image", "image", "image_pil", "image_embeds"];

/// The same for what only the context bounds.
const OTHERS: [&str; 11] = [
    "input_audio",
    "audio_url",
    "audio",
    "audio_embeds",
    "video_url",
    "video",
    "input_video",
    "input_file",
    "file",
    "file_url",
    "file_data",
];

/// How a picture's own bytes begin.
const DATA: &str = "data:image/";

/// The media in a prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Media {
    images: u64,
    others: u64,
    /// Bytes of pictures that stand in the prompt themselves.
    image_bytes: u64,
    /// Bytes of texts that may be a picture's: they are, if they stand under an image's key.
    likely_bytes: u64,
}

impl Media {
    /// None at all.
    pub(crate) const NONE: Media = Media { images: 0, others: 0, image_bytes: 0, likely_bytes: 0 };

    /// Of a value that is JSON.
    pub(crate) fn read(value: &str) -> Media {
        if !HINTS.iter().any(|hint| hint.find(value.as_bytes()).is_some()) {
            return Media::NONE;
        }
        // What cannot be read counts as what only the context bounds.
        serde_json::from_str(value).map_or(Media { others: 1, ..Media::NONE }, |Seen(media)| media)
    }

    /// Of the items of a response's input: one may stand for what the upstream has kept.
    pub(crate) fn read_items(value: &str) -> Media {
        let media = Media::read(value);
        if refers(value) {
            Media { others: media.others.saturating_add(1), ..media }
        } else {
            media
        }
    }

    /// What a body of this length with these prompts is bounded by.
    pub(crate) fn prompt(self, body_bytes: usize, prompts: u64) -> Prompt {
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        Prompt {
            text_bytes: bytes.saturating_sub(self.image_bytes),
            prompts,
            images: self.images,
            other_media: self.others,
        }
    }

    fn with(self, more: Media) -> Media {
        Media {
            images: self.images.saturating_add(more.images),
            others: self.others.saturating_add(more.others),
            image_bytes: self.image_bytes.saturating_add(more.image_bytes),
            likely_bytes: self.likely_bytes.saturating_add(more.likely_bytes),
        }
    }
}

/// What a value holds.
struct Seen(Media);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Seen, D::Error> {
        from.deserialize_any(SeenVisitor)
    }
}

struct SeenVisitor;

impl<'de> Visitor<'de> for SeenVisitor {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen(Media::NONE))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen(Media::NONE))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen(Media::NONE))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen(Media::NONE))
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen(Media::NONE))
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        let bytes = if text.starts_with(DATA) { text.len() } else { 0 };
        Ok(Seen(Media { likely_bytes: u64::try_from(bytes).unwrap_or(0), ..Media::NONE }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let mut media = Media::NONE;
        while let Some(Seen(more)) = list.next_element()? {
            // A text in a list is no picture.
            media = media.with(Media { likely_bytes: 0, ..more });
        }
        Ok(Seen(media))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Seen, M::Error> {
        let (mut inner, mut is_image, mut is_other) = (Media::NONE, false, false);
        while let Some(Name(name)) = map.next_key()? {
            is_image |= name == Names::Image;
            is_other |= name == Names::Other;
            if name == Names::Type {
                let Name(kind) = map.next_value()?;
                is_image |= kind == Names::Image;
                is_other |= kind == Names::Other;
                continue;
            }
            let Seen(mut more) = map.next_value()?;
            if name == Names::Image {
                more.image_bytes = more.image_bytes.saturating_add(more.likely_bytes);
                more.likely_bytes = 0;
            }
            inner = inner.with(more);
        }
        if is_image {
            inner.images = inner.images.saturating_add(1);
        }
        // Who goes by the type and who goes by the key may see two things in one part.
        if is_other {
            inner.others = inner.others.saturating_add(1);
        }
        Ok(Seen(inner))
    }
}

/// What a key or a `type` says.
#[derive(PartialEq, Eq)]
enum Names {
    Type,
    Image,
    Other,
    None,
}

struct Name(Names);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
        from.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(Name(match name {
            "type" => Names::Type,
            _ if IMAGES.contains(&name) => Names::Image,
            _ if OTHERS.contains(&name) => Names::Other,
            _ => Names::None,
        }))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Name, E> {
        Ok(Name(Names::None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Name, E> {
        Ok(Name(Names::None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Name, E> {
        Ok(Name(Names::None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Name, E> {
        Ok(Name(Names::None))
    }

    fn visit_unit<E>(self) -> Result<Name, E> {
        Ok(Name(Names::None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Name, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Name(Names::Other))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Name, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Name(Names::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, images: u64, others: u64) {
        let media = Media::read(value);
        assert_eq!((media.images, media.others), (images, others), "{value}");
    }

    #[test]
    fn a_part_that_is_two_things_counts_as_both() {
        for part in [
            r#"{"type":"video_url","video_url":{"url":"u"},"image_url":"u"}"#,
            r#"{"type":"image_url","type":"input_audio","x":1}"#,
        ] {
            check(&format!("[{part}]"), 1, 1);
        }
    }

    #[test]
    fn every_form_of_an_image_counts() {
        check(r#"[{"role":"user","content":"a"}]"#, 0, 0);
        check(r#"[{"role":"user","content":"an image and a file"}]"#, 0, 0);
        for part in [
            r#"{"type":"image_url","image_url":{"url":"https://x/y.png"}}"#,
            r#"{"image_url":"https://x/y.png"}"#,
            r#"{"type":"input_image","image_url":"data:image/png;base64,AAAA"}"#,
            r#"{"type":"im\u0061ge_url","x":1}"#,
            r#"{"\u0069mage_url":"u"}"#,
            r#"{"type":"image","source":{"type":"base64","data":"AAAA"}}"#,
        ] {
            check(
                &format!(r#"[{{"role":"user","content":[{part},{{"type":"text","text":"a"}}]}}]"#),
                1,
                0,
            );
            check(
                &format!(r#"[{{"content":[{{"type":"tool_result","content":[{part}]}},{part}]}}]"#),
                2,
                0,
            );
        }
    }

    #[test]
    fn what_only_the_context_bounds_counts_apart() {
        check(
            r#"[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]"#,
            0,
            1,
        );
        check(r#"[{"content":[{"type":"file","file":{"file_id":"f"}}]}]"#, 0, 1);
        check(r#"[{"content":[{"type":["image_url"]}]}]"#, 0, 1);
        check(
            r#"[{"content":[{"type":"video_url","video_url":{"url":"u"}},{"type":"image_url"}]}]"#,
            1,
            1,
        );
    }

    #[test]
    fn only_an_images_own_bytes_are_no_text() {
        let image = r#"[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]"#;
        let data = "data:image/png;base64,AAAA".len() as u64;
        let bytes = image.len() as u64;
        assert_eq!(Media::read(image).prompt(image.len(), 1).text_bytes, bytes - data);
        for text in [
            r#"[{"role":"user","content":"data:image/png;base64,AAAA"}]"#,
            r#"["data:image/png;base64,AAAA"]"#,
            r#"[{"content":[{"type":"text","text":"data:image/png;base64,AAAA"}]}]"#,
            r#"[{"image":1,"content":"data:image/png;base64,AAAA"}]"#,
            r#"[{"type":"image","content":[{"text":"data:image/png;base64,AAAA"}]}]"#,
        ] {
            let prompt = Media::read(text).prompt(text.len(), 1);
            assert_eq!(prompt.text_bytes, text.len() as u64, "{text}");
        }
    }
}
