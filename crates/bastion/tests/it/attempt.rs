//! The noun `Attempt`: a command that is meant to fail, watched to its end.
//!
//! It must never wait without a limit: a command that goes on instead is ended, and the test fails.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::bastion::{LIMIT, command};

/// Between two looks at the process.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Attempt {
    /// `bastion serve` in this folder.
    pub(crate) fn to_serve(folder: &Path) -> Attempt {
        Attempt::to(folder, &["serve"])
    }

    /// Another command there.
    pub(crate) fn to(folder: &Path, arguments: &[&str]) -> Attempt {
        let mut attempt = command(folder);
        attempt.args(arguments);
        Attempt::of(attempt)
    }

    /// Any command.
    pub(crate) fn of(mut command: Command) -> Attempt {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Whatever it starts itself would keep the pipes open: it is ended with it.
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        let stdout = read(child.stdout.take().unwrap());
        let stderr = read(child.stderr.take().unwrap());
        let began = SystemTime::now();
        let mut ended = child.try_wait().unwrap();
        while ended.is_none() && began.elapsed().unwrap_or_default() < LIMIT {
            std::thread::park_timeout(LOOK_AGAIN);
            ended = child.try_wait().unwrap();
        }
        if ended.is_none() {
            let group = format!("-{}", child.id());
            let mut kill = Command::new("kill");
            assert!(kill.args(["-KILL", "--", &group]).status().unwrap().success());
            child.wait().unwrap();
        }
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let ended = ended.unwrap_or_else(|| panic!("it goes on: {command:?}\n{stderr}"));
        Attempt { code: ended.code(), stdout, stderr }
    }

    /// Checks that it ended with 2 and one clear error, which says all of these.
    pub(crate) fn is_refused(&self, says: &[&str]) {
        let Attempt { code, stdout, stderr } = self;
        assert_eq!(*code, Some(2), "{self:#?}");
        assert!(stdout.is_empty(), "{stdout}");
        let errors = stderr.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!(errors, 1, "one error is told, once:\n{stderr}");
        for part in says {
            assert!(stderr.contains(part), "{part:?} in:\n{stderr}");
        }
        for part in ["panicked", "RUST_BACKTRACE", "unwrap", "ready callers=", "Err("] {
            assert!(!stderr.contains(part), "{part:?} in:\n{stderr}");
        }
    }
}

fn read(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
