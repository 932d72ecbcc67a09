//! A file that a setting names: `file:PATH`.
//!
//! It must never hold what stands in the file, nor name anything else than a file: what is read
//! again when it changes must have a place where it can change.

use std::fmt;
use std::path::PathBuf;

/// A file that is read at the start and again when it changes, such as a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileReference {
    /// Where it lies; what the file of settings writes relative is beside that file.
    pub path: PathBuf,
}

impl fmt::Display for FileReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file:{}", self.path.display())
    }
}
