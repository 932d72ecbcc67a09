//! Members of a list never import each other; a stage of the path imports earlier stages only.
//!
//! It must never know a member: the lists and the order of the stages are in `tidy/lists.rs`.

use super::Rule;
use crate::tidy::house::{House, Package};
use crate::tidy::lists::{self, List};
use crate::tidy::mentions::Mention;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// Siblings keep apart.
pub(crate) struct Siblings;

impl Rule for Siblings {
    fn name(&self) -> &'static str {
        "siblings"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.packages.iter().flat_map(of_package).collect()
    }
}

/// What a folder asks of the modules in it.
enum Bond {
    /// They keep apart.
    Apart(&'static List),
    /// Each imports only what stands before it in the order.
    InOrder,
}

fn of_package(package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &package.sources {
        for (depth, bond) in bonds(package, source.module().unwrap_or_default()) {
            findings.extend(stranger(source, depth, &bond));
            let mentions = source.mentions.iter();
            findings
                .extend(mentions.filter_map(|one| breach(package, source, one, (depth, &bond))));
        }
    }
    findings
}

/// The folders with a bond that `module` stands in: where in its path the member's name is.
fn bonds(package: &Package, module: &[String]) -> Vec<(usize, Bond)> {
    let mut found = Vec::new();
    for (index, folder) in module.iter().enumerate() {
        if (package.name(), folder.as_str()) == lists::PATH && index == 0 {
            found.push((index + 1, Bond::InOrder));
        }
        if let Some(list) = lists::named(folder) {
            found.push((index + 1, Bond::Apart(list)));
            if list.sections.is_some() {
                found.push((index + 2, Bond::Apart(list)));
            }
        }
    }
    found.retain(|(depth, _)| module.len() > *depth);
    found
}

/// A module in the path's folder that is no stage.
fn stranger(source: &Source, depth: usize, bond: &Bond) -> Option<Finding> {
    let name = source.module()?.get(depth)?;
    let fits = matches!(bond, Bond::Apart(_)) || lists::STAGES.contains(&name.as_str());
    let mend = "put it into the folder of the stage it belongs to";
    (!fits).then(|| Finding::new(&source.path, 1, format!("`{name}` is no stage"), mend))
}

/// What is wrong when the mention leads to a sibling that the bond forbids.
fn breach(
    package: &Package,
    source: &Source,
    mention: &Mention,
    (depth, bond): (usize, &Bond),
) -> Option<Finding> {
    let from = source.module()?;
    let to = package.modules.resolve(from, mention)?;
    let (member, other) = (from.get(depth)?, to.get(depth)?);
    if from.get(..depth) != to.get(..depth) || member == other {
        return None;
    }
    let (wrong, mend) = match bond {
        Bond::Apart(list) if list.shared.contains(&other.as_str()) => return None,
        Bond::Apart(list) => (
            format!("`{member}` imports its sibling `{other}` in {}/", list.folder),
            "move what both need above the folder",
        ),
        Bond::InOrder if stage(other) < stage(member) => return None,
        Bond::InOrder => (
            format!("the stage `{member}` imports the later stage `{other}`"),
            "return what the later stage needs, it imports you",
        ),
    };
    Some(Finding::new(&source.path, mention.line, wrong, mend))
}

/// Where in the order a stage stands; what is no stage comes after all.
fn stage(name: &str) -> usize {
    lists::STAGES.iter().position(|stage| *stage == name).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const SWEEP: &str = "crates/bastion-jobs/src/jobs/sweep.rs";
    const OTHER: (&str, &str) = ("crates/bastion-jobs/src/jobs/other.rs", "pub struct Other;");

    #[test]
    fn a_sibling_is_found_however_it_is_named() {
        for text in [
            "use super::other::Other;",
            "use crate::jobs::other;",
            "fn f() { super::other::g() }",
            "use crate::jobs::Other;",
        ] {
            let list = ("crates/bastion-jobs/src/jobs.rs", "pub use other::Other;");
            assert_eq!(
                found(&Siblings, [(SWEEP, text), OTHER, list]),
                [format!("{SWEEP}:1: `sweep` imports its sibling `other` in jobs/")]
            );
        }
    }

    #[test]
    fn a_file_in_a_members_folder_belongs_to_the_member() {
        let part = "crates/bastion-jobs/src/jobs/sweep/part.rs";
        assert_eq!(found(&Siblings, [(part, "use super::super::other::Other;"), OTHER]).len(), 1);
        let files = [(SWEEP, "use self::part::P;"), (part, "use super::X;"), OTHER];
        assert!(found(&Siblings, files).is_empty());
    }

    #[test]
    fn the_list_itself_and_modules_outside_are_fine() {
        let list = ("crates/bastion-jobs/src/jobs.rs", "pub trait Job {}");
        let lease = ("crates/bastion-jobs/src/lease.rs", "");
        let sweep = (SWEEP, "use super::Job; use crate::lease::Lease;");
        assert!(found(&Siblings, [list, lease, sweep, OTHER]).is_empty());
    }

    #[test]
    fn boxes_of_a_section_keep_apart_too() {
        let one = "crates/bastion-check/src/checks/cost/caps.rs";
        let two = ("crates/bastion-check/src/checks/cost/spend.rs", "");
        assert_eq!(found(&Siblings, [(one, "use super::spend::S;"), two]).len(), 1);
        let section = ("crates/bastion-check/src/checks/cost.rs", "");
        assert!(found(&Siblings, [(one, "use super::S;"), section]).is_empty());
    }

    #[test]
    fn commands_share_what_the_list_names() {
        let keys = "crates/bastion/src/cli/keys.rs";
        let out = ("crates/bastion/src/cli/out.rs", "");
        assert!(found(&Siblings, [(keys, "use super::out;"), out]).is_empty());
        let serve = ("crates/bastion/src/cli/serve.rs", "");
        assert_eq!(found(&Siblings, [(keys, "use super::serve;"), serve]).len(), 1);
    }

    #[test]
    fn a_stage_imports_earlier_stages_only() {
        let hold = "crates/bastion-gateway/src/path/hold.rs";
        let relay = "crates/bastion-gateway/src/path/relay.rs";
        assert!(found(&Siblings, [(relay, "use super::hold::Hold;"), (hold, "")]).is_empty());
        assert_eq!(
            found(&Siblings, [(hold, "use super::relay::Relayed;"), (relay, "")]),
            [format!("{hold}:1: the stage `hold` imports the later stage `relay`")]
        );
    }

    #[test]
    fn what_is_no_stage_has_no_place_in_the_path() {
        let file = "crates/bastion-gateway/src/path/extra.rs";
        assert_eq!(found(&Siblings, [(file, "")]), [format!("{file}:1: `extra` is no stage")]);
    }
}
