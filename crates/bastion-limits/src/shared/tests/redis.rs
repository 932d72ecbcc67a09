//! The noun `Redis`: Debian's redis-server on a free port, in a folder of its own.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use bastion_types::Secret;
use tempfile::TempDir;

/// What anything may take here before the test fails.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub(super) struct Redis {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl Redis {
    pub(super) fn start() -> Redis {
        Redis::with(&[])
    }

    pub(super) fn with(options: &[&str]) -> Redis {
        let mut redis = Redis::absent(options);
        while !redis.comes() {
            // Somebody else took the port first.
            redis = Redis::absent(options);
        }
        redis
    }

    /// A port on which it can come later.
    pub(super) fn absent(options: &[&str]) -> Redis {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Redis { port, options, folder: tempfile::tempdir().unwrap(), child: None }
    }

    pub(super) fn come(&mut self) {
        assert!(self.comes(), "Redis ends: {}", self.log());
    }

    /// Starts it; not where it ends at once.
    fn comes(&mut self) -> bool {
        let mut server = Command::new("redis-server");
        server.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        server.args(["--appendonly", "no", "--logfile", "log", "--dir"]).arg(self.folder.path());
        server.args(&self.options).stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().expect("Debian's redis-server is installed by scripts/test");
        let child = self.child.insert(child);
        let began = SystemTime::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                assert!(self.log().contains("Address already in use"), "{}", self.log());
                return false;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            if log.is_ok_and(|log| log.contains("Ready to accept connections")) {
                return true;
            }
            assert!(began.elapsed().unwrap() < LIMIT, "Redis does not listen: {}", self.log());
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(super) fn go(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            std::fs::remove_file(self.folder.path().join("log")).unwrap();
        }
    }

    /// Sends a signal by its name, such as `STOP` or `CONT`.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }

    pub(super) fn url(&self, user: &str) -> Secret {
        Secret::new(format!("redis://{user}127.0.0.1:{}", self.port))
    }

    pub(super) fn connection(&self) -> ::redis::Connection {
        ::redis::Client::open(self.url("").expose()).unwrap().get_connection().unwrap()
    }

    /// One command.
    pub(super) fn tell(&self, words: &[&str]) -> ::redis::Value {
        let mut command = ::redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.connection()).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.go();
    }
}
