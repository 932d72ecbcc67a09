//! What a configuration is read from: one file and the process's environment variables.
//!
//! It must never print what it read: both may hold secrets.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The prefix of the only variables that are looked at.
pub(crate) const PREFIX: &str = "BASTION_";

/// What [`crate::load`] reads. It prints neither the file's text nor a variable's value.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file's path, as it is shown in messages, and its text; none: defaults alone.
    pub file: Option<(PathBuf, String)>,
    /// All variables of the process; only `BASTION_*` are looked at.
    pub environment: Vec<(String, String)>,
}

/// Why the file or the environment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such file.
    #[error(
        "there is no configuration at {path}; `bastion init` writes one, `--config` names another"
    )]
    Absent {
        /// The path, as it was given.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error(
        "the configuration {path} cannot be read: {source}; mend its path or its permissions, or let `bastion init` write a new one"
    )]
    Unreadable {
        /// The path, as it was given.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Over 1 MiB.
    #[error(
        "the configuration {path} is longer than 1 MiB; name the right file, or let `bastion init` write one"
    )]
    TooLong {
        /// The path, as it was given.
        path: PathBuf,
    },
    /// Not UTF-8.
    #[error(
        "the configuration {path} is not UTF-8 at byte {offset_bytes}; save it as UTF-8, or let `bastion init` write a new one"
    )]
    NotUtf8 {
        /// The path, as it was given.
        path: PathBuf,
        /// Bytes before the first wrong one.
        offset_bytes: usize,
    },
    /// A variable of ours that is not Unicode.
    #[error("the environment variable {variable} is not UTF-8; set it again or unset it")]
    VariableNotUtf8 {
        /// Its name.
        variable: String,
    },
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file.as_ref().map(|(path, _)| path);
        f.debug_struct("Sources").field("file", &path).finish_non_exhaustive()
    }
}

/// Reads the file at `path` and keeps the variables.
///
/// # Errors
/// When the file is missing, unreadable, over 1 MiB or not UTF-8, or a variable of ours is not.
pub fn read_sources(
    path: &Path,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Sources, ReadError> {
    let text = read_file(path)?;
    let environment = environment
        .filter_map(|(name, value)| read_variable(&name, &value).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Sources { file: Some((path.to_owned(), text)), environment })
}

fn read_file(path: &Path) -> Result<String, ReadError> {
    let unreadable = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            ReadError::Absent { path }
        } else {
            ReadError::Unreadable { path, source }
        }
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLong { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        path: path.to_owned(),
        offset_bytes: error.utf8_error().valid_up_to(),
    })
}

/// None for a variable that is not ours.
fn read_variable(name: &OsStr, value: &OsStr) -> Result<Option<(String, String)>, ReadError> {
    let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
        return Ok(None);
    };
    match value.to_str() {
        Some(value) => Ok(Some((name.to_owned(), value.to_owned()))),
        None => Err(ReadError::VariableNotUtf8 { variable: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Sources, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bastion.toml");
        std::fs::write(&path, bytes).unwrap();
        read_sources(&path, std::iter::empty())
    }

    #[test]
    fn a_missing_file_names_its_path_and_the_next_step() {
        let error = read_sources(Path::new("nowhere/bastion.toml"), std::iter::empty());
        let text = error.unwrap_err().to_string();
        assert!(text.contains("nowhere/bastion.toml") && text.contains("bastion init"), "{text}");
    }

    #[test]
    fn what_is_not_utf8_is_told_by_its_byte() {
        let text = read(b"currency = \"\xff\"").unwrap_err().to_string();
        assert!(text.contains("at byte 12"), "{text}");
    }

    #[test]
    fn a_file_over_1_mib_is_refused() {
        let length = usize::try_from(MAX_FILE_BYTES).unwrap();
        assert!(read(&vec![b'\n'; length]).is_ok());
        assert!(matches!(read(&vec![b'\n'; length + 1]), Err(ReadError::TooLong { .. })));
    }

    #[test]
    fn sources_do_not_print_what_they_hold() {
        let sources = Sources {
            file: Some((PathBuf::from("bastion.toml"), "api_key = \"hunter2\"".into())),
            environment: vec![("BASTION_X".into(), "hunter2".into())],
        };
        assert!(!format!("{sources:?}").contains("hunter2"));
    }
}
