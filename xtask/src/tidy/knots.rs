//! Import knots: groups of modules of one crate that import each other, directly or in a circle.
//!
//! It must never count what only declares: `mod child;`, `pub use child::X`, the elements of a
//! list's `ALL`, and test code are no imports. Each import belongs to one folder: the deepest one
//! that holds both its ends; there the ends are two children, or a child and the folder's own file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::house::Package;
use super::mentions::{Manner, Mention};
use super::modules::ModulePath;
use super::source::Source;

/// Modules of one folder that import each other.
#[derive(Debug)]
pub(crate) struct Knot {
    /// Two or more, by name.
    pub(crate) modules: BTreeSet<ModulePath>,
    /// One import for each pair of modules that are tied.
    pub(crate) imports: Vec<Import>,
}

/// One module's import of another.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// The importing module.
    pub(crate) from: ModulePath,
    /// The imported module.
    pub(crate) to: ModulePath,
    /// The importing file.
    pub(crate) path: PathBuf,
    /// 1-based.
    pub(crate) line: usize,
}

/// The imports between the children of one folder: the first line of each pair.
type Graph = BTreeMap<(ModulePath, ModulePath), Import>;

/// All knots of a crate, by folder.
pub(crate) fn of(package: &Package) -> Vec<Knot> {
    graphs(package).values().flat_map(knots).collect()
}

/// The size of the crate's largest knot in modules: 1 when there is none.
pub(crate) fn largest(package: &Package) -> usize {
    of(package).iter().map(|knot| knot.modules.len()).max().unwrap_or(1)
}

fn graphs(package: &Package) -> BTreeMap<ModulePath, Graph> {
    let mut graphs: BTreeMap<ModulePath, Graph> = BTreeMap::new();
    for source in &package.sources {
        let Some(from) = source.module() else { continue };
        for mention in source.mentions.iter().filter(|mention| !mention.in_test) {
            let Some(to) = package.modules.resolve(from, mention) else { continue };
            if let Some((folder, import)) = import(source, from, &to, mention) {
                let ends = (import.from.clone(), import.to.clone());
                graphs.entry(folder).or_default().entry(ends).or_insert(import);
            }
        }
    }
    graphs
}

/// The import that this mention is, in the folder to which it belongs.
fn import(
    source: &Source,
    from: &[String],
    to: &[String],
    mention: &Mention,
) -> Option<(ModulePath, Import)> {
    let declares = matches!(mention.manner, Manner::Export(_) | Manner::ListElement);
    if from == to || declares && to.starts_with(from) {
        return None;
    }
    let shared = from.iter().zip(to).take_while(|(one, other)| one == other).count();
    let end = |path: &[String]| path.iter().take(shared + 1).cloned().collect();
    let folder = from.iter().take(shared).cloned().collect();
    let (from, to) = (end(from), end(to));
    Some((folder, Import { from, to, path: source.path.clone(), line: mention.line }))
}

/// The strongly connected groups of a graph.
fn knots(graph: &Graph) -> Vec<Knot> {
    let all = reached(graph);
    let ties = |from: &ModulePath, to: &ModulePath| {
        all.get(from).is_some_and(|reached| reached.contains(to))
    };
    let groups: BTreeSet<BTreeSet<ModulePath>> = all
        .iter()
        .filter(|(module, reached)| reached.contains(*module))
        .map(|(module, reached)| reached.iter().filter(|one| ties(one, module)).cloned().collect())
        .collect();
    groups.into_iter().map(|modules| tied(modules, graph)).collect()
}

fn tied(modules: BTreeSet<ModulePath>, graph: &Graph) -> Knot {
    let inside = |import: &&Import| modules.contains(&import.from) && modules.contains(&import.to);
    Knot { imports: graph.values().filter(inside).cloned().collect(), modules }
}

/// What each module imports, directly or through others.
fn reached(graph: &Graph) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let mut reached: BTreeMap<ModulePath, BTreeSet<ModulePath>> = BTreeMap::new();
    for (start, _) in graph.keys() {
        let mut open = vec![start];
        let seen = reached.entry(start.clone()).or_default();
        while let Some(at) = open.pop() {
            let next = graph.keys().filter(|(from, _)| from == at).map(|(_, to)| to);
            open.extend(next.filter(|to| seen.insert((*to).clone())));
        }
    }
    reached
}
