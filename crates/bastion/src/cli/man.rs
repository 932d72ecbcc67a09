//! `bastion man`: the manual page of every command, one behind the other.
//!
//! It must never list a command by itself: all of them come from the command tree.

use std::io;

use clap::Command;
use clap_mangen::Man;

use crate::exit::Exit;
use crate::out;

/// What `bastion man --help` ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  bastion man | man -l -
  bastion man > /usr/local/share/man/man1/bastion.1";

/// Runs the command.
///
/// # Errors
/// When what was made is not text.
pub(crate) fn run(tree: Command) -> anyhow::Result<Exit> {
    out::line(manual(tree)?.trim_end());
    Ok(Exit::Done)
}

/// The pages of the whole tree.
///
/// # Errors
/// When what was made is not text.
pub(super) fn manual(tree: Command) -> anyhow::Result<String> {
    let mut tree = tree.disable_help_subcommand(true);
    tree.build();
    let mut manual = Vec::new();
    write(&tree, &mut manual)?;
    Ok(String::from_utf8(manual)?)
}

/// The command's page, then those of its subcommands.
fn write(command: &Command, to: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    Man::new(command.clone()).title(name).render(to)?;
    for subcommand in shown_below(command) {
        write(subcommand, to)?;
    }
    Ok(())
}

/// The subcommands that help shows.
pub(super) fn shown_below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
}
