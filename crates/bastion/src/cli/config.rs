//! `bastion config`: is the configuration right, what is in force, and its schema.
//!
//! It must never show what was not masked, and never start anything.

mod overrides;
mod verdict;

use std::path::{Path, PathBuf};

use bastion_config::{Loaded, Report, SettingSource, ShownSetting};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::out;
use verdict::{Unloaded, Verdict};

const EXAMPLES: &str = "\
Examples:
  bastion config check
  bastion config show
  bastion config schema > bastion.schema.json";

const CHECK_EXAMPLES: &str = "\
Examples:
  bastion config check
  bastion config check /etc/bastion/bastion.toml
  bastion config check --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  bastion config show
  BASTION_SERVER__LISTEN=127.0.0.1:9000 bastion config show
  bastion config show --json";

const SCHEMA_EXAMPLES: &str = "\
Example:
  bastion config schema > bastion.schema.json    for editors that check TOML as you type";

const CONFIG_VARIABLE: &str = "BASTION_CONFIG";
const DEFAULT_CONFIG: &str = "bastion.toml";

/// Check or show the configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Is it right? If not: what is wrong, where, and the mend
    Check(CheckArguments),
    /// Every setting in force and where it comes from, caps that operators set included; secrets
    /// stay hidden
    Show(ShowArguments),
    /// The JSON Schema of the file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
}

/// Is it right? If not: what is wrong, where, and the mend
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
struct CheckArguments {
    /// The configuration; the same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    named: Named,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Every setting in force and where it comes from; secrets stay hidden
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArguments {
    #[command(flatten)]
    named: Named,
    /// One line of JSON: {"data":[…],"next":null}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Named {
    #[arg(
        long,
        value_name = "FILE",
        help = "The configuration [env: BASTION_CONFIG] [default: bastion.toml]"
    )]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Never: what is wrong with a configuration is said here and is part of the exit code.
pub(crate) fn run(arguments: &ConfigArguments) -> anyhow::Result<Exit> {
    match &arguments.act {
        Act::Check(act) => Ok(check(act)),
        Act::Show(act) => Ok(show(act)),
        Act::Schema => {
            out::line(&serde_json::to_string_pretty(&bastion_config::schema())?);
            Ok(Exit::Done)
        }
    }
}

fn check(arguments: &CheckArguments) -> Exit {
    let path = in_use(arguments.file.as_ref().or(arguments.named.config.as_ref()));
    let loaded = load(&path);
    let verdict = Verdict::of(&path, loaded.as_ref());
    if arguments.json {
        out::line(&verdict.to_json().to_string());
    } else {
        match &loaded {
            Ok(loaded) => {
                tell_report(&loaded.warnings);
                out::line(&verdict.line());
                verdict.caps().iter().for_each(|line| out::line(line));
            }
            Err(unloaded) => {
                tell(unloaded);
                if matches!(unloaded, Unloaded::Wrong(_)) {
                    out::note(&verdict.line());
                }
            }
        }
    }
    verdict.exit()
}

fn show(arguments: &ShowArguments) -> Exit {
    let mut loaded = match load(&in_use(arguments.named.config.as_ref())) {
        Ok(loaded) => loaded,
        Err(unloaded) => {
            tell(&unloaded);
            return Exit::Usage;
        }
    };
    tell_report(&loaded.warnings);
    overrides::apply(&mut loaded);
    if arguments.json {
        out::line(&rows_json(&loaded.shown).to_string());
    } else {
        out::line(&table(&loaded.shown));
    }
    Exit::Done
}

/// The file that was named, else the environment's, else the default.
fn in_use(named: Option<&PathBuf>) -> PathBuf {
    let from_environment =
        || std::env::var_os(CONFIG_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.cloned().or_else(from_environment).unwrap_or_else(|| DEFAULT_CONFIG.into())
}

fn load(path: &Path) -> Result<Loaded, Unloaded> {
    let sources =
        bastion_config::read_sources(path, std::env::vars_os()).map_err(Unloaded::Unread)?;
    bastion_config::load(&sources).map_err(Unloaded::Wrong)
}

fn tell(unloaded: &Unloaded) {
    match unloaded {
        Unloaded::Unread(error) => out::error(&out::printable(&error.to_string())),
        Unloaded::Wrong(report) => tell_report(report),
    }
}

fn tell_report(report: &Report) {
    if !report.is_empty() {
        out::note(&report.render(out::style_of_stderr()));
    }
}

fn table(shown: &[ShownSetting]) -> String {
    let row = |setting: &ShownSetting| {
        [&setting.key, &setting.value, &setting.source.to_string()]
            .map(|text| out::printable(text))
            .to_vec()
    };
    out::table(&["setting", "value", "source"], shown.iter().map(row).collect())
}

fn rows_json(shown: &[ShownSetting]) -> Value {
    let row = |setting: &ShownSetting| {
        json!({
            "setting": out::printable(&setting.key),
            "value": out::printable(&setting.value),
            "source": source_json(&setting.source),
        })
    };
    json!({ "data": shown.iter().map(row).collect::<Vec<_>>(), "next": null })
}

fn source_json(source: &SettingSource) -> Value {
    match source {
        SettingSource::Default => json!({ "kind": "default" }),
        SettingSource::File { path, line } => {
            let path = out::printable(&path.display().to_string());
            json!({ "kind": "file", "path": path, "line": line })
        }
        SettingSource::Environment { variable } => {
            json!({ "kind": "environment", "variable": out::printable(variable) })
        }
        SettingSource::Operator { said } => {
            json!({ "kind": "operator", "said": out::printable(said) })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        config: ConfigArguments,
    }

    fn parses(line: &str) -> bool {
        Line::try_parse_from(std::iter::once("config").chain(line.split(' '))).is_ok()
    }

    #[test]
    fn a_line_is_understood_or_refused() {
        for right in ["check", "check a.toml", "check --config a.toml --json", "show", "schema"] {
            assert!(parses(right), "{right}");
        }
        for wrong in ["check a.toml --config b.toml", "check a b", "show a.toml", "schema --x"] {
            assert!(!parses(wrong), "{wrong}");
        }
    }

    #[test]
    fn settings_are_shown_with_their_source() {
        let setting = |key: &str, value: &str, source| ShownSetting {
            key: key.into(),
            value: value.into(),
            source,
        };
        let shown = [
            setting("currency", "CAD", SettingSource::Default),
            setting(
                "server.listen",
                "0.0.0.0:1\u{1b}[2J",
                SettingSource::File { path: "bastion.toml".into(), line: 3 },
            ),
        ];
        assert_eq!(
            table(&shown),
            "\
setting        value         source
currency       CAD           default
server.listen  0.0.0.0:1[2J  bastion.toml:3"
        );
        assert_eq!(
            rows_json(&shown).to_string(),
            r#"{"data":[{"setting":"currency","value":"CAD","source":{"kind":"default"}},{"setting":"server.listen","value":"0.0.0.0:1[2J","source":{"kind":"file","path":"bastion.toml","line":3}}],"next":null}"#
        );
    }

    #[test]
    fn the_file_that_was_named_goes_first() {
        assert_eq!(in_use(Some(&"a.toml".into())), Path::new("a.toml"));
    }
}
