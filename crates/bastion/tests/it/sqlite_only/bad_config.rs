//! Bad configurations: one mistake in a good file is told with its place and the mend, by
//! `config check` and by `serve` alike; a reload with one changes nothing.
//!
//! No message may repeat a value that could be a secret.

use std::fs;

use crate::attempt::Attempt;
use crate::bastion::{Bastion, CONFIG};
use crate::client::Client;
use crate::scene::Scene;

/// Stands wherever a mistake could hold a secret; no message may show it.
const SECRET: &str = "hunter2-4711-swordfish";

/// One mistake: `line` of the good file becomes `wrong`, in which `»` marks the place that is told.
struct Mistake {
    line: &'static str,
    wrong: &'static str,
    code: &'static str,
    says: &'static [&'static str],
}

const fn mistake(
    line: &'static str,
    wrong: &'static str,
    code: &'static str,
    says: &'static [&'static str],
) -> Mistake {
    Mistake { line, wrong, code, says }
}

const SERVER: &str = "[server]\n";
const UPSTREAM: &str = "region = \"CA\"\n";
const API_KEY: &str = "api_key = \"env:IT_UPSTREAM_KEY\"";
const BASE_URL: &str = "base_url = \"http://127.0.0.1:9/v1\"";
const MODEL: &str = "upstream_model = \"Qwen3-32B\"\n";
const FIRST_MODEL: &str = "upstream = \"simulated\"\nkind = \"chat\"\n[models.ren";
const ONE_ATTEMPT: &str = "attempts = 1\n";
const PROD: &str = "[environments.prod]\n";

/// What is mistyped, or of the wrong kind.
const WRITTEN_WRONG: [Mistake; 23] = [
    mistake(SERVER, "[server]\n»thread = 2\n", "unknown_key", &["did you mean 'threads'?"]),
    mistake(SERVER, "[»sever]\n", "unknown_key", &["did you mean 'server'?"]),
    mistake(PROD, "[environments.prod]\n»regoins = []\n", "unknown_key", &["'regions'?"]),
    mistake(SERVER, "[server]\nthreads = »\"two\"\n", "wrong_type", &["server.threads"]),
    mistake(SERVER, "[server]\nthreads = »0\n", "out_of_range", &["server.threads"]),
    mistake(SERVER, "[server]\nmax_body_bytes = »1\n", "out_of_range", &["max_body_bytes"]),
    mistake("body = \"2s\"", "body = »2", "wrong_unit", &["needs a unit", "\"2s\""]),
    mistake("body = \"2s\"", "body = »\"2 weeks\"", "wrong_unit", &["ms, s, m, h or d"]),
    mistake("body = \"2s\"", "body = »\"2y\"", "wrong_unit", &["ms, s, m, h or d"]),
    mistake("body = \"2s\"", "body = »\"0s\"", "out_of_range", &["above zero"]),
    mistake(ONE_ATTEMPT, "budget = »1.5\n", "out_of_range", &["0 to 1"]),
    mistake(ONE_ATTEMPT, "budget = »nan\n", "bad_value", &["such as 0.2"]),
    mistake(ONE_ATTEMPT, "base = »\"30s\"\n", "out_of_range", &["cap (20s)"]),
    mistake(UPSTREAM, "region = \"CA\"\nheartbeat = »\"10ms\"\n", "out_of_range", &["1s"]),
    mistake(UPSTREAM, "region = \"CA\"\nhttp = »1.1\n", "wrong_type", &["in quotes"]),
    mistake("listen = \"127.0.0.1:0\"\ntime", "listen = »\"here\"\ntime", "bad_value", &["listen"]),
    mistake("region = \"CA\"", "region = »\"Canada\"", "bad_name", &["region"]),
    mistake(
        "kind = \"chat\"\n[models.ren",
        "kind = »\"chta\"\n[models.ren",
        "bad_value",
        &["chat"],
    ),
    mistake(
        MODEL,
        "price = { input = »0.05, output = \"1\" }\n",
        "wrong_type",
        &["amount in quotes", "\"0.05\""],
    ),
    mistake(
        SERVER,
        "[server]\nforward_headers = [»\"authorization\"]\n",
        "forbidden_header",
        &["authorization"],
    ),
    mistake(SERVER, "[server]\nthreads = 2\n»threads = 3\n", "duplicate", &["keep one of them"]),
    mistake(SERVER, "[server\n", "syntax", &[]),
    mistake(API_KEY, "api_key = { env = \"hunter2-4711-swordfish\" }", "wrong_type", &["env:"]),
];

