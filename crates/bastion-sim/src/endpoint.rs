//! What an endpoint of the simulated upstream is.
//!
//! It must never answer without saying how many tokens the answer used.

use http::{HeaderMap, Method};

use crate::answer::Answer;
use crate::house::House;
use crate::refused::Refused;

/// What was asked of an endpoint.
pub(crate) struct Asked<'a> {
    pub(crate) house: &'a House,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// An answer and what it costs the account.
pub(crate) struct Generated {
    pub(crate) answer: Answer,
    /// None: free, and given to an empty account too.
    pub(crate) tokens: Option<u64>,
}

/// One row of the contract.
pub(crate) trait Endpoint: Sync {
    /// As scripts call it.
    fn name(&self) -> &'static str;
    fn method(&self) -> Method;
    /// The method as `allow` says it.
    fn allow(&self) -> &'static str;
    fn takes(&self, path: &str) -> bool;
    /// The model that the path names, if it names one.
    fn model_in<'a>(&self, path: &'a str) -> Option<&'a str>;
    fn generate(&self, asked: &Asked<'_>) -> Result<Generated, Refused>;
}
