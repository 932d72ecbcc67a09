//! Reading a request never panics, and what it accepts is JSON; usage goes in without harm.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run peek`

#![no_main]

use bastion_wire::{Edit, read_answer, read_chat, splice_all};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    read_answer(input);
    let Ok(ask) = read_chat(input) else { return };
    let value: Value = serde_json::from_slice(input).expect("what is accepted is JSON");
    assert_eq!(value["model"].as_str(), Some(ask.model.as_ref()));
    let Some(wish) = ask.usage_wish else { return };
    let body = Bytes::copy_from_slice(input);
    let mut edits = [
        Edit { place: wish.place, with: wish.with.as_bytes() },
        Edit { place: ask.model_place, with: b"\"other\"" },
    ];
    let sent = splice_all(&body, &mut edits);
    let sent: Value = serde_json::from_slice(&sent).expect("what is sent is JSON");
    assert_eq!(sent["model"], "other");
    assert_eq!(sent["stream_options"]["include_usage"], true);
});
