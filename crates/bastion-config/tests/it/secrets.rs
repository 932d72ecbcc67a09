//! No rendering of any error ever shows a secret.

use bastion_config::{RenderStyle, load};

use super::{FULL, read, sources, with};

const SECRET: &str = "hunter2";

/// Nothing that is said about this file has the secret in it, whatever else is wrong nearby.
fn check(text: &str) {
    let shown = match read(text) {
        Ok(loaded) => format!("{:?}{:?}", loaded.shown, loaded.warnings),
        Err(report) => {
            let styles =
                [RenderStyle::Plain, RenderStyle::Colored].map(|style| report.render(style));
            format!("{styles:?}{report:?}")
        }
    };
    assert!(!shown.contains(SECRET), "{text}\n{shown}");
}

#[test]
fn a_literal_key_is_never_shown() {
    let line = "api_key = \"env:QUBITTRON_API_KEY\"";
    for spoilt in [
        "api_key = \"hunter2\"",
        "api_key = 'hunter2'",
        "api_key = \"\"\"hunter2\"\"\"",
        "api_key = \"\"\"\nhunter2\\q\n\"\"\"",
        "api_key = '''\nhunter2",
        "api_key = hunter2",
        "api_key = \"hunter2",
        "api_key = hunter2\"",
        "api_key = \"hunter2\" x",
        "api_key = \"hunter2\" = 3",
        "api_key = [\"hunter2\"]",
        "api_key = [\n\"hunter2\",\n x\n]",
        "api_key = { value = \"hunter2\" }",
        "api_key: hunter2",
        "api_key \"hunter2\"",
        "api_key=\"hunter2\"",
        "api_key = \"env:hunter2-x\"",
        "api_key = \"vault-hunter2\"",
        "apikey = \"hunter2\"",
        "api-key = \"hunter2\"",
        "api_kye = \"hunter2\"",
        "token = \"hunter2\"",
        "password = \"hunter2\"",
        "x = \"hunter2\"",
        "[api_key]\nx = \"hunter2\"",
        "api_key.x = \"hunter2\"",
        "\"api_key\" = \"hunter2\" # hunter2",
        "api_key = \"env:X\" # was hunter2\napi_key = \"hunter2\"",
        "hunter2",
    ] {
        check(&with(line, spoilt));
        check(&with(line, &format!("{spoilt}\n{spoilt}")));
        check(&with(line, &format!("{spoilt}\nregion = 3\n\0")));
    }
}

#[test]
fn a_literal_key_beside_another_error_is_never_shown() {
    let upstream = |body: &str| format!("upstreams.x = {{ {body} }}\n{FULL}");
    for body in [
        "base_url = 3, api_key = \"hunter2\"",
        "api_key = \"hunter2\", base_ulr = 3",
        "api_key = \"hunter2\", region = \"Canada\"",
        "nonsense = 1, api_key = \"hunter2\", region = ",
        "api_key = \"hunter2\" region = 3",
        "api_key = \"hunter2\", api_key = \"hunter2\"",
        "base_url = \"https://me:hunter2@host/v1\", api_key = \"env:X\"",
        "base_url = \"https://host/v1?key=hunter2\", api_key = \"env:X\"",
        "base_url = \"me:hunter2@host\", api_key = \"env:X\"",
        "base_ulr = \"me:hunter2@host\", api_key = \"env:X\"",
    ] {
        check(&upstream(body));
    }
}

#[test]
fn a_key_at_the_wrong_place_is_never_shown() {
    for key in ["qbt_hunter2", "bst_prod_hunter2", "sk-proj-hunter2abc"] {
        for line in FULL.lines().filter(|line| line.contains(" = ")) {
            let (name, _) = line.split_once(" = ").unwrap();
            check(&with(line, &format!("{name} = \"{key}\"")));
            check(&with(line, &format!("{name} = [\"{key}\"]")));
            check(&with(line, &format!("{key} = 3")));
            check(&with(line, &format!("{line} {key}")));
        }
    }
}

#[test]
fn a_password_in_a_url_is_never_shown() {
    for (line, urls) in [
        ("url = \"sqlite\"", ["postgres://me:hunter2@db/x", "postgres:me:hunter2@db"]),
        ("url = \"sqlite\"", ["mysql://me:p@hunter2@db/x", "db?password=hunter2"]),
        ("url = \"local\"", ["redis://:hunter2@h:6379", "rediss://x#hunter2@"]),
    ] {
        for url in urls {
            let text = with(line, &format!("url = \"{url}\""));
            check(&text);
            assert!(read(&text).is_err());
        }
    }
}

#[test]
fn a_variables_value_is_never_shown_in_an_error() {
    for name in [
        "BASTION_UPSTREAMS__BASTION__API_KEY",
        "BASTION_UPSTREAMS__BASTION__BASE_URL",
        "BASTION_UPSTREAMS__BASTION__NONSENSE",
        "BASTION_STORE__URL",
        "BASTION_SERVER__LISTEN",
        "BASTION_SERVER__THREADS",
        "BASTION_SERVER__MAX_BODY_BYTES",
        "BASTION_SERVER__TLS__CERT",
        "BASTION_SERVER__TLS__KEY",
        "BASTION_UPSTREAMS__SPARE__CA",
        "BASTION_RETRY__BUDGET",
        "BASTION_CURRENCY",
    ] {
        let report = load(&sources(FULL, &[(name, SECRET)])).unwrap_err();
        let text = format!("{report}{report:?}");
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
}
