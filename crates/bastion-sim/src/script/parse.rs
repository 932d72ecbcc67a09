//! Reads a script file.
//!
//! It must never let a field pass that it does not know.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::script::scripted::ScriptedAnswer;

/// Longest script that is read.
const MAX_SCRIPT_BYTES: usize = 4 * 1024 * 1024;

/// A script that was read as a whole; cheap to clone.
#[derive(Debug, Clone)]
pub struct Script {
    answers: Arc<[Arc<ScriptedAnswer>]>,
}

/// Why a script cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("script line {line}: {message}")]
pub struct ScriptError {
    line: usize,
    message: String,
}

impl ScriptError {
    /// From 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong there and what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    answer: Vec<Spanned<ScriptedAnswer>>,
}

impl Script {
    /// Reads the TOML of a script file, at most 4 MiB.
    ///
    /// # Errors
    /// When it is not TOML, or has a field or a value that is none of a script's; with the line.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        if text.len() > MAX_SCRIPT_BYTES {
            let message = format!("longer than {MAX_SCRIPT_BYTES} bytes; split it");
            return Err(ScriptError { line: 1, message });
        }
        let file: File = toml::from_str(text).map_err(|cause| told(text, &cause))?;
        for answer in &file.answer {
            if answer.get_ref().body.is_some() && answer.get_ref().events.is_some() {
                let message = "an answer has 'body' or 'events', not both; drop one".to_owned();
                return Err(ScriptError { line: line_at(text, answer.span().start), message });
            }
        }
        Ok(Script {
            answers: file.answer.into_iter().map(|answer| Arc::new(answer.into_inner())).collect(),
        })
    }

    /// How many answers it has.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(crate) fn answers(&self) -> &[Arc<ScriptedAnswer>] {
        &self.answers
    }
}

fn told(text: &str, cause: &toml::de::Error) -> ScriptError {
    let line = cause.span().map_or(1, |span| line_at(text, span.start));
    let mut message = cause.message().trim().replace('\n', "; ");
    if message.contains("expected a sequence") {
        message.push_str("; lists are written [[answer]] or events = […]");
    }
    ScriptError { line, message }
}

fn line_at(text: &str, place: usize) -> usize {
    let before = text.get(..place).unwrap_or_default();
    before.matches('\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, part: &str) {
        let error = Script::parse(text).unwrap_err();
        assert!(error.message().contains(part), "{error}");
        assert_eq!(error.line(), line, "{error}");
        assert!(error.to_string().starts_with(&format!("script line {line}: ")));
    }

    #[test]
    fn an_error_names_the_line_and_the_mend() {
        check("[[answer]]\nstatus = 200\nstatsu = 1\n", 3, "expected one of `match`, `times`");
        check("[[answer]]\nmatch = { endpiont = \"models\" }\n", 2, "expected one of `endpoint`");
        check("\n[answers]\n", 2, "expected `answer`");
        check("[[answer]]\n\nstatus = 99\n", 3, "write 200 to 599");
        check(
            "[[answer]]\nmatch = { endpoint = \"chat\" }\n",
            2,
            "chat_completions, completions, ",
        );
        check("[[answer]]\nmatch = { nth = 0 }\n", 2, "counted from 1");
        check("[[answer]]\ntimes = 0\n", 2, "counted from 1");
        check("[[answer]]\ndelay_ms = -1\n", 2, "write 0 to 3600000");
        check("[[answer]]\ngap_ms = 3600001\n", 2, "write 0 to 3600000");
        check("[[answer]]\nbody = 3\n", 2, "a body is a string");
        check("[[answer]]\nevents = [\n\"a\",\n3]\n", 2, "event 2: an event is a string");
        check("[[answer]]\nevents = [{ evnt = \"x\" }]\n", 2, "expected `event` or `data`");
        check("[[answer]]\ngarbage = [256]\n", 2, "list of bytes");
        check("[[answer]]\nheaders = { x = true }\n", 2, "a string or an integer");
        check("[[answer]]\nheaders = { \"a b\" = \"\" }\n", 2, "cannot be a header's name");
        check("[[answer]]\nstatus = \"x\"\n", 2, "expected i64");
        check("[[answer]]\ncut_after = -1\n", 2, "expected");
        check("[answer]\nstatus = 200\n", 1, "written [[answer]]");
        check("[[answer]]\nstatus = \n", 2, "");
        check("# one\n[[answer]]\n[[answer]]\nbody = \"\"\nevents = []\n", 3, "not both");
    }

    #[test]
    fn an_empty_script_is_a_script() {
        assert!(Script::parse("# nothing\n").unwrap().is_empty());
        assert_eq!(Script::parse("[[answer]]\n[[answer]]\n").unwrap().len(), 2);
    }
}
