//! A call as its attempts see it.
//!
//! It must never change between two attempts.

use std::sync::atomic::AtomicBool;

use crate::desk::Desk;
use crate::path::door::Arrival;
use crate::path::hold::Purse;
use crate::path::screen::Screened;
use crate::policy::Policy;

/// What every attempt of a call goes by.
#[derive(Clone, Copy)]
pub(crate) struct Calling<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) policy: &'a Policy,
    pub(crate) arrival: &'a Arrival,
    pub(crate) screened: &'a Screened,
    /// The money that is set aside for it.
    pub(crate) purse: &'a Purse,
    /// Set once a byte of the attempt that runs may have reached its upstream.
    pub(crate) sent: &'a AtomicBool,
}
