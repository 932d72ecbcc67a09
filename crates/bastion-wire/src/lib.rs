//! The wire contract as pure functions: endpoints, envelope, peek, splice, frames, usage.
//!
//! It must never do I/O, and never build a tree of a whole body: it reads what policy needs and
//! leaves every other byte as it came.

mod ask;
mod content;
mod credential;
mod dialect;
mod edit;
mod end_user;
mod ended_empty;
mod endpoints;
mod envelope;
mod judge_body;
mod media;
mod nesting;
mod peek;
mod recording;
mod references;
mod retry;
mod sse;
mod stated;
mod usage;

pub use ask::{Ask, GivenLimit, Named, OutputLimits, Splice, State, Work};
pub use content::Content;
pub use credential::bearer;
pub use dialect::Dialect;
pub use edit::{Edit, splice, splice_all};
pub use end_user::end_user;
pub use ended_empty::is_ended_empty;
pub use endpoints::{Endpoint, Route, route};
pub use envelope::{Envelope, ErrorPlace, error_event, refusal_response};
pub use judge_body::{is_error_answer, is_json_object, is_model_not_found};
pub use nesting::{MAX_NESTING, is_nested_too_deep};
pub use peek::{
    read_chat, read_completion, read_embeddings, read_images, read_responses, read_speech,
};
pub use recording::{RECORDING_HEAD_BYTES, estimated_ms};
pub use retry::{Backoff, RetryAfter, retry_after, status_may_be_tried_again};
pub use sse::{Frame, FrameReader, FrameTooLong, MAX_FRAME_BYTES, Run};
pub use usage::{AnswerForm, AnswerKind, read_answer};
