//! The wire contract as pure functions: endpoints, envelope, peek, splice, frames, usage.
//!
//! It must never do I/O, and never build a tree of a whole body: it reads what policy needs and
//! leaves every other byte as it came.

mod chunk;
mod credential;
mod edit;
mod endpoints;
mod envelope;
mod judge_body;
mod nesting;
mod peek;
mod retry;
mod sse;
mod usage;

pub use chunk::{is_start_up, is_usage_alone, notable_frames};
pub use credential::bearer;
pub use edit::{Edit, splice, splice_all};
pub use endpoints::{Endpoint, Route, route};
pub use envelope::{Envelope, error_event, refusal_response};
pub use judge_body::{is_error_answer, is_error_frame, is_json_object, is_model_not_found};
pub use nesting::{MAX_NESTING, is_nested_too_deep};
pub use peek::{ChatAsk, UsageWish, read_chat};
pub use retry::{Backoff, RetryAfter, retry_after, status_may_be_tried_again};
pub use sse::{Frame, FrameReader, FrameTooLong, MAX_FRAME_BYTES, Run};
pub use usage::{AnswerKind, answer_usage, frame_usage, read_answer};
