//! What `bastion config check` says in the end: one line, or one value of JSON.
//!
//! It must never say ok of what does not load.

use std::path::Path;

use bastion_config::{CallsAtOnce, Diagnostic, Loaded, ReadError, Report, Severity};
use bastion_types::SurfaceName;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::out;

/// Why there is no configuration.
#[derive(Debug)]
pub(super) enum Unloaded {
    /// It could not be read.
    Unread(ReadError),
    /// Something in it is wrong.
    Wrong(Report),
}

/// The verdict on one file.
#[derive(Debug)]
pub(super) struct Verdict {
    file: String,
    counts: Option<Counts>,
    findings: Vec<Value>,
    omitted: usize,
}

/// What a configuration that loads has.
#[derive(Debug)]
struct Counts {
    environments: usize,
    upstreams: usize,
    models: usize,
    at_once: Vec<CallsAtOnce>,
}

impl Verdict {
    /// Judges what came of loading `path`.
    pub(super) fn of(path: &Path, loaded: Result<&Loaded, &Unloaded>) -> Verdict {
        let file = out::printable(&path.display().to_string());
        let of_report = |report: &Report| report.diagnostics.iter().map(finding).collect();
        match loaded {
            Ok(loaded) => Verdict {
                file,
                counts: Some(Counts {
                    environments: loaded.config.environments.len(),
                    upstreams: loaded.config.upstreams.len(),
                    models: loaded.config.models.len(),
                    at_once: loaded.config.calls_at_once(),
                }),
                findings: of_report(&loaded.warnings),
                omitted: loaded.warnings.omitted,
            },
            Err(Unloaded::Wrong(report)) => {
                Verdict { file, counts: None, findings: of_report(report), omitted: report.omitted }
            }
            Err(Unloaded::Unread(error)) => {
                let message = out::printable(&error.to_string());
                let finding = json!({ "code": null, "severity": "error", "message": message });
                Verdict { file, counts: None, findings: vec![finding], omitted: 0 }
            }
        }
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        if self.counts.is_some() { Exit::Done } else { Exit::Usage }
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let findings = self.findings.len().saturating_add(self.omitted);
        match &self.counts {
            Some(counts) => format!(
                "{}: ok, {}, {}, {}",
                self.file,
                counted(counts.environments, "environment"),
                counted(counts.upstreams, "upstream"),
                counted(counts.models, "model"),
            ),
            None => format!(
                "{}: {}; 'bastion explain CODE' says more of the code in brackets",
                self.file,
                counted(findings, "error"),
            ),
        }
    }

    /// How many calls each cap holds at once, a line each; nothing without a cap.
    pub(super) fn caps(&self) -> Vec<String> {
        let rows = self.counts.iter().flat_map(|counts| &counts.at_once);
        rows.map(|row| {
            let of = match &row.surface {
                Some(surface) => format!("surface {surface} (model {})", row.model),
                None => format!("model {}", row.model),
            };
            let CallsAtOnce { environment, cap, amount, each, calls, .. } = row;
            format!(
                "environment {environment}, {of}: {cap} ({amount}) holds {calls} full calls at \
                 once, {each} set aside for each"
            )
        })
        .collect()
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let count = |of: fn(&Counts) -> usize| self.counts.as_ref().map(of);
        json!({
            "ok": self.counts.is_some(),
            "file": self.file,
            "environments": count(|counts| counts.environments),
            "upstreams": count(|counts| counts.upstreams),
            "models": count(|counts| counts.models),
            "calls_at_once": self.counts.as_ref().map(|counts| {
                counts.at_once.iter().map(at_once).collect::<Vec<_>>()
            }),
            "diagnostics": self.findings,
            "omitted": self.omitted,
        })
    }
}

fn at_once(row: &CallsAtOnce) -> Value {
    json!({
        "environment": row.environment.as_str(),
        "surface": row.surface.as_ref().map(SurfaceName::as_str),
        "model": row.model.as_str(),
        "cap": row.cap,
        "amount": row.amount.to_string(),
        "each": row.each.to_string(),
        "calls": row.calls,
    })
}

fn finding(finding: &Diagnostic) -> Value {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let shown = |text: &Option<String>| text.as_deref().map(out::printable);
    json!({
        "code": finding.code,
        "severity": severity,
        "message": out::printable(&finding.message),
        "line": finding.line,
        "column": finding.column,
        "key": shown(&finding.key),
        "help": shown(&finding.help),
        "note": shown(&finding.note),
    })
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use bastion_config::{INIT_TOML, Sources};

    use super::*;

    fn verdict(text: &str) -> Verdict {
        let sources = Sources {
            file: Some(("bastion.toml".into(), text.to_owned())),
            environment: Vec::new(),
        };
        let loaded = bastion_config::load(&sources).map_err(Unloaded::Wrong);
        Verdict::of(Path::new("bastion.toml"), loaded.as_ref())
    }

    #[test]
    fn what_init_writes_is_ok() {
        let verdict = verdict(INIT_TOML);
        assert_eq!(verdict.exit(), Exit::Done);
        assert_eq!(verdict.line(), "bastion.toml: ok, 3 environments, 1 upstream, 22 models");
        let json = verdict.to_json();
        assert_eq!((&json["ok"], &json["environments"]), (&json!(true), &json!(3)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_code_and_place() {
        let verdict = verdict(&format!("colour = \"red\"\n{INIT_TOML}"));
        assert_eq!(verdict.exit(), Exit::Usage);
        assert!(verdict.line().starts_with("bastion.toml: 1 error; "), "{}", verdict.line());
        let json = verdict.to_json();
        assert_eq!((&json["ok"], &json["models"]), (&json!(false), &Value::Null));
        assert_eq!(json["diagnostics"][0]["code"], "unknown_key");
        assert_eq!(json["diagnostics"][0]["line"], 1);
    }

    #[test]
    fn a_cap_says_how_many_calls_it_holds_at_once() {
        let price = "context_tokens = 8000\nmax_output_tokens = 1000\n\
                     price = { input = \"1\", output = \"2\" }\nupstream = \"bastion\"\n";
        let (before, _) = INIT_TOML.split_once("[models.").unwrap();
        let text = format!("{before}[models.m]\n{price}[environments.dev]\nmonthly_cap = \"5\"\n");
        let verdict = verdict(&text);
        let line = "environment dev, model m: environments.dev.monthly_cap (5.00) holds 500 full \
                    calls at once, 0.01 set aside for each";
        assert_eq!(verdict.caps(), [line]);
        assert_eq!(verdict.to_json()["calls_at_once"][0]["calls"], 500);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_finding_too() {
        let path = Path::new("/nowhere/bastion.toml");
        let error = bastion_config::read_sources(path, std::iter::empty()).unwrap_err();
        let json = Verdict::of(path, Err(&Unloaded::Unread(error))).to_json();
        assert_eq!(json["ok"], false);
        assert_eq!(json["diagnostics"][0]["severity"], "error");
    }
}
