//! Why the store cannot do what it was asked, each with the next step.
//!
//! A text must never hold a value from the database: no key, no hash, no person.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong in the store. Texts are for operators, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory's path is, or leads through, something that is no folder.
    #[error("the data directory {} is not a folder; set data_dir to another path", path.display())]
    NotADirectory {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The system does not let this user write a path.
    #[error("{} is not writable ({cause}); give it to the user that runs bastion, mode 0700 for \
             folders and 0600 for files", path.display())]
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file system is mounted read-only.
    #[error("{} is on a read-only file system; mount it writable or set data_dir to another path",
            path.display())]
    ReadOnlyFileSystem {
        /// The folder or file.
        path: PathBuf,
    },
    /// SQLite can read the database and not write it.
    #[error(
        "the database cannot be written; look whether its folder or its file system became \
             read-only or bastion.db changed its owner, then start again"
    )]
    ReadOnly,
    /// No room left.
    #[error(
        "the disk that holds the data directory is full; free some space, what was asked was \
             not stored"
    )]
    Full,
    /// PostgreSQL does not answer.
    #[error(
        "the database cannot be reached ({what}); look at store.url, the network and the server"
    )]
    Unreachable {
        /// What was said.
        what: String,
    },
    /// The text is no URL of PostgreSQL.
    #[error("store.url is no URL of PostgreSQL; write postgres://USER@HOST:PORT/DATABASE")]
    NoUrl,
    /// PostgreSQL does not let this user in, or not do this.
    #[error(
        "the database refused: {what}; look at the user, the password and the database of \
             store.url"
    )]
    Refused {
        /// What it said.
        what: String,
    },
    /// PostgreSQL reads and does not write: a standby, or set so.
    #[error(
        "the database takes no writes; let store.url name the primary, and look at \
             default_transaction_read_only"
    )]
    DatabaseReadOnly,
    /// No room left at PostgreSQL.
    #[error("the disk of the database is full; free some space, what was asked was not stored")]
    DatabaseFull,
    /// A PostgreSQL that was never tried.
    #[error("the database is PostgreSQL {found}; this bastion needs {oldest} or later")]
    OldServer {
        /// Its version.
        found: i64,
        /// The oldest that is known to work.
        oldest: i64,
    },
    /// Another process has the data directory.
    #[error("the data directory is in use by {}; stop it first or set another data_dir",
            holder(*pid))]
    InUse {
        /// Its process id, if it could be read.
        pid: Option<u32>,
    },
    /// The database was written by a later version.
    #[error(
        "the database has schema {found}, this bastion knows up to {known}; install the \
             version that wrote it, or restore a backup from before the upgrade"
    )]
    NewerSchema {
        /// The schema in the database.
        found: i64,
        /// The last schema that this binary knows.
        known: i64,
    },
    /// A schema step in the database is not the one that this binary would have taken.
    #[error(
        "schema step {version} of the database is not the one of this bastion; install the \
             release that wrote it, or restore a backup"
    )]
    ChangedSchema {
        /// The step that differs.
        version: i64,
    },
    /// The schema is behind and the steps are taken by hand.
    #[error(
        "the database has schema {found}, this bastion needs {known} and store.migrate is \
             \"manual\"; run 'bastion store migrate'"
    )]
    Unmigrated {
        /// The schema in the database; 0: none.
        found: i64,
        /// The schema that is needed.
        known: i64,
    },
    /// A step is marked as begun and not ended, or one before it is missing.
    #[error(
        "the database is half-migrated: schema step {version} is not whole; restore a backup \
             from before the upgrade, then let one bastion take all steps"
    )]
    HalfMigrated {
        /// The step.
        version: i64,
    },
    /// The file is no database of ours, or it is damaged.
    #[error(
        "the database is damaged ({what}); restore a backup, or move bastion.db away to begin \
             anew"
    )]
    Corrupt {
        /// What could not be read.
        what: String,
    },
    /// The one writer did not come free in time.
    #[error("the database was busy for too long; try again")]
    Busy,
    /// The store was closed before.
    #[error("the store is closed; bastion is shutting down")]
    Closed,
    /// An error ended the transaction before; nothing of it was stored.
    #[error("the transaction was undone by an earlier error; nothing of it was stored")]
    Undone,
    /// The change's task was stopped; whether it was stored is not known.
    #[error("the change was cut off by the shutdown; look whether it was stored, then repeat it")]
    CutOff,
    /// Others have found that this process gave no sign of life and ended its lease.
    #[error("the lease of this process has ended; it works on under a new one in a moment")]
    LeaseEnded,
    /// What this process knows of the keys is too old.
    #[error("the database has been lost for too long to know which keys still count")]
    Stale,
    /// No room in the key directory.
    #[error(
        "the store holds {max} keys, revoked ones included, and takes no more; rotate a key \
             that exists instead of making another one"
    )]
    TooManyKeys {
        /// The limit.
        max: usize,
    },
    /// The operating system gave no randomness for a key.
    #[error("the operating system gives no randomness; no key was made, try again")]
    NoRandomness,
    /// The database is there, and does not take what was to be written.
    #[error("the database refuses what was to be written: {what}")]
    RowRefused {
        /// What was said.
        what: String,
    },
    /// Anything else, in the words of the system or of the database.
    #[error("the store failed: {what}")]
    Failed {
        /// What was said.
        what: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StoreError {
    /// What the system said about `path`, by its cause.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most kinds say no more than their text")]
    pub(crate) fn from_io(path: &Path, cause: io::Error) -> StoreError {
        use io::ErrorKind as Kind;
        let path = path.to_owned();
        match cause.kind() {
            Kind::NotADirectory | Kind::AlreadyExists => StoreError::NotADirectory { path },
            Kind::ReadOnlyFilesystem => StoreError::ReadOnlyFileSystem { path },
            Kind::StorageFull | Kind::QuotaExceeded => StoreError::Full,
            _ => StoreError::NotWritable { path, cause },
        }
    }

    /// A row that this binary cannot have written.
    pub(crate) fn corrupt(what: &str) -> StoreError {
        StoreError::Corrupt { what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cause: io::ErrorKind, expect: &str) {
        let error = StoreError::from_io(Path::new("/data"), cause.into());
        assert!(error.to_string().starts_with(expect), "{error}");
        assert!(!error.to_string().ends_with('.'));
    }

    #[test]
    fn each_cause_has_its_own_words() {
        check(io::ErrorKind::PermissionDenied, "/data is not writable (permission denied)");
        check(io::ErrorKind::ReadOnlyFilesystem, "/data is on a read-only file system");
        check(io::ErrorKind::StorageFull, "the disk that holds the data directory is full");
        check(io::ErrorKind::NotADirectory, "the data directory /data is not a folder");
    }

    #[test]
    fn a_holder_is_named_if_it_is_known() {
        let text = |pid| StoreError::InUse { pid }.to_string();
        assert!(text(Some(12)).starts_with("the data directory is in use by process 12;"));
        assert!(text(None).starts_with("the data directory is in use by another process;"));
    }
}
