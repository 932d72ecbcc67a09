//! `bastion completions`: a shell's completions for every command.
//!
//! It must never list a command by itself: all of them come from the command tree.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion completions bash > ~/.local/share/bash-completion/completions/bastion
  bastion completions zsh > ~/.zfunc/_bastion
  bastion completions fish > ~/.config/fish/completions/bastion.fish";

/// Completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When what was made is not text.
pub(crate) fn run(arguments: &CompletionsArguments, tree: Command) -> anyhow::Result<Exit> {
    out::line(script(arguments.shell, tree)?.trim_end());
    Ok(Exit::Done)
}

/// The completions of the whole tree for one shell.
///
/// # Errors
/// When what was made is not text.
pub(super) fn script(shell: Shell, mut tree: Command) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree, "bastion", &mut script);
    Ok(String::from_utf8(script)?)
}
