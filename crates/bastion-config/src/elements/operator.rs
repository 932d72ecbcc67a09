//! `[operator]`: the listener of operators.

use std::net::SocketAddr;

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

/// The section `[operator]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Operator API and metrics; default `127.0.0.1:8081`.
    pub listen: SocketAddr,
}

/// The section.
pub(crate) const SECTION: Field = Field::absent(
    "operator",
    Kind::Table(FIELDS),
    "its defaults",
    "the listener of operators: their API and metrics",
);

/// `operator.listen`; the two listeners are compared in `agreement`.
pub(crate) const LISTEN: Field = Field::default(
    "listen",
    Kind::Address,
    "127.0.0.1:8081",
    "where operators connect; it has no TLS, so another address than loopback is warned of",
);

const FIELDS: &[Field] = &[LISTEN];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Operator, Invalid> {
    Ok(Operator { listen: reader.one(&LISTEN, kinds::address)? })
}
