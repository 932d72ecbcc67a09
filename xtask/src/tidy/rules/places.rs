//! No file names a place of one machine, nor the host of a package registry.
//!
//! It must never write such a name whole: then it would find itself.

use std::path::Path;

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// The folders in which only one machine's files are.
const LOCAL_FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/")];

const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("rubygems", ".org"),
    concat!("repo.maven.apache", ".org"),
];

/// Lock files name registries by nature.
const LOCK_FILES: &[&str] = &["package-lock.json", "pnpm-lock.yaml", "go.sum"];

/// No local paths and no registries in text files.
pub(crate) struct Places;

impl Rule for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let files = house.tree.files().filter(|(path, _)| !is_lock_file(path));
        let lines = files.flat_map(|(path, text)| {
            text.lines().enumerate().map(move |(index, line)| (path, index + 1, line))
        });
        lines.flat_map(|(path, number, line)| of_line(path, number, line)).collect()
    }
}

fn of_line(path: &Path, number: usize, line: &str) -> Vec<Finding> {
    let folders = LOCAL_FOLDERS.iter().filter(|folder| names_folder(line, folder)).map(|folder| {
        let wrong = format!("a path on one machine (`{folder}`)");
        Finding::new(
            path,
            number,
            wrong,
            "write it relative to the workspace, or make it a setting",
        )
    });
    let hosts = REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)).map(|host| {
        let wrong = format!("the host of a package registry (`{host}`)");
        Finding::new(path, number, wrong, "name the package, not where it is fetched from")
    });
    folders.chain(hosts).collect()
}

/// Is the folder named at a path's start, not in the middle of one?
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
}

fn is_lock_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
        || LOCK_FILES.iter().any(|name| path.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_local_path_is_found_in_any_text_file() {
        let folder = LOCAL_FOLDERS[0];
        assert_eq!(
            found(&Places, [("docs/a.md", &format!("first\ncd {folder}x\n"))]),
            [format!("docs/a.md:2: a path on one machine (`{folder}`)")]
        );
    }

    #[test]
    fn a_registry_is_found() {
        for host in REGISTRY_HOSTS {
            let text = format!("https://{host}/x");
            assert_eq!(
                found(&Places, [("README.md", &text)]),
                [format!("README.md:1: the host of a package registry (`{host}`)")]
            );
        }
    }

    #[test]
    fn lock_files_and_other_paths_are_fine() {
        let host = REGISTRY_HOSTS[0];
        let folder = LOCAL_FOLDERS[1];
        let path = format!("https://example.test{folder}x");
        let lock = ("Cargo.lock", host);
        assert!(found(&Places, [lock, ("ui/package-lock.json", host), ("a.md", &path)]).is_empty());
    }
}
