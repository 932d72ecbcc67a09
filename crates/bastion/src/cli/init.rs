//! `bastion init`: a commented `bastion.toml` and what to do next; or a proxy's configuration.
//!
//! It must never overwrite a file.

mod nginx;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bastion_config::INIT_TOML;
use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion init
  bastion init /etc/bastion
  bastion init nginx > /etc/nginx/conf.d/bastion.conf";

const FILE: &str = "bastion.toml";
const MODE: u32 = 0o644;

/// What the interface promises and this version does not print.
const UNBUILT: &[&str] = &["caddy", "haproxy", "envoy", "systemd", "grafana", "prometheus-rules"];

/// Write a commented bastion.toml, or print the configuration of what stands before Bastion
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct InitArguments {
    #[command(subcommand)]
    tool: Option<Tool>,
    /// Where to write it; made if absent
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Print nginx's configuration for this deployment
    Nginx(nginx::NginxArguments),
}

/// Runs the command.
///
/// # Errors
/// When the file exists or cannot be written.
pub(crate) fn run(arguments: &InitArguments) -> anyhow::Result<Exit> {
    if let Some(Tool::Nginx(arguments)) = &arguments.tool {
        return nginx::run(arguments);
    }
    let directory = &arguments.directory;
    if let Some(tool) = UNBUILT.iter().find(|tool| directory.as_os_str() == **tool) {
        bail!(
            "'bastion init {tool}' is not in this version: it will print that tool's \
             configuration; for a directory of this name say ./{tool}"
        );
    }
    let path = write(directory)?;
    out::line(&next_steps(&path, directory));
    Ok(Exit::Done)
}

fn write(directory: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(directory)
        .with_context(|| format!("the directory {} cannot be made", shown(directory)))?;
    let path = if directory == Path::new(".") { FILE.into() } else { directory.join(FILE) };
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path);
    let mut file = match made {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            bail!(
                "{} exists and is not overwritten; 'bastion config check {}' says whether it is \
                 right",
                shown(&path),
                quoted(&path)
            );
        }
        Err(cause) => {
            return Err(cause).with_context(|| format!("{} cannot be written", shown(&path)));
        }
    };
    file.write_all(INIT_TOML.as_bytes())
        .with_context(|| format!("{} is not whole: delete it and try again", shown(&path)))?;
    Ok(path)
}

fn next_steps(path: &Path, directory: &Path) -> String {
    let enter = if directory == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", quoted(directory))
    };
    format!(
        "\
wrote {}: dev, staging and prod, with the Bastion API as upstream

Next:
  1. {enter}export QUBITTRON_API_KEY=qbt_…
     your key at the upstream; it never stands in the file
  2. bastion serve
     the gateway, on http://127.0.0.1:8080/v1
  3. {enter}bastion keys create --env dev --service web
     in a second terminal: a key for your service",
        shown(path)
    )
}

fn shown(path: &Path) -> String {
    out::printable(&path.display().to_string())
}

/// As a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = shown(path);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_loads() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/b");
        let path = write(&directory).unwrap();
        let sources = bastion_config::read_sources(&path, std::iter::empty()).unwrap();
        assert!(bastion_config::load(&sources).is_ok());
        fs::write(&path, "mine").unwrap();
        let error = write(&directory).unwrap_err().to_string();
        assert!(error.contains("exists and is not overwritten"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_tool_is_not_in_this_version_and_a_directory_of_its_name_is_fine() {
        for tool in UNBUILT {
            let error =
                run(&InitArguments { tool: None, directory: tool.into() }).unwrap_err().to_string();
            assert!(error.contains("not in this version"), "{error}");
            assert!(error.contains(&format!("./{tool}")), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("nginx")).is_ok());
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "").unwrap();
        assert!(write(&file).unwrap_err().to_string().contains("cannot be made"));
    }

    #[test]
    fn the_next_steps_can_be_pasted() {
        let text = next_steps(Path::new("bastion.toml"), Path::new("."));
        assert!(text.contains("\n  2. bastion serve\n") && !text.contains("cd "), "{text}");
        let text = next_steps(Path::new("my conf/bastion.toml"), Path::new("my conf"));
        assert!(text.contains("cd 'my conf' && bastion keys create"), "{text}");
    }
}
