//! `file:PATH`: a file that only its owner can read, such as a mounted secret.
//!
//! It must never read a file whose mode lets others in: that key is no secret any more.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bastion_config::SecretReference;

use super::{References, ResolveError};

/// Longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The mode's bits of group and world.
const OTHERS: u32 = 0o077;

pub(super) struct File;

impl References for File {
    fn read(&self, reference: &SecretReference) -> Option<Result<String, ResolveError>> {
        let SecretReference::File(path) = reference else { return None };
        Some(read(path, &reference.to_string()))
    }
}

fn read(path: &Path, name: &str) -> Result<String, ResolveError> {
    let absent = |_| ResolveError::Absent(name.to_owned(), "put a file of mode 0600 there");
    let unusable = |why| ResolveError::Unusable(name.to_owned(), why);
    let file = std::fs::File::open(path).map_err(absent)?;
    // Of the open file, not of the path: it could be exchanged in between.
    let about = file.metadata().map_err(absent)?;
    if !about.is_file() {
        return Err(unusable("is not a file"));
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(ResolveError::ReadableByOthers(name.to_owned(), mode));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(|_| unusable("cannot be read as text"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::references::resolve;

    fn key_file(mode: u32, text: &str) -> (tempfile::TempDir, SecretReference) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, SecretReference::File(path))
    }

    #[test]
    fn a_file_that_others_can_read_forbids_the_start() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_folder, reference) = key_file(mode, "qbt_test_secret");
            let told = resolve(&reference).unwrap_err();
            assert!(told.forbids_start(), "{mode:o}");
            assert!(!told.to_string().contains("qbt_"), "{told}");
        }
    }

    #[test]
    fn a_file_of_its_owner_is_read_without_its_line_end() {
        let (_folder, reference) = key_file(0o600, "qbt_test_secret\n");
        assert_eq!(resolve(&reference).unwrap().expose(), "qbt_test_secret");
    }

    #[test]
    fn what_cannot_be_a_key_is_told() {
        for text in ["", "\n", "two words", "two\nlines", "\u{e9}"] {
            let (_folder, reference) = key_file(0o600, text);
            assert!(resolve(&reference).is_err(), "{text:?}");
        }
        let nowhere = SecretReference::File("/no/such/file".into());
        assert!(matches!(resolve(&nowhere), Err(ResolveError::Absent(..))));
    }
}
