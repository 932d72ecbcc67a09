//! Ports for servers that go and come back: nobody else may get one in between.
//!
//! It must never give a port from which the system takes those of outgoing connections: a caller of
//! a server that is away could be given the server's own.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`).
const FIRST: u16 = 11_000;
const COUNT: u16 = 20_000;

/// A port of 127.0.0.1 that is free now.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other processes of tests begin elsewhere.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    let ports = std::iter::repeat_with(|| {
        let step = NEXT.fetch_add(1, Ordering::SeqCst) % COUNT;
        FIRST + u16::try_from((u32::from(begin) + u32::from(step)) % u32::from(COUNT)).unwrap()
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(usize::from(COUNT)).find(is_free).expect("no port is free")
}
