//! Rates and concurrency of a key: requests and tokens a minute by GCRA, calls at once by a count;
//! in this process, or for all nodes together in Redis.
//!
//! It must never hold a lock while a call waits, and never admit more than a limit says, however
//! many threads or nodes ask at the same time. Without Redis each node admits its share.

mod away;
mod book;
mod bucket;
mod denial;
mod key_limits;
mod key_state;
mod limits;
mod nodes;
mod rate;
mod registry;
mod shared;
mod slots;
mod standing;
mod watcher;

pub use denial::Denied;
pub use key_limits::KeyLimits;
pub use key_state::{Ask, KeyState, Permit};
pub use limits::Limits;
pub use nodes::Nodes;
pub use rate::MAX_PER_MINUTE;
pub use registry::Registry;
pub use shared::{AddressError, SharedSettings};
pub use standing::{RateStanding, Standing};
pub use watcher::{Counting, Watcher};
