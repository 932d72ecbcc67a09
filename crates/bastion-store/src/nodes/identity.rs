//! Who this process is: its machine's name, its number, its version.
//!
//! It must never be taken for a proof: it is for people.

/// Longest name of a machine, in characters.
const MAX_HOST_CHARS: usize = 64;

/// Where Linux tells the machine's name.
const HOST_FILE: &str = "/proc/sys/kernel/hostname";

/// What a row tells of its process.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) host: String,
    pub(super) process: u32,
    pub(super) version: &'static str,
}

impl Identity {
    pub(super) fn of_this_process() -> Identity {
        let named = std::fs::read_to_string(HOST_FILE).or_else(|_| std::env::var("HOSTNAME"));
        let name = named.unwrap_or_default();
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let name: String = name.trim().chars().filter(plain).take(MAX_HOST_CHARS).collect();
        Identity {
            host: if name.is_empty() { "unknown".to_owned() } else { name },
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
