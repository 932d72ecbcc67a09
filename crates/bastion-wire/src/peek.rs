//! Reads of a request's body what policy reads, in one pass, and nothing else: one file for each
//! endpoint.
//!
//! It must never accept a key twice that policy reads (the upstream might take the other one), and
//! never repeat the body's content in a message.

mod chat;
mod completions;
mod embeddings;
mod images;
mod limits;
mod modifiers;
mod prompts;
mod responses;
mod slots;
mod speech;
mod usage_wish;

pub use chat::read_chat;
pub use completions::read_completion;
pub use embeddings::read_embeddings;
pub use images::read_images;
pub use responses::read_responses;
pub use speech::read_speech;
