//! The simulated upstream over real sockets.
//!
//! It must never sleep to wait for something: the log tells.

#[cfg(test)]
mod account;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod client;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod load;
#[cfg(test)]
mod log;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod script;
#[cfg(test)]
mod upstream;
