//! The body of a call as it is kept while an attempt may still need it, and its places that may be
//! changed: in memory, or in a file that has no name.
//!
//! It must never be changed in place: each attempt gets its own form of it.

use std::ops::Range;
use std::sync::Arc;

use bastion_wire::{Edit, Splice, splice_all};
use bytes::Bytes;
use http::HeaderValue;

use crate::outgoing::{Outgoing, Segment};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A call's body.
pub(crate) struct Payload {
    kept: Kept,
    /// Its content type towards an upstream.
    pub(crate) content_type: HeaderValue,
    /// How much of it is text that costs tokens, in bytes.
    pub(crate) text_bytes: u64,
    /// Where the model's name stands in it; none: it names no model.
    pub(crate) model_place: Option<Range<usize>>,
    /// What to change so that a stream reports its usage.
    pub(crate) usage_wish: Option<Splice>,
    /// What to change so that the upstream keeps nothing.
    pub(crate) state_wish: Option<Splice>,
    /// The model's name, where the caller wrote an alias.
    pub(crate) model_name: Option<String>,
    /// The limits of its answers that are written into it, each in place of these bytes.
    pub(crate) limits: Vec<(Range<usize>, String)>,
}

enum Kept {
    Json(Bytes),
    Form(Arc<[Segment]>),
}

impl Payload {
    /// A JSON body.
    pub(crate) fn json(body: Bytes) -> Payload {
        let text_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        Payload::new(Kept::Json(body), JSON, text_bytes)
    }

    /// A form, as it goes to an upstream.
    pub(crate) fn form(parts: Vec<Segment>, content_type: HeaderValue, text_bytes: u64) -> Payload {
        Payload::new(Kept::Form(parts.into()), content_type, text_bytes)
    }

    fn new(kept: Kept, content_type: HeaderValue, text_bytes: u64) -> Payload {
        Payload {
            kept,
            content_type,
            text_bytes,
            model_place: None,
            usage_wish: None,
            state_wish: None,
            model_name: None,
            limits: Vec::new(),
        }
    }

    /// No attempt will need it any more.
    pub(crate) fn forget(&mut self) {
        self.kept = Kept::Json(Bytes::new());
    }

    /// As an upstream gets it: with its own name of the model, and asked for its usage or not.
    pub(crate) fn outgoing(&self, renamed: Option<&str>, asks_usage: bool) -> Outgoing {
        let renamed = renamed.or(self.model_name.as_deref());
        match &self.kept {
            Kept::Json(body) => Outgoing::whole(self.edited(body, renamed, asks_usage)),
            Kept::Form(parts) => self.with_model(parts, renamed),
        }
    }

    fn edited(&self, body: &Bytes, renamed: Option<&str>, asks_usage: bool) -> Bytes {
        let quoted = renamed.map(|name| format!("\"{name}\""));
        let model = self.model_place.clone().zip(quoted.as_deref());
        let parts = |splice: &'_ Splice| (splice.place.clone(), splice.with);
        let usage = self.usage_wish.as_ref().filter(|_| asks_usage).map(parts);
        let state = self.state_wish.as_ref().map(parts);
        let limits = self.limits.iter().map(|(place, with)| (place.clone(), with.as_str()));
        let mut edits: Vec<Edit<'_>> =
            [model, usage, state].into_iter().flatten().chain(limits).map(edit).collect();
        splice_all(body, &mut edits)
    }

    /// The model's part of a form is a segment of its own: its place is the segment's number.
    fn with_model(&self, parts: &[Segment], renamed: Option<&str>) -> Outgoing {
        let model = self.model_place.as_ref().map(|place| place.start).zip(renamed);
        let part = |(at, part): (usize, &Segment)| match model {
            Some((place, name)) if place == at => {
                Segment::Bytes(Bytes::copy_from_slice(name.as_bytes()))
            }
            _ => part.clone(),
        };
        Outgoing::of(parts.iter().enumerate().map(part))
    }
}

fn edit((place, with): (Range<usize>, &str)) -> Edit<'_> {
    Edit { place, with: with.as_bytes() }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn sent(payload: &Payload, renamed: Option<&str>, asks_usage: bool) -> Bytes {
        payload.outgoing(renamed, asks_usage).collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_json_body_changes_only_where_it_must() {
        let body = Bytes::from_static(br#"{"model":"m","x":1e400}"#);
        let mut payload = Payload::json(body.clone());
        payload.model_place = Some(9..12);
        assert_eq!(sent(&payload, None, true).await, body);
        payload.usage_wish = Some(Splice { place: 1..1, with: "\"u\":1," });
        payload.state_wish = Some(Splice { place: 1..1, with: "\"s\":0," });
        let all = sent(&payload, Some("other"), true).await;
        assert_eq!(all, br#"{"u":1,"s":0,"model":"other","x":1e400}"#.as_slice());
        payload.limits = vec![(1..1, "\"max_tokens\":5,".to_owned()), (17..22, "7".to_owned())];
        payload.model_name = Some("own".to_owned());
        let limited = sent(&payload, None, false).await;
        assert_eq!(limited, br#"{"s":0,"max_tokens":5,"model":"own","x":7}"#.as_slice());
        payload.limits.clear();
        let without = sent(&payload, Some("other"), false).await;
        assert_eq!(without, br#"{"s":0,"model":"other","x":1e400}"#.as_slice());
    }

    #[tokio::test]
    async fn a_forms_model_is_a_part_of_its_own() {
        let part = |text: &'static str| Segment::Bytes(Bytes::from_static(text.as_bytes()));
        let parts = vec![part("head "), part("whisper"), part(" rest")];
        let mut payload = Payload::form(parts, JSON, 3);
        assert_eq!(sent(&payload, Some("w"), true).await, "head whisper rest");
        payload.model_place = Some(1..2);
        assert_eq!(sent(&payload, Some("w"), true).await, "head w rest");
        payload.forget();
        assert_eq!(sent(&payload, Some("w"), true).await, "");
    }
}
