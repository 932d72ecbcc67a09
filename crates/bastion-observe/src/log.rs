//! The log: one line an event, to stderr, through the redactor.
//!
//! It must never write past the redactor: panics come this way too.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::Redactor;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people at a terminal.
    Text,
    /// For people, in colours.
    ColoredText,
}

/// Where redacted lines go.
#[derive(Clone)]
pub struct LogSink {
    redactor: Arc<Redactor>,
    voice: Voice,
}

/// Does a sink write at all?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    Heard,
    Silent,
}

impl LogSink {
    /// Writes to stderr through this redactor.
    pub fn new(redactor: Arc<Redactor>) -> LogSink {
        LogSink { redactor, voice: Voice::Heard }
    }

    /// Writes nothing: for a rehearsal, whose lines are nobody's.
    pub fn silent() -> LogSink {
        LogSink { redactor: Arc::new(Redactor::default()), voice: Voice::Silent }
    }

    /// Writes whole lines at once.
    pub fn write_lines(&self, lines: &str) {
        if self.voice == Voice::Silent {
            return;
        }
        let clean = self.redactor.redact(lines);
        if io::stderr().lock().write_all(clean.as_bytes()).is_err() {
            // A closed stderr leaves nobody to tell; calls are served all the same.
        }
    }
}

impl Write for LogSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_lines(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = LogSink;

    fn make_writer(&'a self) -> LogSink {
        self.clone()
    }
}

/// Starts the log for the whole process; `filter` is `BASTION_LOG`, such as `debug` or `warn`.
///
/// # Errors
/// When the filter cannot be read; the text says what is allowed.
pub fn start_log(sink: LogSink, format: LogFormat, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter.unwrap_or("info")).map_err(|_| {
        "BASTION_LOG cannot be read; use error, warn, info, debug or trace".to_owned()
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(sink);
    let started = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => lines.with_target(false).with_ansi(false).try_init(),
        LogFormat::ColoredText => lines.with_target(false).try_init(),
    };
    started.map_err(|_| "the log was started twice".to_owned())?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, panic = message, "a part of the gateway panicked");
    }));
    Ok(())
}
