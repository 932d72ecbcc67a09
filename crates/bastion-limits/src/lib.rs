//! Rates and concurrency of a key: requests and tokens a minute by GCRA, calls at once by a count.
//!
//! It must never hold a lock while a call is decided, never wait, and never admit more than a limit
//! says, however many threads ask at the same time.

mod bucket;
mod key_limits;
mod key_state;
mod registry;
mod slots;
mod standing;

pub use bucket::MAX_PER_MINUTE;
pub use key_limits::KeyLimits;
pub use key_state::{Ask, Denied, KeyState, Permit};
pub use registry::Registry;
pub use standing::{RateStanding, Standing};
