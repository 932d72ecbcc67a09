//! Environment variables over the file.

use bastion_config::{HttpVersion, Loaded, RenderStyle, Report, Scheme, SettingSource, load};
use bastion_types::{ModelName, UpstreamName};

use super::{FULL, sources};

fn with(environment: &[(&str, &str)]) -> Result<Loaded, Report> {
    load(&sources(FULL, environment))
}

fn shown(loaded: &Loaded, key: &str) -> (String, String) {
    let row = loaded.shown.iter().find(|row| row.key == key).unwrap();
    (row.value.clone(), row.source.to_string())
}

/// One error, about this variable.
fn refused(name: &str, value: &str) -> (String, Option<String>) {
    let report = with(&[(name, value)]).unwrap_err();
    assert_eq!(report.diagnostics.len(), 1, "{report}");
    assert!(report.render(RenderStyle::Plain).contains(name), "{report}");
    (report.diagnostics[0].code.to_owned(), report.diagnostics[0].help.clone())
}

#[test]
fn a_variable_wins_over_the_file_and_is_shown_as_the_source() {
    let loaded = with(&[
        ("BASTION_SERVER__LISTEN", "0.0.0.0:1234"),
        ("BASTION_SERVER__TIMEOUT__BODY", "7s"),
        ("BASTION_SERVER__ENVIRONMENTS", "dev, prod"),
        ("BASTION_SERVER__THREADS", "3"),
        ("BASTION_DATA_DIR", "/data"),
        ("BASTION_CURRENCY", "USD"),
        ("BASTION_UPSTREAMS__BASTION__BASE_URL", "http://127.0.0.1:9/v1"),
        ("BASTION_UPSTREAMS__BASTION__ALLOW_PLAIN_HTTP", "true"),
        ("BASTION_MODELS__GPT_OSS_20B__PRICE__INPUT", "0.5"),
        ("BASTION_MODELS__GPT_OSS_20B__UPSTREAM", "spare, bastion"),
        ("BASTION_MODELS__GPT_OSS_20B__TIMEOUT__IDLE", "8s"),
        ("BASTION_RETRY__BUDGET", "0.125"),
        ("BASTION_SERVER__TLS__CERT", "file:/etc/cert.pem"),
        ("BASTION_UPSTREAMS__SPARE__HTTP", "2"),
        ("BASTION_RETRY__BREAKER__OPEN", "1m"),
    ])
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.listen, "0.0.0.0:1234".parse().unwrap());
    assert_eq!(config.server.timeout.body.to_string(), "7s");
    assert_eq!(config.server.timeout.header.to_string(), "1s", "its neighbours stay");
    assert_eq!(config.server.environments.as_ref().unwrap().len(), 2);
    assert_eq!(config.server.threads.unwrap().get(), 3);
    assert_eq!(config.data_dir.to_str(), Some("/data"));
    assert_eq!(config.currency, "USD");
    let upstream = &config.upstreams[&UpstreamName::parse("bastion").unwrap()];
    assert_eq!((upstream.base_url.scheme, upstream.base_url.port), (Scheme::Http, 9));
    assert!(upstream.allow_plain_http);
    let model = &config.models[&ModelName::parse("gpt-oss-20b").unwrap()];
    assert_eq!(model.routes[0].price.unwrap().input_per_million.to_string(), "0.50");
    let upstreams: Vec<&str> = model.routes.iter().map(|route| route.upstream.as_str()).collect();
    assert_eq!(upstreams, ["spare", "bastion"]);
    assert_eq!(model.timeout.idle.unwrap().to_string(), "8s");
    assert_eq!((config.retry.budget_per_mille, config.retry.breaker.failures), (125, 7));
    assert_eq!(config.server.tls.as_ref().unwrap().cert.to_string(), "file:/etc/cert.pem");
    assert_eq!(config.upstreams[&UpstreamName::parse("spare").unwrap()].http, HttpVersion::Http2);
    let (value, source) = shown(&loaded, "server.listen");
    assert_eq!(
        (value.as_str(), source.as_str()),
        ("0.0.0.0:1234", "environment BASTION_SERVER__LISTEN")
    );
}

#[test]
fn each_value_says_where_it_came_from() {
    let loaded = with(&[]).unwrap();
    let check = |key: &str, value: &str, source: &str| {
        assert_eq!(shown(&loaded, key), (value.to_owned(), source.to_owned()), "{key}");
    };
    check("server.listen", "127.0.0.1:9000", "bastion.toml:5");
    check("server.environments", "dev,prod", "bastion.toml:6");
    check("upstreams.bastion.api_key", "env:QUBITTRON_API_KEY", "bastion.toml:20");
    check("models.gpt-oss-20b.upstream", "bastion", "bastion.toml:26");
    check("models.gpt-oss-20b.timeout.idle", "as the upstream's", "default");
    check("models.qwen.upstream[0].name", "bastion", "bastion.toml:51");
    check("models.qwen.upstream[1].name", "spare", "bastion.toml:51");
    check("models.qwen.upstream[1].model", "qwen3-32b", "bastion.toml:51");
    check("models.qwen.upstream[1].price", "as the model's price", "default");
    check("retry.budget", "0.25", "bastion.toml:42");
    check("upstreams.bastion.heartbeat", "15s", "default");
    check("upstreams.bastion.ca", "none: the system's roots alone", "default");
    check("upstreams.bastion.http", "auto", "default");
    check("server.tls.cert", "file:tls/cert.pem", "bastion.toml:55");
    check("server.tls.key", "file:/run/secrets/tls.pem", "bastion.toml:56");
    check("models.gpt-oss-20b.price.call", "0", "default");
    check("models.gpt-oss-20b.price.reasoning", "as output", "default");
    check("environments.dev.regions", "any", "default");
    assert!(loaded.shown.iter().any(|row| row.source == SettingSource::Default));
}

