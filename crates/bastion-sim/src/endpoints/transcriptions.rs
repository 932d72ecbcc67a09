//! `POST /v1/audio/transcriptions`: a form with a recording; json, text or `verbose_json`.
//!
//! It must never listen: what it says follows from the recording's bytes.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::dice::Dice;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::form;
use crate::refused::Refused;
use crate::text::{len, tokens, written};

const PATH: &str = "/v1/audio/transcriptions";

/// Longest recording. Source: contract, Endpoints.
const MAX_FILE_BYTES: usize = 25_000_000;

/// What a recording takes a second where it does not say.
const LIKELY_BYTES_PER_S: u64 = 16_000;

/// Words of a transcript.
const WORDS: std::ops::RangeInclusive<u32> = 12..=40;

pub(crate) struct Transcriptions;

#[derive(Clone, Copy)]
enum Format {
    Json,
    Text,
    Verbose,
}

impl Endpoint for Transcriptions {
    fn name(&self) -> &'static str {
        "transcriptions"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn allow(&self) -> &'static str {
        "POST"
    }

    fn takes(&self, path: &str) -> bool {
        path == PATH
    }

    fn model_in<'a>(&self, _path: &'a str) -> Option<&'a str> {
        None
    }

    fn generate(&self, asked: &Asked<'_>) -> Result<Generated, Refused> {
        let parts = form::parts(asked.headers, asked.body).ok_or_else(|| {
            let message = "the body is no whole multipart/form-data; send a form";
            Refused::Invalid { message: message.into(), param: None }
        })?;
        let missing = || Refused::field("model", "'model' is missing; name a model");
        let model = form::text(&parts, "model").ok_or_else(missing)?;
        if !asked.house.catalogue.transcribes(model) {
            return Err(Refused::UnknownModel);
        }
        let missing = || Refused::field("file", "'file' is missing; send a recording");
        let file = parts.iter().find(|part| part.name == "file").ok_or_else(missing)?.bytes;
        if file.len() > MAX_FILE_BYTES {
            return Err(Refused::TooLarge { limit_bytes: MAX_FILE_BYTES });
        }
        let format = format(form::text(&parts, "response_format"))?;
        let language = form::text(&parts, "language").unwrap_or("en");
        let opening = format!("This is a simulated transcript of {} bytes.", file.len());
        let text = written(&mut Dice::new(asked.house.seed, file), &WORDS, &opening);
        let mut answer = answer(format, &text, (language, milliseconds(file)));
        answer.head_wait = asked.house.pace.first_token();
        Ok(Generated { answer, tokens: Some(tokens(&text)) })
    }
}

fn format(name: Option<&str>) -> Result<Format, Refused> {
    match name {
        None | Some("json") => Ok(Format::Json),
        Some("text") => Ok(Format::Text),
        Some("verbose_json") => Ok(Format::Verbose),
        Some(_) => {
            let message = "'response_format' is json, text or verbose_json";
            Err(Refused::field("response_format", message))
        }
    }
}

fn answer(format: Format, text: &str, (language, length_ms): (&str, u64)) -> Answer {
    let seconds = f64::from(u32::try_from(length_ms).unwrap_or(u32::MAX)) / 1000.0;
    let usage = json!({ "type": "duration", "seconds": length_ms.div_ceil(1000) });
    let body: Value = match format {
        Format::Text => {
            let text = Bytes::from(format!("{text}\n"));
            return Answer::whole(200, "text/plain; charset=utf-8", text);
        }
        Format::Json => json!({ "text": text, "usage": usage }),
        Format::Verbose => json!({
            "task": "transcribe",
            "language": language,
            "duration": seconds,
            "text": text,
            "segments": [{
                "id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": [],
                "temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 1.0,
                "no_speech_prob": 0.0,
            }],
            "usage": usage,
        }),
    };
    Answer::json(200, Bytes::from(body.to_string()))
}

/// By the rate in the head of a WAV, else by a likely one; rounded up.
fn milliseconds(file: &[u8]) -> u64 {
    let is_wav = file.starts_with(b"RIFF") && file.get(8..16) == Some(b"WAVEfmt ");
    let rate = file.get(28..32).filter(|_| is_wav).and_then(|rate| rate.first_chunk::<4>());
    let rate = rate.map_or(LIKELY_BYTES_PER_S, |rate| u64::from(u32::from_le_bytes(*rate)));
    len(file.len()).saturating_mul(1000).div_ceil(rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_as_long_as_its_head_says() {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0".to_vec();
        wav.extend(16_000_u32.to_le_bytes());
        wav.resize(24_000, 0);
        assert_eq!(milliseconds(&wav), 1500);
        assert_eq!(milliseconds(&[0; 8000]), 500);
        assert_eq!(milliseconds(b""), 0);
    }
}