/// What names something that is not there, or gives a secret away.
const DOES_NOT_HOLD: [Mistake; 17] = [
    mistake(
        FIRST_MODEL,
        "upstream = »\"simulatde\"\nkind = \"chat\"\n[models.ren",
        "unknown_upstream",
        &["did you mean 'simulated'?"],
    ),
    mistake(
        FIRST_MODEL,
        "upstream = [\"simulated\", »\"simulated\"]\nkind = \"chat\"\n[models.ren",
        "set_twice",
        &["twice", "keep one"],
    ),
    mistake(
        FIRST_MODEL,
        "upstream = [\"simulated\", { name = »\"simulatde\" }]\nkind = \"chat\"\n[models.ren",
        "unknown_upstream",
        &["did you mean 'simulated'?"],
    ),
    mistake(
        UPSTREAM,
        "region = \"CA\"\nca = »\"file:ca.pem\"\n",
        "bad_value",
        &["there is no TLS", "remove ca"],
    ),
    mistake(
        SERVER,
        "[server]\ntls = { cert = »\"hunter2-4711-swordfish\", key = \"file:k\" }\n",
        "bad_value",
        &["file:PATH"],
    ),
    mistake(
        SERVER,
        "[server]\ntls = { cert = \"file:c\", key = »\"PRIVATE KEY hunter2-4711-swordfish\" }\n",
        "literal_secret",
        &["file:PATH", "revoke"],
    ),
    mistake(
        SERVER,
        "[server]\nenvironments = [»\"prdo\"]\n",
        "unknown_environment",
        &["did you mean 'prod'?"],
    ),
    mistake(
        API_KEY,
        "api_key = »\"hunter2-4711-swordfish\"",
        "literal_secret",
        &["env:NAME", "file:PATH", "revoke it"],
    ),
    mistake(API_KEY, "api_key = »\"qbt_live_hunter2-4711-swordfish\"", "literal_secret", &["env:"]),
    mistake(API_KEY, "api_key = »\"vault:kv/bastion#key\"", "not_in_this_version", &["env:"]),
    mistake(API_KEY, "", "missing_key", &["upstreams.simulated.api_key", "add api_key"]),
    mistake(
        BASE_URL,
        "base_url = »\"http://api.example.com/v1\"",
        "plain_http",
        &["https://", "allow_plain_http"],
    ),
    mistake(
        BASE_URL,
        "base_url = »\"https://me:hunter2-4711-swordfish@api.example.com/v1\"",
        "bad_value",
        &["base_url"],
    ),
    mistake(
        BASE_URL,
        "base_url = »\"https://api.example.com/v1?key=hunter2-4711-swordfish\"",
        "bad_value",
        &["base_url"],
    ),
    mistake(
        PROD,
        "[limits]\nurl = »\"redis://:hunter2-4711-swordfish@cache/0\"\n[environments.prod]\n",
        "literal_secret",
        &["env:NAME"],
    ),
    mistake(
        UPSTREAM,
        "region = \"CA\"\n»password = \"hunter2-4711-swordfish\"\n",
        "unknown_key",
        &[],
    ),
    mistake(
        "[environments.dev]\n[environments.prod]\nregions = [\"CA\"]\n[environments.quebec]\nregions = [\"CA-QC\"]\n",
        "",
        "missing_key",
        &["environments"],
    ),
];

