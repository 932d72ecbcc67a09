//! The text files of the house, by path: read once, or made in memory by a test.
//!
//! It must never follow a symbolic link, nor read what the root's `.gitignore` names.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

/// A text file larger than this is data: no rule reads it.
const FILE_SIZE_MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Text files by their path relative to the root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<PathBuf, String>,
}

impl Tree {
    /// Reads all text files under `root`.
    ///
    /// # Errors
    /// When a folder or a file cannot be read.
    pub(crate) fn read(root: &Path) -> io::Result<Tree> {
        let ignored = Ignored::read(root)?;
        let mut tree = Tree::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in ignored.others(&folder)? {
                folders.extend(tree.take(root, &entry)?);
            }
        }
        Ok(tree)
    }

    /// Each file's path and text, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().map(|(path, text)| (path.as_path(), text.as_str()))
    }

    /// Takes a text file in; gives a folder back, to be read later.
    fn take(&mut self, root: &Path, entry: &DirEntry) -> io::Result<Option<PathBuf>> {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            return Ok(Some(path));
        }
        if !entry.file_type()?.is_file() || entry.metadata()?.len() > FILE_SIZE_MAX_BYTES {
            return Ok(None);
        }
        if let Ok(text) = String::from_utf8(fs::read(&path)?) {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            self.files.insert(relative.to_path_buf(), text);
        }
        Ok(None)
    }
}

impl<P: Into<PathBuf>, T: Into<String>> FromIterator<(P, T)> for Tree {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Tree {
        Tree { files: files.into_iter().map(|(path, text)| (path.into(), text.into())).collect() }
    }
}

/// The names in the root's `.gitignore`: exact, or `*` and an ending. It knows no other pattern.
struct Ignored {
    names: Vec<String>,
}

impl Ignored {
    fn read(root: &Path) -> io::Result<Ignored> {
        match fs::read_to_string(root.join(".gitignore")) {
            Ok(text) => Ok(Ignored::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ignored::parse("")),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Ignored {
        let lines = text.lines().map(|line| line.trim().trim_matches('/'));
        let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ignored { names: names.chain([".git"]).map(str::to_owned).collect() }
    }

    /// What is in the folder and not ignored.
    fn others(&self, folder: &Path) -> io::Result<Vec<DirEntry>> {
        let entries: Vec<DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
        let is_other = |entry: &DirEntry| !self.names_one(&entry.file_name().to_string_lossy());
        Ok(entries.into_iter().filter(is_other).collect())
    }

    fn names_one(&self, file: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix('*') {
            Some(ending) => file.ends_with(ending),
            None => file == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gitignore_names_is_not_read() {
        let ignored = Ignored::parse("/target\n*.pyc\nnode_modules/\n# note\n\n");
        for name in ["target", "a.pyc", "node_modules", ".git"] {
            assert!(ignored.names_one(name), "{name}");
        }
        for name in ["src", "targets", ".ci", "# note", ""] {
            assert!(!ignored.names_one(name), "{name}");
        }
    }

    #[test]
    fn a_tree_on_disk_is_read_with_relative_paths() {
        let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(tree.files().any(|(path, _)| path == Path::new("src/tidy/tree.rs")));
    }
}
