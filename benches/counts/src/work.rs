//! The work that is counted and timed: the hot functions of the wire on inputs that never change.
//!
//! An input must never be random: two runs have to count the same.

use std::hint::black_box;

use bastion_wire::{AnswerForm, Dialect, FrameReader, read_answer, read_chat, splice};
use bytes::Bytes;

const EVENTS: usize = 64;

/// One piece of work.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its name in the table of counts.
    pub name: &'static str,
    input: Bytes,
    act: fn(&Bytes),
}

impl Work {
    /// Does it once.
    pub fn act(&self) {
        (self.act)(black_box(&self.input));
    }
}

/// Everything that is counted.
pub fn all() -> Vec<Work> {
    let small = chat(900);
    vec![
        Work { name: "sse_burst_of_64_events", input: burst(), act: read_burst },
        Work { name: "peek_1_kib", input: small.clone(), act: peek },
        Work { name: "peek_100_kib", input: chat(100 * 1024), act: peek },
        Work { name: "splice_model_1_kib", input: small, act: rename },
        Work { name: "answer_and_usage", input: Bytes::from_static(ANSWER), act: usage },
    ]
}

const ANSWER: &[u8] = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"gpt-oss-20b","choices":[{"index":0,"message":{"role":"assistant","content":"An answer of some words, as they come in most calls, with a quote \" and a line end \n in it.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":57,"completion_tokens":31,"total_tokens":88,"prompt_tokens_details":{"cached_tokens":16},"completion_tokens_details":{"reasoning_tokens":7}}}"#;

fn chat(prompt_bytes: usize) -> Bytes {
    let prompt = "A prompt of words and \\\"quotes\\\". ".repeat(prompt_bytes / 34);
    format!(
        r#"{{"model":"gpt-oss-20b","messages":[{{"role":"user","content":"{prompt}"}}],"max_tokens":500,"temperature":0.7,"stream":true}}"#
    )
    .into()
}

fn burst() -> Bytes {
    let event = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"gpt-oss-20b","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null}"#;
    let usage = r#"data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":57,"completion_tokens":64,"total_tokens":121}}"#;
    let events = format!("{event}\n\n").repeat(EVENTS);
    format!("{events}{usage}\n\ndata: [DONE]\n\n").into()
}

fn read_burst(input: &Bytes) {
    let run = FrameReader::default().push(input.clone());
    if let Ok(Some(run)) = run {
        black_box(Dialect::Chat.notable_frames(&run).len());
    }
}

fn peek(input: &Bytes) {
    black_box(read_chat(input).is_ok());
}

fn rename(input: &Bytes) {
    black_box(splice(input, 9..22, b"\"Qwen3-32B\""));
}

fn usage(input: &Bytes) {
    black_box(read_answer(input, AnswerForm::Tokens));
}
