//! The data directory: made, checked and locked for one process.
//!
//! It must never be shared: SQLite and the in-process limits count on being alone.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::StoreError;

const LOCK_FILE: &str = "bastion.lock";
const DATABASE_FILE: &str = "bastion.db";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Longest process id that is read from the lock file, in bytes.
const MAX_PID_BYTES: u64 = 16;

/// The folder, held until it is released or dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

impl DataDir {
    /// Makes the folder if it is absent and takes its lock.
    ///
    /// # Errors
    /// When the path is no folder, cannot be written, or another process has it.
    pub(crate) fn take(path: &Path) -> Result<DataDir, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(|cause| StoreError::from_io(path, cause))?;
        let lock = open_private(path, LOCK_FILE)?;
        let lock = take_lock(lock)?;
        Ok(DataDir { path: path.to_owned(), lock: Mutex::new(Some(lock)) })
    }

    /// The database's path; the file is made if it is absent and is only for its owner.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub(crate) fn database_file(&self) -> Result<PathBuf, StoreError> {
        // SQLite would open a file that it cannot write without a word; so this opens it first.
        open_private(&self.path, DATABASE_FILE)?;
        Ok(self.path.join(DATABASE_FILE))
    }

    /// The database's path, where there is one; nothing is made and nothing locked.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn database_in(folder: &Path) -> Result<Option<PathBuf>, StoreError> {
        let path = folder.join(DATABASE_FILE);
        let is_there = path.try_exists().map_err(|cause| StoreError::from_io(&path, cause))?;
        Ok(is_there.then_some(path))
    }

    /// Lets another process in.
    pub(crate) fn release(&self) {
        drop(self.lock.lock().take());
    }
}

fn open_private(folder: &Path, name: &str) -> Result<File, StoreError> {
    let path = folder.join(name);
    let told = |cause| StoreError::from_io(&path, cause);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(told)?;
    let mode = file.metadata().map_err(told)?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(FILE_MODE)).map_err(told)?;
    }
    Ok(file)
}

fn take_lock(mut file: File) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { pid: read_pid(&file) }),
        Err(TryLockError::Error(cause)) => {
            let what = format!("{LOCK_FILE} cannot be locked on this file system: {cause}");
            return Err(StoreError::Failed { what });
        }
    }
    let told = |cause| StoreError::from_io(Path::new(LOCK_FILE), cause);
    file.set_len(0).map_err(told)?;
    writeln!(file, "{}", std::process::id()).map_err(told)?;
    Ok(file)
}

fn read_pid(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_told() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("data");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = DataDir::take(&path).unwrap_err();
            assert!(matches!(error, StoreError::NotADirectory { .. }), "{error}");
        }
    }

    #[test]
    fn a_folder_in_place_of_the_database_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(DATABASE_FILE)).unwrap();
        let error = DataDir::take(root.path()).unwrap().database_file().unwrap_err();
        assert!(
            error.to_string().contains("bastion.db is not writable (Is a directory"),
            "{error}"
        );
    }

    #[test]
    fn a_second_holder_learns_the_first_ones_process() {
        let root = tempfile::tempdir().unwrap();
        let first = DataDir::take(root.path()).unwrap();
        let error = DataDir::take(root.path()).unwrap_err();
        assert!(matches!(error, StoreError::InUse { pid } if pid == Some(std::process::id())));
        first.release();
        DataDir::take(root.path()).unwrap();
    }

    #[test]
    fn a_lock_file_without_a_number_names_nobody() {
        let root = tempfile::tempdir().unwrap();
        let _first = DataDir::take(root.path()).unwrap();
        std::fs::write(root.path().join(LOCK_FILE), "?").unwrap();
        let error = DataDir::take(root.path()).unwrap_err();
        assert!(matches!(error, StoreError::InUse { pid: None }));
    }

    #[test]
    fn folder_and_files_are_for_their_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let file = DataDir::take(&path).unwrap().database_file().unwrap();
        assert_eq!((mode(&path), mode(&file), mode(&path.join(LOCK_FILE))), (0o700, 0o600, 0o600));
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        DataDir::take(&path).unwrap().database_file().unwrap();
        assert_eq!(mode(&file), 0o600, "a restored file is closed again");
    }
}
