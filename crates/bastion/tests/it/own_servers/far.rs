//! The noun `Far`: a simulated upstream in a process of its own, which can be killed and frozen.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::bastion::{UPSTREAM_KEY, command};

/// An upstream, running or not.
pub(super) struct Far {
    /// Where it listens.
    pub(super) address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Far {
    /// Running, on a free port.
    pub(super) fn start() -> Far {
        let folder = tempfile::tempdir().unwrap();
        let (address, child) = Far::run(&folder, 0);
        Far { address, folder, child }
    }

    fn run(folder: &TempDir, port: u16) -> (SocketAddr, Child) {
        let mut sim = command(folder.path());
        sim.args(["sim", "--pace", "off", "--key", UPSTREAM_KEY, "--port", &port.to_string()]);
        let mut child = sim.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines.find_map(|line| {
            let line = line.unwrap();
            Some(line.split_once("simulated=http://")?.1.trim_end_matches("/v1").to_owned())
        });
        // What it says later is nobody's business, and must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        (ready.expect("the upstream ends").parse().unwrap(), child)
    }

    /// Kills it.
    pub(super) fn go(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it where it was.
    pub(super) fn come(&mut self) {
        (_, self.child) = Far::run(&self.folder, self.address.port());
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(super) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.go();
        }
    }
}
