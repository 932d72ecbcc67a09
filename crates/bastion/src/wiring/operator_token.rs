//! The operators' token: from the environment, else a file in the data directory, made once.
//!
//! It must never be readable by others, and never be logged.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use bastion_types::Secret;

const VARIABLE: &str = "BASTION_OPERATOR_TOKEN";
const FILE: &str = "operator.token";
const UNFINISHED: &str = "operator.token.unfinished";
const PREFIX: &str = "bop_";

/// The mode's bits of group and world.
const OTHERS: u32 = 0o077;

/// Shorter tokens can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// The token of a deployment with a data directory.
pub(super) fn of_deployment(data_dir: &Path) -> anyhow::Result<Secret> {
    if let Ok(token) = std::env::var(VARIABLE) {
        anyhow::ensure!(
            token.len() >= MIN_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic()),
            "{VARIABLE} must be at least {MIN_TOKEN_BYTES} visible ASCII letters"
        );
        return Ok(Secret::new(token));
    }
    let path = data_dir.join(FILE);
    if path.symlink_metadata().is_ok() {
        return read(&path);
    }
    let fresh = generate()?;
    let made = make(data_dir, &fresh).with_context(|| {
        format!("{} cannot be made; look at the folder's free space and rights", path.display())
    })?;
    // With SQLite the store's lock is held; beside PostgreSQL another node may have been faster.
    if made { Ok(fresh) } else { read(&path) }
}

/// Writes the file beside its place and links it there whole: a crash or a full disk leaves no
/// half of it. False when one was there already.
fn make(data_dir: &Path, token: &Secret) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    // One of its own: two nodes beside PostgreSQL may share the folder.
    let unfinished = data_dir.join(format!("{UNFINISHED}.{}", std::process::id()));
    for left in [&unfinished, &data_dir.join(UNFINISHED)] {
        match fs::remove_file(left) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            Ok(()) | Err(_) => {}
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", token.expose())?;
    file.sync_all()?;
    let linked = fs::hard_link(&unfinished, data_dir.join(FILE));
    fs::remove_file(&unfinished)?;
    match linked {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        linked => linked?,
    }
    fs::File::open(data_dir)?.sync_all()?;
    Ok(true)
}

fn read(path: &Path) -> anyhow::Result<Secret> {
    let unread = || format!("{} cannot be read", path.display());
    let mode = fs::metadata(path).with_context(unread)?.permissions().mode() & 0o777;
    anyhow::ensure!(
        mode & OTHERS == 0,
        "{} can be read by other users (mode {mode:04o}); run 'chmod 600' on it, or delete it to \
         have a new one made",
        path.display()
    );
    let text = fs::read_to_string(path).with_context(unread)?;
    let token = text.trim();
    anyhow::ensure!(
        token.len() >= MIN_TOKEN_BYTES,
        "{} holds no token; delete it to have a new one made",
        path.display()
    );
    Ok(Secret::new(token.to_owned()))
}

/// A new token of 256 random bits.
pub(super) fn generate() -> anyhow::Result<Secret> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(Secret::new(std::iter::once(PREFIX.to_owned()).chain(hex).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = of_deployment(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(of_deployment(folder.path()).unwrap().expose(), made.expose());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let told = of_deployment(folder.path()).unwrap_err().to_string();
        assert!(told.contains("chmod 600") && !told.contains(made.expose()), "{told}");
    }

    #[test]
    fn what_a_crash_left_half_made_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = folder.path().join(UNFINISHED);
        fs::write(&unfinished, "bop_12").unwrap();
        let made = of_deployment(folder.path()).unwrap();
        assert!(made.expose().len() > 64 && !unfinished.exists());
    }
}
