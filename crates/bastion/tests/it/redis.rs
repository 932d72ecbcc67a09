//! The noun `Redis`: Debian's redis-server on a free port, in a folder of its own.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::bastion::LIMIT;

/// Between two looks whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// CA, certificate and key, in its folder.
const TLS_FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

/// A Redis, running or not.
pub(crate) struct Redis {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
    /// It speaks TLS: the PEM of its CA, of its certificate and of its key.
    tls: Option<[String; 3]>,
}

impl Redis {
    /// Running.
    pub(crate) fn start() -> Redis {
        Redis::with(None)
    }

    /// Running, behind TLS; with the certificate of its CA.
    pub(crate) fn secure() -> (Redis, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &ca).unwrap();
        let tls = [ca.pem(), leaf.pem(), key.serialize_pem()];
        (Redis::with(Some(tls)), ca.pem())
    }

    fn with(tls: Option<[String; 3]>) -> Redis {
        loop {
            let mut redis = Redis::absent(tls.clone());
            if redis.comes() {
                return redis;
            }
            // Somebody else took the port first.
            assert!(redis.log().contains("Address already in use"), "{}", redis.log());
        }
    }

    fn absent(tls: Option<[String; 3]>) -> Redis {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        for (name, pem) in TLS_FILES.iter().zip(tls.iter().flatten()) {
            std::fs::write(folder.path().join(name), pem).unwrap();
        }
        Redis { port, folder, child: None, tls }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    /// Starts it where it was.
    pub(crate) fn come(&mut self) {
        assert!(self.comes(), "Redis ends: {}", self.log());
    }

    fn comes(&mut self) -> bool {
        let mut server = Command::new("redis-server");
        let port = self.port.to_string();
        if self.tls.is_some() {
            server.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            for (option, name) in
                ["--tls-ca-cert-file", "--tls-cert-file", "--tls-key-file"].iter().zip(TLS_FILES)
            {
                server.arg(option).arg(self.folder.path().join(name));
            }
        } else {
            server.args(["--port", &port]);
        }
        server.args(["--bind", "127.0.0.1", "--save", ""]);
        server.args(["--appendonly", "no", "--logfile", "log", "--dir"]).arg(self.folder.path());
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().expect("Debian's redis-server is installed by scripts/test");
        let child = self.child.insert(child);
        let began = SystemTime::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            if log.is_ok_and(|log| log.contains("Ready to accept connections")) {
                return true;
            }
            assert!(began.elapsed().unwrap() < LIMIT, "Redis does not listen");
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Ends it without mercy; what it counted is gone.
    pub(crate) fn go(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            std::fs::remove_file(self.folder.path().join("log")).unwrap();
        }
    }

    /// Sends a signal by its name, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }

    /// One command, and the first line of its answer.
    pub(crate) fn tell(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.go();
    }
}
