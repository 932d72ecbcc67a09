//! The boxes of the section `cost`: what calls may cost.
//!
//! One file must never look at another's box.

pub(super) mod low_balance;
pub(super) mod model_choice;
pub(super) mod spend_cap;
pub(super) mod token_budget;
