//! The process's log: its format by who reads it, behind the redactor from the first line.
//!
//! It must never be started after something that could log.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Context;
use bastion_observe::{LogFormat, LogSink, Redactor, start_log};

const FILTER: &str = "BASTION_LOG";
const ALLOWED: &str = "BASTION_LOG cannot be read; use error, warn, info, debug or trace";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The log with the redactor before it.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) sink: LogSink,
    pub(crate) format: LogFormat,
}

impl Log {
    /// Starts the log; `filter` stands where `BASTION_LOG` is not set.
    ///
    /// # Errors
    /// When `BASTION_LOG` cannot be read.
    pub(crate) fn start(filter: &str) -> anyhow::Result<Log> {
        let redactor = Arc::new(Redactor::default());
        let sink = LogSink::new(Arc::clone(&redactor));
        let format = format();
        let chosen = std::env::var_os(FILTER).filter(|chosen| !chosen.is_empty());
        let filter = match &chosen {
            Some(chosen) => chosen.to_str().filter(|text| is_plain(text)).context(ALLOWED)?,
            None => filter,
        };
        start_log(sink.clone(), format, Some(filter)).map_err(anyhow::Error::msg)?;
        Ok(Log { redactor, sink, format })
    }
}

fn format() -> LogFormat {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match (std::io::stderr().is_terminal(), unwanted) {
        (false, _) => LogFormat::Json,
        (true, true) => LogFormat::Text,
        (true, false) => LogFormat::ColoredText,
    }
}

/// A level, or levels by module. A word that is neither would otherwise be taken for a module, and
/// nothing would be logged.
fn is_plain(filter: &str) -> bool {
    filter.split(',').all(|part| {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_module() {
        for sense in ["info", "WARN", "off", "info,hyper=debug", "bastion_gateway=trace, warn"] {
            assert!(is_plain(sense), "{sense}");
        }
        for nonsense in ["loud", "", "info,", "=", "hyper", "hyper=loud", "99"] {
            assert!(!is_plain(nonsense), "{nonsense}");
        }
    }
}
