//! The rows of `bastion config show`: each effective value with where it came from.
//!
//! It must never show a secret: references are shown as they are written.

use std::fmt;
use std::path::PathBuf;

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// Dotted, such as `server.listen`.
    pub key: String,
    /// As a person would write it in an environment variable; secrets are hidden.
    pub value: String,
    /// Where the value came from.
    pub source: SettingSource,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingSource {
    /// Nobody set it.
    Default,
    /// The file.
    File {
        /// The file's path, as it was given.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name, as it is spelt in the environment.
        variable: String,
    },
    /// An operator, in place of the file's, until it is removed.
    Operator {
        /// Since when, and in place of what.
        said: String,
    },
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingSource::Default => f.write_str("default"),
            SettingSource::File { path, line } => write!(f, "{}:{line}", path.display()),
            SettingSource::Environment { variable } => write!(f, "environment {variable}"),
            SettingSource::Operator { said } => f.write_str(said),
        }
    }
}
