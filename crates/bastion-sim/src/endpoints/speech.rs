//! `POST /api/v1/tts/text_to_audio`: a tone as long as the text, in the wanted encoding.
//!
//! It must never sound like a voice: nobody may take it for speech.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::Pace;
use crate::answer::{Answer, TimedPiece};
use crate::audio::{Encoding, Tone};
use crate::catalogue::speaks;
use crate::dice::Dice;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::fields;
use crate::refused::Refused;
use crate::text::{len, tokens};

const PATH: &str = "/api/v1/tts/text_to_audio";

/// Samples a second. Source: the engine's documentation.
const RATES_HZ: std::ops::RangeInclusive<u64> = 8_000..=48_000;
const DEFAULT_RATE_HZ: u32 = 22_050;
/// Bytes of one piece on the wire.
const PIECE_BYTES: usize = 8 * 1024;
/// Tokens' time that one piece takes.
const PIECE_TOKENS: u32 = 4;

pub(crate) struct Speech;

#[derive(Deserialize)]
struct Fields {
    text: Option<Value>,
    language_code: Option<Value>,
    encoding: Option<Value>,
    sample_rate_hz: Option<Value>,
    voice_name: Option<Value>,
}

impl Endpoint for Speech {
    fn name(&self) -> &'static str {
        "speech"
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
        let given: Fields = fields::read(asked.body)?;
        let text = fields::text(given.text, "text")?;
        let language = fields::text(given.language_code, "language_code")?;
        if !speaks(&language) {
            let message = "no model speaks this 'language_code'; send en-US, de-DE, es-ES or it-IT";
            return Err(Refused::field("language_code", message));
        }
        given.voice_name.map(|voice| fields::text(Some(voice), "voice_name")).transpose()?;
        let encoding = encoding(given.encoding.as_ref())?;
        let rate_hz = rate(given.sample_rate_hz.as_ref())?;
        // By the text alone: every encoding of it is the same tone.
        let mut dice = Dice::new(asked.house.seed, text.as_bytes());
        let tone = Tone::of(&mut dice, len(text.chars().count()), rate_hz);
        let audio = Bytes::from(encoding.encoded(&tone));
        let answer = Answer::pieces(encoding.content_type(), pieces(&audio, asked.house.pace));
        Ok(Generated { answer, tokens: Some(tokens(&text)) })
    }
}

/// By its number or its name. Source: contract, Endpoints.
fn encoding(value: Option<&Value>) -> Result<Encoding, Refused> {
    let Some(value) = value else { return Ok(Encoding::LinearPcm) };
    let known = Encoding::ALL.into_iter().find(|encoding| {
        value.as_u64() == Some(encoding.number()) || value.as_str() == Some(encoding.name())
    });
    known.ok_or_else(|| {
        let message = "'encoding' is 1 LINEAR_PCM, 2 FLAC, 3 MULAW, 4 ALAW or 5 OGGOPUS";
        Refused::field("encoding", message)
    })
}

fn rate(value: Option<&Value>) -> Result<u32, Refused> {
    let Some(value) = value else { return Ok(DEFAULT_RATE_HZ) };
    let rate = value.as_u64().filter(|rate| RATES_HZ.contains(rate));
    rate.and_then(|rate| u32::try_from(rate).ok())
        .ok_or_else(|| Refused::field("sample_rate_hz", "'sample_rate_hz' is from 8000 to 48000"))
}

fn pieces(audio: &Bytes, pace: Pace) -> Vec<TimedPiece> {
    let each = pace.per_token().saturating_mul(PIECE_TOKENS);
    let starts = (0..audio.len()).step_by(PIECE_BYTES);
    starts
        .map(|from| TimedPiece {
            wait: if from == 0 { pace.first_token() } else { each },
            bytes: audio.slice(from..audio.len().min(from.saturating_add(PIECE_BYTES))),
        })
        .collect()
}
