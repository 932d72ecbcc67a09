//! Environment variables over the file: `BASTION_SECTION__KEY` replaces `section.key`.
//!
//! It must never make a named table (an upstream, a model, an environment): a variable changes
//! what the file names, so a slip in a name is an error and not a new upstream.

use crate::codes;
use crate::field::{Field, Kind};
use crate::notes::{Notes, Problem};
use crate::reader::unbuilt;
use crate::sources::PREFIX;
use crate::suggest;
use crate::tree::{Node, Origin, Table};

/// Between the parts of a setting's name.
const SEPARATOR: &str = "__";

/// A setting that a variable can name.
struct Target<'a> {
    /// In capital letters, behind the prefix.
    variable: String,
    path: Vec<String>,
    field: &'a Field,
}

/// Lays the variables over the file's tree; what names nothing is an error, but for variables
/// without `__`, which may be another program's.
pub(crate) fn apply(
    root: &mut Table,
    fields: &[Field],
    environment: &[(String, String)],
    notes: &Notes,
) {
    let mut targets = Vec::new();
    collect(root, fields, &[], &mut targets);
    for (name, value) in environment {
        let Some(setting) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let setting = setting.escape_debug().to_string().to_ascii_uppercase();
        let origin = Origin::Variable(name.escape_debug().to_string());
        match find(&targets, &setting) {
            Ok(target) => root.put(&target.path, Node::written(value, origin)),
            Err(Some(problem)) => notes.error("", &origin, problem),
            Err(None) => {}
        }
    }
}

/// The setting that is meant, else what is wrong; nothing is wrong with strangers.
fn find<'t, 'a>(
    targets: &'t [Target<'a>],
    setting: &str,
) -> Result<&'t Target<'a>, Option<Problem>> {
    let mut exact = targets.iter().filter(|target| target.variable == setting);
    let is_setting = setting.contains(SEPARATOR);
    match (exact.next(), exact.next()) {
        (Some(target), None) => usable(target, is_setting).map(|()| target),
        (Some(_), Some(_)) => {
            let message = format!("'{PREFIX}{setting}' fits two names of the file");
            Err(Some(Problem::new(codes::UNKNOWN_VARIABLE, message).help("set it in the file")))
        }
        (None, _) if is_setting => Err(Some(unknown(targets, setting))),
        (None, _) => Err(None),
    }
}

fn usable(target: &Target<'_>, is_setting: bool) -> Result<(), Option<Problem>> {
    let kind = &target.field.kind;
    let is_list = matches!(kind, Kind::Tables { .. });
    let is_table = is_list || matches!(kind, Kind::Table(_) | Kind::Named(_));
    let is_unbuilt = matches!(kind, Kind::Unbuilt);
    if !is_setting && (is_table || is_unbuilt) {
        // `BASTION_SERVER` is the address that commands use, no section.
        return Err(None);
    }
    if is_unbuilt {
        return Err(Some(not_built(target)));
    }
    if is_list {
        let message = format!("'{PREFIX}{}' names a list of tables", target.variable);
        return Err(Some(
            Problem::new(codes::UNKNOWN_VARIABLE, message).help("set it in the file"),
        ));
    }
    if is_table {
        let message = format!("'{PREFIX}{}' names a table, not a setting", target.variable);
        let help = format!("set its parts, such as {PREFIX}{}{SEPARATOR}…", target.variable);
        return Err(Some(Problem::new(codes::UNKNOWN_VARIABLE, message).help(help)));
    }
    Ok(())
}

fn unknown(targets: &[Target<'_>], setting: &str) -> Problem {
    let inside = |target: &&Target<'_>| {
        !target.field.is_built()
            && setting
                .strip_prefix(&target.variable)
                .is_some_and(|rest| rest.starts_with(SEPARATOR))
    };
    if let Some(target) = targets.iter().find(inside) {
        return not_built(target);
    }
    let known = targets
        .iter()
        .filter(|target| target.field.is_built() && target.variable.contains(SEPARATOR))
        .map(|target| target.variable.as_str());
    let message = format!("'{PREFIX}{setting}' names no setting");
    let problem = Problem::new(codes::UNKNOWN_VARIABLE, message);
    match suggest::nearest(setting, known) {
        Some(near) => problem.help(format!("did you mean '{PREFIX}{near}'?")),
        None => problem.help("unset it, or add what it names to the file"),
    }
}

fn not_built(target: &Target<'_>) -> Problem {
    unbuilt(&target.path.join("."), target.field).help("unset the variable")
}

fn collect<'a>(root: &Table, fields: &'a [Field], path: &[String], targets: &mut Vec<Target<'a>>) {
    for field in fields {
        let path = below(path, field.name);
        targets.push(Target { variable: variable(&path), path: path.clone(), field });
        if let Kind::Table(inner) = field.kind {
            collect(root, inner, &path, targets);
        }
        if let Kind::Named(inner) = field.kind {
            for entry in names(root, &path) {
                collect(root, inner, &below(&path, entry), targets);
            }
        }
    }
}

fn names<'t>(root: &'t Table, path: &[String]) -> impl Iterator<Item = &'t str> {
    let table = path.first().and_then(|section| root.table(section));
    table.into_iter().flat_map(|table| &table.entries).map(|entry| entry.key.as_str())
}

fn below(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// The name of a setting as a variable spells it: what is neither letter nor digit is '_'.
fn variable(path: &[String]) -> String {
    let part = |part: &String| -> String {
        let spelt = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        part.chars().map(spelt).collect()
    };
    path.iter().map(part).collect::<Vec<_>>().join(SEPARATOR)
}
