//! Debian's nginx before the gateway, with the configuration that `bastion init nginx` prints.
//!
//! A test here must never start an nginx that outlives it.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use bastion_sim::{LogEntry, Outcome};
use tempfile::TempDir;

use crate::bastion::{Bastion, LIMIT, command};
use crate::client::{CHAT, Client, STREAM, piece, raw};
use crate::port;
use crate::scene::Scene;

/// Where Debian puts it; it is not on everybody's path.
const NGINX: &str = "/usr/sbin/nginx";

/// Between two looks whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A running nginx, ended with its test.
pub(crate) struct Nginx {
    /// Where callers connect.
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Nginx {
    /// Before these gateways, the first of which prints its configuration; `change` may change that.
    pub(crate) fn before(nodes: &[&Bastion], change: impl FnOnce(String) -> String) -> Nginx {
        let address = SocketAddr::from(([127, 0, 0, 1], port::free()));
        let folder = tempfile::tempdir().unwrap();
        let mut print = command(nodes[0].folder());
        print.args(["init", "nginx", "--plain", "--listen", &address.to_string()]);
        // The gateways took free ports: nginx has to know which.
        for node in nodes {
            print.args(["--node", &node.callers.to_string()]);
        }
        let printed = print.output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let printed = change(String::from_utf8(printed.stdout).unwrap());
        std::fs::write(folder.path().join("bastion.conf"), printed).unwrap();
        std::fs::write(folder.path().join("nginx.conf"), around(folder.path())).unwrap();
        let nginx = Nginx { address, child: master(&folder), folder };
        nginx.listens();
        nginx
    }

    /// Sends a signal to all of its processes, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let own = self.child.id();
        let workers = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        // The master first: it would start another worker for one that is killed.
        let all = [own.to_string()];
        let all = all.into_iter().chain(workers.split_whitespace().map(str::to_owned));
        let sent = Command::new("kill").arg(format!("-{name}")).args(all).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it without mercy.
    pub(crate) fn go(&mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }

    /// Starts it where it was.
    pub(crate) fn come(&mut self) {
        self.child = master(&self.folder);
        self.listens();
    }

    fn listens(&self) {
        let began = SystemTime::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("error.log"));
            assert!(began.elapsed().unwrap() < LIMIT, "nginx does not listen: {log:?}");
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            return;
        }
        // TERM lets the master end its workers; KILL would leave them. One that is frozen hears none.
        self.signal("CONT");
        let ended = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(ended.unwrap().success());
        self.child.wait().unwrap();
    }
}

/// Its first process.
fn master(folder: &TempDir) -> Child {
    let mut nginx = Command::new(NGINX);
    nginx.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    nginx.stdout(Stdio::null()).stderr(Stdio::null());
    nginx.spawn().expect("Debian's nginx-light is installed by scripts/test")
}

/// What a distribution's nginx.conf has around the printed file.
fn around(folder: &std::path::Path) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {name};\n"))
        .concat();
    let own = if folder.starts_with("/root") { "user root;\n" } else { "" };
    format!(
        "{own}daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 1024; \
         }}\nhttp {{\n  access_log off;\n{temporary}  include bastion.conf;\n}}\n"
    )
}

fn through(nginx: &Nginx, scene: &Scene) -> Client {
    Client::new(nginx.address, &scene.key)
}

#[tokio::test]
async fn events_arrive_one_by_one_through_nginx() {
    const EVENTS: usize = 8;
    let scene = Scene::set();
    let nginx = Nginx::before(&[&scene.bastion], |printed| printed);
    let events = ["'{}'"; EVENTS - 1].join(", ");
    scene.upstream.play(&format!("[[answer]]\ngap_ms = 250\nevents = [{events}, '[DONE]']\n"));
    let mut stream = through(&nginx, &scene).open_stream().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["cache-control"], "no-cache, no-transform");
    let mut came = Vec::new();
    while let Some(bytes) = piece(stream.body_mut()).await {
        came.push(bytes);
        let running = scene.upstream.log.entries()[0].outcome.is_none();
        assert!(running || came.len() >= EVENTS, "held back: {came:?}");
    }
    assert_eq!(came.len(), EVENTS, "{came:?}");
    assert_eq!(came.last().unwrap().as_ref(), b"data: [DONE]\n\n");
}

#[tokio::test]
async fn a_caller_who_leaves_nginx_stops_the_upstream() {
    let scene = Scene::set();
    let nginx = Nginx::before(&[&scene.bastion], |printed| printed);
    let client = through(&nginx, &scene);
    let stopped = |all: &[LogEntry]| all.iter().any(|e| e.outcome == Some(Outcome::ClosedByPeer));
    scene.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let mut stream = client.open_stream().await;
    assert!(piece(stream.body_mut()).await.is_some());
    drop(stream);
    scene.upstream.wait_for(stopped).await;
    scene.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
    tokio::select! {
        answer = client.chat(CHAT) => panic!("it was answered: {answer:?}"),
        () = scene.upstream.wait_for(|all| all.iter().any(|e| !e.body.is_empty())) => {}
    }
    scene.upstream.wait_for(stopped).await;
}

#[tokio::test]
async fn refusals_pass_nginx_and_its_own_are_the_envelope() {
    let scene =
        Scene::with(|config| config.replace("[operator]", "max_body_bytes = 4096\n[operator]"));
    let nginx = Nginx::before(&[&scene.bastion], |printed| printed);
    let client = through(&nginx, &scene);
    assert_eq!(client.chat(CHAT).await.status, 200);
    assert_eq!(client.chat(STREAM).await.status, 200);
    let unknown = client.chat(&CHAT.replace("gpt-oss-20b", "nobody")).await;
    assert_eq!(unknown.refusal(), (404, "model_not_found".to_owned()));
    let long = client.chat(&CHAT.replace("\"x\"", &format!("\"{}\"", "x".repeat(9000)))).await;
    assert_eq!(long.status, 413, "{}", long.text());
    assert_eq!(long.json()["error"]["code"], "payload_too_large");
    // One attempt: what the upstream refuses is not sent again by what stands before us.
    scene.upstream.play("[[answer]]\nstatus = 502\n");
    let failed = client.chat(CHAT).await;
    assert_eq!(failed.refusal(), (502, "upstream_error".to_owned()));
    assert_eq!(scene.upstream.log.entries().len(), 1);
    let Scene { bastion, .. } = scene;
    drop(bastion);
    let gone =
        raw(nginx.address, b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let gone = gone.await;
    assert!(gone.starts_with("HTTP/1.1 503 "), "{gone}");
    assert!(gone.contains("\"code\":\"service_unavailable\""), "{gone}");
    assert!(gone.contains("application/json"), "{gone}");
}