/// What this version does not have: nobody may believe in it.
const NOT_BUILT: [Mistake; 5] = [
    unbuilt(PROD, "[environments.prod]\n»pii = \"mask\"\n"),
    unbuilt(PROD, "[environments.prod]\n»faults = \"allow\"\n"),
    unbuilt(PROD, "[environments.prod]\n»samples = { rate = 0.01, bodies = \"redacted\" }\n"),
    unbuilt(PROD, "[»alerts.rules.errors]\nslo = \"99.5%\"\n[environments.prod]\n"),
    unbuilt(PROD, "[»recharge]\nbelow = \"50.00\"\n[environments.prod]\n"),
];

const fn unbuilt(line: &'static str, wrong: &'static str) -> Mistake {
    mistake(line, wrong, "not_in_this_version", &["not in this version", "= help: "])
}

fn good() -> String {
    CONFIG.replace("{upstream}", "http://127.0.0.1:9/v1")
}

/// The file with its one mistake, and the place that must be told.
fn broken(mistake: &Mistake) -> (String, Option<(usize, usize)>) {
    let text = good();
    assert!(text.contains(mistake.line), "the good file has no {:?}", mistake.line);
    let marked = text.replacen(mistake.line, mistake.wrong, 1);
    let place = marked.find('»').map(|at| {
        let before = &marked[..at];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, at - line_start + 1)
    });
    (marked.replace('»', ""), place)
}

fn check(mistakes: &[Mistake]) {
    for mistake in mistakes {
        let (text, place) = broken(mistake);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bastion.toml"), &text).unwrap();
        for arguments in [&["config", "check"][..], &["serve"]] {
            let attempt = Attempt::to(folder.path(), arguments);
            let stderr = &attempt.stderr;
            attempt.is_refused(mistake.says);
            let shown = format!("{arguments:?} {:?}:\n{stderr}", mistake.wrong);
            assert!(stderr.contains(&format!("error[{}]: ", mistake.code)), "{shown}");
            assert!(stderr.contains("--> bastion.toml"), "{shown}");
            if let Some((line, column)) = place {
                assert!(stderr.contains(&format!("--> bastion.toml:{line}:{column}\n")), "{shown}");
            }
            assert!(!stderr.contains(SECRET), "{shown}");
        }
        let json = Attempt::to(folder.path(), &["config", "check", "--json"]);
        assert!(json.code == Some(2) && !json.stdout.contains(SECRET), "{json:?}");
        let told: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(told["diagnostics"][0]["code"], mistake.code, "{told}");
        assert!(!folder.path().join("data").exists(), "something was begun: {:?}", mistake.wrong);
    }
}

#[test]
fn what_is_mistyped_or_of_the_wrong_kind_is_told_with_place_and_mend() {
    check(&WRITTEN_WRONG);
}

#[test]
fn what_does_not_hold_is_told_with_place_and_mend_and_no_secret_is_shown() {
    check(&DOES_NOT_HOLD);
}

#[test]
fn a_secret_in_a_file_that_is_no_toml_is_hidden_all_the_same() {
    let wrong = [
        format!("api_key = \"{SECRET}"),
        format!("api_key = {SECRET}"),
        format!("api_key = '{SECRET}\""),
        format!("api_key = \"\"\"line\n{SECRET}"),
        format!("\"api_key\" = \"{SECRET}\" \"{SECRET}\""),
        format!("api_key \"{SECRET}\""),
        format!("api_key = [\"{SECRET}\""),
        format!("api_key = \"{SECRET}\\q\""),
        format!("api_key: {SECRET}"),
    ];
    for line in wrong {
        let folder = tempfile::tempdir().unwrap();
        let text = good().replace(API_KEY, &line);
        fs::write(folder.path().join("bastion.toml"), text).unwrap();
        for arguments in [&["config", "check"][..], &["config", "check", "--json"], &["serve"]] {
            let Attempt { code, stdout, stderr } = Attempt::to(folder.path(), arguments);
            let told = stdout + &stderr;
            assert!(code == Some(2) && told.contains("syntax"), "{line}: {told}");
            for part in ["hunter2", "swordfish"] {
                assert!(!told.contains(part), "{line}: {told}");
            }
        }
    }
}

#[test]
fn a_setting_that_is_not_built_does_not_load_and_says_so() {
    check(&NOT_BUILT);
}