#[test]
fn a_variable_that_names_nothing_is_an_error_with_the_mend() {
    let mend = |name: &str| Some(format!("did you mean '{name}'?"));
    assert_eq!(
        refused("BASTION_SERVER__LISTN", "x"),
        ("unknown_variable".into(), mend("BASTION_SERVER__LISTEN"))
    );
    assert_eq!(
        refused("BASTION_UPSTREAMS__BASTOIN__REGION", "CA"),
        ("unknown_variable".into(), mend("BASTION_UPSTREAMS__BASTION__REGION"))
    );
    assert_eq!(refused("BASTION_SERVER__TIMEOUT", "5s").0, "unknown_variable");
    assert_eq!(refused("BASTION_FOO__BAR", "x").0, "unknown_variable");
    assert_eq!(refused("BASTION_UPSTREAMS__BASTION", "x").0, "unknown_variable");
}

#[test]
fn a_variable_with_a_wrong_value_is_named() {
    assert_eq!(refused("BASTION_SERVER__LISTEN", "here").0, "bad_value");
    assert_eq!(refused("BASTION_SERVER__THREADS", "many").0, "wrong_type");
    assert_eq!(refused("BASTION_SERVER__TIMEOUT__BODY", "5").0, "wrong_unit");
    assert_eq!(refused("BASTION_UPSTREAMS__BASTION__API_KEY", "hunter2").0, "literal_secret");
    assert_eq!(refused("BASTION_UPSTREAMS__BASTION__ALLOW_PLAIN_HTTP", "yes").0, "wrong_type");
    let upstream = "BASTION_MODELS__GPT_OSS_20B__UPSTREAM";
    assert_eq!(refused(upstream, "spare, a").0, "unknown_upstream");
    assert_eq!(refused(upstream, "spare,spare").0, "set_twice");
    assert_eq!(refused(upstream, ",").0, "bad_value");
    assert_eq!(refused("BASTION_RETRY__BUDGET", "nan").0, "bad_value");
    assert_eq!(refused("BASTION_RETRY__BUDGET", "-1").0, "out_of_range");
    assert_eq!(refused("BASTION_RETRY__BASE", "31s").0, "out_of_range");
    assert_eq!(refused("BASTION_SERVER__TLS", "on").0, "unknown_variable");
    assert_eq!(refused("BASTION_SERVER__TLS__KEY", "env:KEY").0, "bad_value");
    assert_eq!(refused("BASTION_UPSTREAMS__SPARE__CA", "ca.pem").0, "bad_value");
    assert_eq!(refused("BASTION_UPSTREAMS__SPARE__HTTP", "3").0, "bad_value");
    assert_eq!(refused("BASTION_UPSTREAMS__SPARE__HEARTBEAT", "1").0, "wrong_unit");
    assert_eq!(refused("BASTION_MODELS__GPT_OSS_20B__UPSTREAM", "a").0, "unknown_upstream");
    assert_eq!(refused("BASTION_SERVER__ENVIRONMENTS", "dev,prd").0, "unknown_environment");
}

#[test]
fn a_variable_of_a_setting_that_is_not_built_does_not_load() {
    for name in ["BASTION_ALERTS__RECEIVERS__X__URL", "BASTION_ENVIRONMENTS__PROD__PII"] {
        assert_eq!(refused(name, "1").0, "not_in_this_version", "{name}");
    }
    assert!(with(&[("BASTION_ENVIRONMENTS__PROD__PII", "off")]).is_ok());
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    let loaded = with(&[
        ("BASTION_OPERATOR_TOKEN", "hunter2"),
        ("BASTION_CONFIG", "x"),
        ("BASTION_SERVER", "http://127.0.0.1:1"),
        ("BASTION_LOG", "debug"),
        ("BASTION_RETRY", "x"),
        ("BASTION_WHATEVER", "x"),
        ("BASTION_", "x"),
        ("SERVER__LISTEN", "x"),
        ("PATH", "x"),
    ]);
    assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
}

#[test]
fn two_names_that_a_variable_cannot_tell_apart_are_an_error() {
    let text = FULL.replace(
        "[environments.dev]",
        "[models.\"gpt.oss-20b\"]\nupstream = \"bastion\"\n[environments.dev]",
    );
    let report =
        load(&sources(&text, &[("BASTION_MODELS__GPT_OSS_20B__SIZE", "large")])).unwrap_err();
    assert_eq!(report.diagnostics[0].code, "unknown_variable");
}

#[test]
fn names_match_in_any_case() {
    let loaded = with(&[("BASTION_models__Gpt-Oss_20b__SIZE", "large")]);
    assert!(loaded.is_err(), "'-' is written as '_'");
    assert!(with(&[("BASTION_models__Gpt_Oss_20b__SIZE", "large")]).is_ok());
}
