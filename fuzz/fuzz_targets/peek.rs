//! Reading a request never panics, and what an endpoint accepts is JSON; what goes in does no harm.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run peek`

#![no_main]

use bastion_wire::{
    AnswerForm, Ask, Edit, Named, Splice, State, read_answer, read_chat, read_completion,
    read_embeddings, read_images, read_responses, read_speech, splice_all,
};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    for form in [AnswerForm::Tokens, AnswerForm::Images, AnswerForm::Transcript] {
        read_answer(input, form);
    }
    let readers =
        [read_chat, read_completion, read_responses, read_embeddings, read_images, read_speech];
    for ask in readers.iter().filter_map(|read| read(input).ok()) {
        check(input, ask);
    }
});

fn check(input: &[u8], ask: Ask<'_>) {
    let value: Value = serde_json::from_slice(input).expect("what is accepted is JSON");
    let Named::Model { name, place } = ask.named else { return };
    assert_eq!(value["model"].as_str(), Some(name.as_ref()));
    let state = match ask.state {
        State::NoneWith(splice) => Some(splice),
        State::None | State::AskedBy(_) => None,
    };
    let (asks_usage, keeps_nothing) = (ask.usage_wish.is_some(), state.is_some());
    let edit = |splice: &Splice| Edit { place: splice.place.clone(), with: splice.with.as_bytes() };
    let mut edits: Vec<_> = ask.usage_wish.iter().chain(&state).map(edit).collect();
    edits.push(Edit { place, with: b"\"other\"" });
    let sent = splice_all(&Bytes::copy_from_slice(input), &mut edits);
    let sent: Value = serde_json::from_slice(&sent).expect("what is sent is JSON");
    assert_eq!(sent["model"], "other");
    assert!(!asks_usage || sent["stream_options"]["include_usage"] == true);
    assert!(!keeps_nothing || sent["store"] == false);
}