#[test]
fn a_setting_that_asks_for_nothing_that_is_not_built_loads() {
    let inert = "[environments.prod]\npii = \"off\"\nfaults = \"refuse\"\nsamples = { rate = 0 }\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bastion.toml"), good().replace(PROD, inert)).unwrap();
    let attempt = Attempt::to(folder.path(), &["config", "check"]);
    assert_eq!(attempt.code, Some(0), "{attempt:?}");
    drop(Bastion::start(folder, |_| {}));
}

#[test]
fn a_variable_that_names_nothing_or_nonsense_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bastion.toml"), good()).unwrap();
    let variables = [
        ("BASTION_SERVER__LISTN", SECRET, "BASTION_SERVER__LISTEN"),
        ("BASTION_SERVER__THREADS", SECRET, "server.threads"),
        ("BASTION_ENVIRONMENTS__PROD__MONTHLY_CAP", "-5.00", "is no amount"),
        ("BASTION_UPSTREAMS__SIMULATED__API_KEY", SECRET, "env:NAME"),
    ];
    for (name, value, says) in variables {
        for arguments in [&["config", "check"][..], &["serve"]] {
            let mut command = crate::bastion::command(folder.path());
            command.args(arguments).env(name, value);
            let attempt = Attempt::of(command);
            attempt.is_refused(&[name, says]);
            assert!(!attempt.stderr.contains(SECRET), "{}", attempt.stderr);
        }
    }
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn a_reload_of_a_broken_file_keeps_the_old_configuration() {
    let scene = Scene::set();
    let file = scene.bastion.config_file();
    let good = fs::read_to_string(&file).unwrap();
    let open_file = scene.bastion.folder().join("open.key");
    fs::write(&open_file, SECRET).unwrap();
    let broken = [
        Some("[server".to_owned()),
        Some(String::new()),
        Some(good.replace("renamed", "other").replace("env:IT_UPSTREAM_KEY", SECRET)),
        Some(good.replace(PROD, "[environments.prod]\nmonthly_cap = \"5.00\"\n")),
        Some(good.replace("env:IT_UPSTREAM_KEY", "file:open.key")),
        Some("\0\u{feff}".repeat(1000)),
        None,
    ];
    let mut refused = 0;
    for text in broken {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        scene.bastion.signal("HUP");
        refused += 1;
        scene.bastion.reloaded("refused", refused).await;
        scene.goes_on_after(refused as usize - 1).await;
        let ready = Client::with_text(scene.bastion.callers, "").get("/readyz").await;
        assert_eq!(ready.status, 200, "{}", scene.bastion.log.text());
        let listed = scene.client().get("/v1/models/renamed").await;
        assert_eq!(listed.status, 200, "{}", listed.text());
    }
    let log = scene.bastion.log.text();
    assert!(log.contains("the old one goes on") && log.contains("bastion.toml:"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
    fs::write(&file, good).unwrap();
    scene.bastion.signal("HUP");
    scene.bastion.reloaded("taken", 1).await;
    scene.goes_on_after(refused as usize).await;
}

#[tokio::test]
async fn a_reload_of_a_good_change_takes_it_without_a_restart() {
    let scene = Scene::set();
    let file = scene.bastion.config_file();
    let before = fs::read_to_string(&file).unwrap();
    let body = r#"{"model":"added","messages":[{"role":"user","content":"x"}]}"#;
    scene.refused(&scene.client().chat(body).await, 404, "model_not_found");
    let added = "[models.added]\nupstream = \"simulated\"\nupstream_model = \"gpt-oss-20b\"\n";
    fs::write(&file, before.replace(PROD, &format!("{added}{PROD}"))).unwrap();
    scene.bastion.signal("HUP");
    scene.bastion.reloaded("taken", 1).await;
    let answer = scene.client().chat(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Taking it back closes it again, for new calls on old connections too.
    fs::write(&file, before).unwrap();
    scene.bastion.signal("HUP");
    scene.bastion.reloaded("taken", 2).await;
    scene.refused(&scene.client().chat(body).await, 404, "model_not_found");
    scene.goes_on_after(1).await;
}
