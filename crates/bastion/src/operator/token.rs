//! The operator's token: the environment's, else that of the server's data directory.
//!
//! It must never take a token from a file that others can read, and never show one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bastion_types::Secret;

use crate::out;

const VARIABLE: &str = "BASTION_OPERATOR_TOKEN";
const DATA_DIR_VARIABLE: &str = "BASTION_DATA_DIR";
const CONFIG_VARIABLE: &str = "BASTION_CONFIG";
const FILE: &str = "operator.token";
const DEFAULT_CONFIG: &str = "bastion.toml";
const DEFAULT_DATA_DIR: &str = "./data";

/// Longest token, in bytes: it must fit a header.
const MAX_TOKEN_BYTES: u64 = 8 * 1024;

/// Permissions of group and others.
const OTHERS: u32 = 0o077;

/// A token and where it came from.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) source: TokenSource,
}

/// Where a token came from.
#[derive(Debug)]
pub(super) enum TokenSource {
    /// The environment.
    Variable,
    /// A file; its path, fit to be shown.
    File(String),
}

impl TokenSource {
    /// Where it came from, and what to do when that token is the wrong one.
    pub(super) fn with_mend(&self) -> String {
        match self {
            TokenSource::Variable => format!(
                "{VARIABLE}; the right one is in operator.token in that server's data directory: \
                 set the variable to it, or unset it and name the directory with --data-dir"
            ),
            TokenSource::File(path) => format!(
                "{path}; name that server's own data directory with --data-dir, or set {VARIABLE}"
            ),
        }
    }
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum NoToken {
    /// Neither variable nor file is there; holds what to do.
    Absent(String),
    /// What is there is refused; holds why.
    Refused(String),
}

/// Finds the token.
///
/// # Errors
/// When there is none, it is none, or others can read its file.
pub(super) fn find(data_dir: Option<&Path>) -> Result<Token, NoToken> {
    if let Some(value) = set(VARIABLE) {
        let text = value.into_string().unwrap_or_default();
        return token(&text, TokenSource::Variable);
    }
    from_file(&data_dir.map_or_else(data_dir_in_use, Path::to_owned).join(FILE))
}

/// The data directory of the configuration in use, which has the environment's variables in it;
/// without a configuration that loads, the environment's, else the default.
fn data_dir_in_use() -> PathBuf {
    let config = set(CONFIG_VARIABLE).map_or_else(|| DEFAULT_CONFIG.into(), PathBuf::from);
    let sources = bastion_config::read_sources(&config, std::env::vars_os());
    if let Some(loaded) = sources.ok().and_then(|sources| bastion_config::load(&sources).ok()) {
        return loaded.config.data_dir;
    }
    set(DATA_DIR_VARIABLE).map_or_else(|| DEFAULT_DATA_DIR.into(), PathBuf::from)
}

/// A variable that is set and not empty.
fn set(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn from_file(path: &Path) -> Result<Token, NoToken> {
    let shown = out::printable(&path.display().to_string());
    let unread = |cause| unread(&shown, &cause);
    let file = File::open(path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(NoToken::Refused(format!(
            "the operator's token {shown} can be read by other users (mode {mode:04o}), so it is \
             not used; run 'chmod 600' on it, and make a new one if they may have read it"
        )));
    }
    let mut text = String::new();
    file.take(MAX_TOKEN_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
    token(&text, TokenSource::File(shown))
}

fn unread(shown: &str, cause: &io::Error) -> NoToken {
    let mend = "name the server's data directory with --data-dir, or set BASTION_OPERATOR_TOKEN";
    if cause.kind() == io::ErrorKind::NotFound {
        NoToken::Absent(format!("there is no operator's token at {shown}; {mend}"))
    } else {
        NoToken::Refused(format!("the operator's token {shown} cannot be read ({cause}); {mend}"))
    }
}

fn token(text: &str, source: TokenSource) -> Result<Token, NoToken> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() as u64 <= MAX_TOKEN_BYTES;
    if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NoToken::Refused(format!(
            "there is no operator's token, one line of visible ASCII, in {}",
            source.with_mend()
        )));
    }
    Ok(Token { secret: Secret::new(text.to_owned()), source })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn written(text: &str, mode: u32) -> Result<Token, NoToken> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        from_file(&path)
    }

    #[test]
    fn a_private_file_gives_the_token() {
        let token = written("op_token\n", 0o600).unwrap();
        assert_eq!(token.secret.expose(), "op_token");
        assert!(matches!(token.source, TokenSource::File(path) if path.ends_with(FILE)));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o644] {
            let Err(NoToken::Refused(why)) = written("op_token", mode) else { panic!("{mode:o}") };
            assert!(why.contains("chmod 600") && !why.contains("op_token"), "{why}");
        }
    }

    #[test]
    fn a_missing_file_names_the_two_ways() {
        let found = from_file(Path::new("/nowhere/operator.token"));
        let Err(NoToken::Absent(what)) = found else { panic!("{found:?}") };
        assert!(what.contains("--data-dir") && what.contains("BASTION_OPERATOR_TOKEN"), "{what}");
    }

    #[test]
    fn what_cannot_be_a_token_is_not_sent() {
        for text in ["", " \n", "two words", "a\nb", "é", &"x".repeat(9000)] {
            assert!(token(text, TokenSource::Variable).is_err(), "{text:?}");
        }
    }
}
