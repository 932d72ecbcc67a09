//! Takes a port, or says in words why it cannot.
//!
//! It must never share a port with another process in silence: no `SO_REUSEPORT`.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system keeps for us until they are accepted.
const BACKLOG: u32 = 4096;

/// A port that is ours and not yet served.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    address: SocketAddr,
}

/// Why an address cannot be listened at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has it.
    #[error("{0} is in use by another program; stop that one, or listen at another port")]
    InUse(SocketAddr),
    /// A port below 1024, mostly.
    #[error("{0} may not be listened at by this user; take a port from 1024 on")]
    NotAllowed(SocketAddr),
    /// Another machine's, or nobody's.
    #[error(
        "{0} is no address of this machine; listen at 127.0.0.1, at 0.0.0.0 for all of its \
         addresses, or at one of them"
    )]
    NotOurs(SocketAddr),
    /// Whatever else the system does not allow.
    #[error("{address} cannot be listened at ({cause}); take another address or port")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
}

impl Listener {
    /// # Errors
    /// When the port is in use, not allowed, or not an address of this machine.
    pub fn bind(address: SocketAddr) -> Result<Listener, BindError> {
        let tcp = listen(address).map_err(|cause| told(address, cause))?;
        let address = tcp.local_addr().map_err(|cause| BindError::Other { address, cause })?;
        Ok(Listener { tcp, address })
    }

    /// Where it listens; a port 0 is resolved.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Lets a restart have the port while old connections linger; never shares it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn told(address: SocketAddr, cause: io::Error) -> BindError {
    if cause.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse(address)
    } else if cause.kind() == io::ErrorKind::PermissionDenied {
        BindError::NotAllowed(address)
    } else if cause.kind() == io::ErrorKind::AddrNotAvailable {
        BindError::NotOurs(address)
    } else {
        BindError::Other { address, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_told_with_the_mend() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = Listener::bind(first.address()).unwrap_err();
        assert!(matches!(second, BindError::InUse(at) if at == first.address()));
        assert!(second.to_string().contains("another port"));
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_told_with_the_mend() {
        let elsewhere = Listener::bind("203.0.113.1:8080".parse().unwrap()).unwrap_err();
        assert!(matches!(elsewhere, BindError::NotOurs(_)), "{elsewhere}");
        assert!(elsewhere.to_string().contains("no address of this machine"));
    }
}
