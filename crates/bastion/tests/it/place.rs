//! The noun `Place`: where a gateway of this run keeps its records and counts its limits.
//!
//! In its own folder and process; or, with `BASTION_IT_STORE=postgres`, in the servers of
//! `BASTION_TEST_POSTGRES` and `BASTION_TEST_REDIS` (`scripts/with-postgres`, `scripts/with-redis`),
//! each folder in a database and behind a prefix of its own. It must never touch another test's.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::bastion::{CONFIG, command};
use crate::postgres::programs;

/// Which store and limits gateways have in this run; without it SQLite and local limits.
const STORE: &str = "BASTION_IT_STORE";

/// How long a call waits for Redis: on a machine that is busy elsewhere the default is soon over,
/// and the node would count alone.
const TIMEOUT: &str = "5s";

/// A database and a prefix in the run's servers; gone when it is dropped.
pub(crate) struct Place {
    name: String,
}

impl Place {
    /// That of the gateway in this folder. None where the run has no servers, and where the
    /// configuration says itself where its records or limits are.
    pub(crate) fn of(folder: &Path) -> Option<Place> {
        let config = std::fs::read_to_string(folder.join("bastion.toml")).unwrap();
        if !is_in_servers() || config.contains("[store]") || config.contains("[limits]") {
            return None;
        }
        let own = folder.file_name().unwrap().to_str().unwrap();
        let place = Place { name: named(own.trim_start_matches('.')) };
        let made = place.make();
        assert!(made.is_empty() || made.contains("already exists"), "{made}");
        Some(place)
    }

    /// Tells a command of the gateway where that is.
    pub(crate) fn tell(&self, command: &mut Command) {
        command
            .env("BASTION_STORE__URL", format!("{}/{}", server("BASTION_TEST_POSTGRES"), self.name))
            .env("BASTION_LIMITS__URL", server("BASTION_TEST_REDIS"))
            .env("BASTION_LIMITS__PREFIX", &self.name)
            .env("BASTION_LIMITS__TIMEOUT", TIMEOUT);
    }

    /// A database that begins as a copy of the migrated one; what stood in the way.
    fn make(&self) -> String {
        program("createdb", &["--template", template(), &self.name])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = program("dropdb", &["--if-exists", "--force", &self.name]);
        assert!(gone.is_empty() || std::thread::panicking(), "{gone}");
    }
}

/// Do this run's gateways share servers?
pub(crate) fn is_in_servers() -> bool {
    match std::env::var(STORE) {
        Ok(store) if store == "postgres" => true,
        Ok(store) if store != "sqlite" => panic!("{STORE} is neither sqlite nor postgres: {store}"),
        _ => false,
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{STORE}=postgres wants {variable}"))
}

/// Other runs may use the same servers.
fn named(own: &str) -> String {
    format!("it_{}_{own}", std::process::id())
}

/// The database that all others are copies of: migrated once, by the command for that.
fn template() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let place = std::mem::ManuallyDrop::new(Place { name: named("template") });
        let made = program("createdb", &[&place.name]);
        assert!(made.is_empty(), "{made}");
        let folder = tempfile::tempdir().unwrap();
        let config = CONFIG.replace("{upstream}", "http://127.0.0.1:9/v1");
        std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
        let mut migrate = command(folder.path());
        place.tell(&mut migrate);
        let migrated = migrate.args(["store", "migrate"]).output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        place.name.clone()
    })
}

/// Runs a program of PostgreSQL's; what it said on stderr when it failed, else nothing.
fn program(name: &str, arguments: &[&str]) -> String {
    let url = server("BASTION_TEST_POSTGRES");
    let (user, address) = url.trim_start_matches("postgres://").split_once('@').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let mut program = Command::new(programs().join(name));
    program.args(["--host", host, "--port", port, "--username", user]).args(arguments);
    let done = program.output().unwrap();
    if done.status.success() {
        return String::new();
    }
    format!("{name} failed: {}", String::from_utf8_lossy(&done.stderr))
}
