//! The folders whose members keep apart, as data: the lists, and the stages of a call's path.
//!
//! It must never name a member of a list: a new member touches its file and its `ALL` only.

/// How many sections a list has, and members in them: both are fixed by the checklist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sections {
    pub(crate) folders: usize,
    pub(crate) files: usize,
}

/// A folder whose modules never import each other.
#[derive(Debug)]
pub(crate) struct List {
    /// The folder's name, in any crate.
    pub(crate) folder: &'static str,
    /// Must the file beside the folder hold a slice `ALL` of its members?
    pub(crate) has_all: bool,
    /// Are its folders sections, whose files are members, too? Then there are so many.
    pub(crate) sections: Option<Sections>,
    /// Modules in the folder that its members may import; they import no member.
    pub(crate) shared: &'static [&'static str],
}

impl List {
    const fn new(folder: &'static str) -> List {
        List { folder, has_all: true, sections: None, shared: &[] }
    }

    const fn in_sections(self, folders: usize, files: usize) -> List {
        List { sections: Some(Sections { folders, files }), ..self }
    }

    const fn without_all(self) -> List {
        List { has_all: false, ..self }
    }

    const fn sharing(self, shared: &'static [&'static str]) -> List {
        List { shared, ..self }
    }
}

/// Every folder that is a list by its name.
pub(crate) const LISTS: &[List] = &[
    List::new("alerts"),
    List::new("receivers"),
    List::new("references"),
    List::new("detectors"),
    List::new("jobs"),
    List::new("drills"),
    List::new("checks").in_sections(7, 26),
    List::new("pages"),
    List::new("endpoints"),
    List::new("elements"),
    List::new("faults"),
    List::new("rules"),
    List::new("admin").without_all(),
    List::new("cli").without_all().sharing(&["out", "client", "context"]),
];

/// The crate with the path of a call, and the folder with its stages.
pub(crate) const PATH: (&str, &str) = ("bastion-gateway", "path");

/// The stages of a call, in order: each may import what earlier ones return.
pub(crate) const STAGES: &[&str] =
    &["door", "authenticate", "admit", "screen", "hold", "dispatch", "relay", "settle", "record"];

/// The list with this folder name.
pub(crate) fn named(folder: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.folder == folder)
}
