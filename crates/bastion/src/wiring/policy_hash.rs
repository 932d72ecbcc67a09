//! What calls go by, as one hash: a drill's evidence counts for one configuration only.
//!
//! It must never hold still when a setting changes that a call could notice.

use bastion_config::ShownSetting;
use sha2::{Digest, Sha256};

/// Settings that no call goes by: where we listen, where records lie, what is waived. Nodes of one
/// deployment may differ in them.
const NOT_POLICY: [&str; 9] = [
    "data_dir",
    "operator",
    "server.listen",
    "server.max_connections",
    "server.threads",
    "server.timeout.drain",
    "server.tls",
    "store",
    "waivers",
];

/// Bytes of the hash: 64 bits tell configurations of one deployment apart.
const HASH_BYTES: usize = 8;

/// The hash of the effective settings, wherever each came from.
pub(super) fn of(shown: &[ShownSetting]) -> String {
    let mut lines: Vec<String> = shown
        .iter()
        .filter(|setting| !NOT_POLICY.iter().any(|part| is_inside(&setting.key, part)))
        .map(|setting| format!("{}={}\n", setting.key, setting.value))
        .collect();
    lines.sort_unstable();
    let digest = lines.iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    digest.iter().take(HASH_BYTES).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn is_inside(key: &str, part: &str) -> bool {
    key.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bastion_config::{INIT_TOML, Sources, load};

    use super::*;

    fn hash(change: impl FnOnce(String) -> String) -> String {
        let file = Some((PathBuf::from("bastion.toml"), change(INIT_TOML.to_owned())));
        of(&load(&Sources { file, environment: Vec::new() }).unwrap().shown)
    }

    #[test]
    fn the_hash_follows_what_calls_go_by_and_nothing_else() {
        let before = hash(|text| text);
        assert_eq!(before.len(), 2 * HASH_BYTES);
        let waiver = "\n[[waivers]]\nbox = \"privacy.pii\"\nreason = \"r\"\nowner = \"o\"\n\
                      expires = 2026-12-31\n";
        assert_eq!(before, hash(|text| text + waiver));
        assert_eq!(before, hash(|text| text.replace("\n[server]\n", "\n[server]\nthreads = 3\n")));
        assert_eq!(before, hash(|text| text + "\n[retry]\nattempts = 3\n"), "that is the default");
        assert_ne!(before, hash(|text| text + "\n[retry]\nattempts = 4\n"));
        assert_ne!(before, hash(|text| text + "\n[environments.more]\n"));
    }
}
