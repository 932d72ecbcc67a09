//! Each section: what loads, and what does not.

use std::fmt::Write;

use bastion_config::{Breaker, HttpVersion, Kind, LimitsUrl, ModelTimeouts, Retry, Size};
use bastion_types::{ModelName, Region, Span, UpstreamName};

use super::{FULL, codes, read, with};

/// The codes when one line of the full file is replaced.
fn check(line: &str, replacement: &str, expect: &[&str]) {
    assert_eq!(codes(read(&with(line, replacement))), expect, "{replacement}");
}

const BASE_URL: &str = "base_url = \"https://api.qubittron.ai/v1\"";
const UPSTREAM: &str = "upstream = \"bastion\"";
const PRICE: &str = "price = { input = \"0.05\", output = \"0.20\" }";
const REGIONS: &str = "regions = [\"CA\"]";

#[test]
fn the_full_file_loads_as_it_says() {
    let loaded = read(FULL).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let config = loaded.config;
    assert_eq!((config.organization.as_str(), config.currency.as_str()), ("acme", "EUR"));
    assert_eq!(config.server.forward_headers, ["x-experiment"]);
    assert_eq!((config.server.max_connections, config.server.max_body_bytes), (100, 2048));
    let upstream = &config.upstreams[&UpstreamName::parse("bastion").unwrap()];
    assert_eq!(upstream.region, Region::parse("CA-QC").ok());
    assert_eq!(upstream.timeout.idle.to_string(), "3s");
    let model = &config.models[&ModelName::parse("gpt-oss-20b").unwrap()];
    assert_eq!((model.kinds.as_slice(), model.size), (&[Kind::Chat][..], Some(Size::Small)));
    assert_eq!(model.routes.len(), 1);
    assert_eq!(model.routes[0].model, ModelName::parse("gpt-oss").ok());
    assert_eq!((model.timeout, model.usage_option), (ModelTimeouts::default(), true));
    assert!(model.reasoning);
    let price = model.routes[0].price.unwrap();
    assert_eq!(price.cached_input_per_million, price.input_per_million);
    assert_eq!(price.reasoning_per_million, price.output_per_million);
    assert_eq!(price.per_call.nanos(), 0);
}

#[test]
fn an_empty_file_says_what_is_needed() {
    assert_eq!(codes(read("")), ["missing_key", "missing_key", "missing_key"]);
    assert_eq!(codes(bastion_config::load(&bastion_config::Sources::default())).len(), 3);
    assert_eq!(codes(read("[upstreams]\n[models]\n[environments]\n")).len(), 3);
}

#[test]
fn an_upstream_is_reached_safely_or_not_at_all() {
    check(BASE_URL, "base_url = \"http://api.qubittron.ai/v1\"", &["plain_http"]);
    check(BASE_URL, "base_url = \"http://10.0.0.1/v1\"", &["plain_http"]);
    check(BASE_URL, "base_url = \"ftp://x\"", &["bad_value"]);
    check(BASE_URL, "base_url = \"https://u:p@x\"", &["bad_value"]);
    check(BASE_URL, "base_url = \"http://127.0.0.1:9090/v1\"", &[]);
    let text = with(BASE_URL, "base_url = \"http://10.0.0.1/v1\"")
        .replace("allow_plain_http = false", "allow_plain_http = true");
    assert_eq!(codes(read(&text)), Vec::<&str>::new());
    check("region = \"CA-QC\"", "region = \"Canada\"", &["bad_name"]);
    check("api_key = \"env:QUBITTRON_API_KEY\"", "", &["missing_key"]);
    check("api_key = \"env:QUBITTRON_API_KEY\"", "api_key = \"qbt_x\"", &["literal_secret"]);
    check("api_key = \"env:QUBITTRON_API_KEY\"", "api_key = \"vault:x\"", &["not_in_this_version"]);
}

#[test]
fn a_file_reference_is_beside_the_configuration() {
    let text = with("api_key = \"env:QUBITTRON_API_KEY\"", "api_key = \"file:secrets/key\"");
    let mut sources = super::sources(&text, &[]);
    sources.file.as_mut().unwrap().0 = "/etc/bastion/bastion.toml".into();
    let config = bastion_config::load(&sources).unwrap().config;
    let upstream = config.upstreams.values().next().unwrap();
    assert_eq!(upstream.api_key.to_string(), "file:/etc/bastion/secrets/key");
    let spare = &config.upstreams[&UpstreamName::parse("spare").unwrap()];
    assert_eq!(spare.ca.as_ref().unwrap().to_string(), "file:/etc/bastion/tls/ca.pem");
    let tls = config.server.tls.unwrap();
    assert_eq!(tls.cert.to_string(), "file:/etc/bastion/tls/cert.pem");
    assert_eq!(tls.key.to_string(), "file:/run/secrets/tls.pem");
}

#[test]
fn a_model_has_upstreams_that_exist_each_once() {
    check(UPSTREAM, "", &["missing_key"]);
    check(UPSTREAM, "upstream = \"bastoin\"", &["unknown_upstream"]);
    check(UPSTREAM, "upstream = [\"bastoin\"]", &["unknown_upstream"]);
    check(UPSTREAM, "upstream = [{ name = \"bastoin\" }]", &["unknown_upstream"]);
    check(UPSTREAM, "upstream = []", &["bad_value"]);
    check(UPSTREAM, "upstream = [3]", &["wrong_type"]);
    check(UPSTREAM, "upstream = { name = \"bastion\" }", &["wrong_type"]);
    check(UPSTREAM, "upstream = [{ nam = \"bastion\" }]", &["missing_key", "unknown_key"]);
    check(UPSTREAM, "upstream = [\"bastion\", \"other\"]", &["unknown_upstream"]);
    check(UPSTREAM, "upstream = [\"a\", { name = \"b\" }]", &["unknown_upstream"; 2]);
    check(UPSTREAM, "upstream = [\"bastion\", 3]", &["wrong_type"]);
    check(UPSTREAM, "upstream = [{ name = \"bastion\" }, 3]", &["wrong_type"]);
    check(UPSTREAM, "upstream = [[\"bastion\"]]", &["wrong_type"]);
    check(UPSTREAM, "upstream = [\"bastion\", \"a b\"]", &["bad_name"]);
    check(UPSTREAM, "upstream = [\"spare\", \"bastion\", \"spare\"]", &["set_twice"]);
    check(UPSTREAM, "upstream = [{ name = \"spare\" }, \"spare\"]", &["set_twice"]);
    check(UPSTREAM, &format!("upstream = [{}]", "\"spare\",".repeat(9)), &["out_of_range"]);
    check(UPSTREAM, "upstream = [{ name = \"bastion\", model = \"x\" }]", &["set_twice"]);
    check(UPSTREAM, "upstream = [\"spare\", { name = \"bastion\", model = \"x\" }]", &[]);
    check(UPSTREAM, "upstream = [\"spare\", \"bastion\"]", &[]);
    check(UPSTREAM, "upstream = [{ name = \"bastion\" }]", &[]);
    check(UPSTREAM, "upstream = [\"bastion\"]", &[]);
}

#[test]
fn the_long_form_carries_name_and_price() {
    let long = "upstream = [{ name = \"bastion\", model = \"m\", price = { input = \"1\", output = \"2\" } }]";
    let text =
        with(UPSTREAM, long).replace(PRICE, "").replace("upstream_model = \"gpt-oss\"\n", "");
    let config = read(&text).unwrap().config;
    let routes = &config.models.values().next().unwrap().routes;
    assert_eq!(routes[0].model.as_ref().unwrap().as_str(), "m");
    assert_eq!(routes[0].price.unwrap().output_per_million.to_string(), "2.00");
}

#[test]
fn what_a_model_says_holds_for_each_upstream_that_does_not_say_its_own() {
    let routes = |upstream: &str| {
        let config = read(&with(UPSTREAM, upstream)).unwrap().config;
        let model = &config.models[&ModelName::parse("gpt-oss-20b").unwrap()];
        let row = |route: &bastion_config::Route| {
            let output = route.price.unwrap().output_per_million.to_string();
            (route.upstream.to_string(), route.model.clone().unwrap().to_string(), output)
        };
        model.routes.iter().map(row).collect::<Vec<_>>()
    };
    let row = |upstream: &str, model: &str, output: &str| {
        (upstream.to_owned(), model.to_owned(), output.to_owned())
    };
    assert_eq!(
        routes("upstream = [\"spare\", \"bastion\"]"),
        [row("spare", "gpt-oss", "0.20"), row("bastion", "gpt-oss", "0.20")]
    );
    let price = "{ input = \"1\", output = \"2\" }";
    assert_eq!(
        routes(&format!("upstream = [\"bastion\", {{ name = \"spare\", price = {price} }}]")),
        [row("bastion", "gpt-oss", "0.20"), row("spare", "gpt-oss", "2.00")]
    );
    assert_eq!(
        routes("upstream = [{ name = \"spare\", model = \"x\" }, { name = \"bastion\" }]"),
        [row("spare", "x", "0.20"), row("bastion", "gpt-oss", "0.20")]
    );
}

#[test]
fn eight_upstreams_are_allowed_and_nine_are_not() {
    let mut text = FULL.to_owned();
    let mut names = Vec::new();
    for number in 1..=8 {
        writeln!(text, "[upstreams.u{number}]\nbase_url = \"https://u{number}\"").unwrap();
        writeln!(text, "api_key = \"env:X\"").unwrap();
        names.push(format!("\"u{number}\""));
    }
    let eight = format!("upstream = [{}]", names.join(","));
    assert_eq!(read(&text.replace(UPSTREAM, &eight)).unwrap().config.models.len(), 2);
    let nine = format!("upstream = [{},\"spare\"]", names.join(","));
    assert_eq!(codes(read(&text.replace(UPSTREAM, &nine))), ["out_of_range"]);
}

#[test]
fn a_models_own_timeouts_leave_the_others_to_the_upstream() {
    let config = read(FULL).unwrap().config;
    let model = &config.models[&ModelName::parse("qwen").unwrap()];
    let expect = ModelTimeouts {
        connect: Some(Span::from_secs(9)),
        first_event: Some(Span::from_secs(300)),
        ..ModelTimeouts::default()
    };
    assert_eq!((model.timeout, model.usage_option), (expect, false));
    let timeout = "timeout = { connect = \"9s\", first_event = \"5m\" }";
    check(timeout, "timeout = { idle = 3 }", &["wrong_unit"]);
    check(timeout, "timeout = { answer = \"25h\" }", &["out_of_range"]);
    check(timeout, "timeout = { total = \"1m\" }", &["unknown_key"]);
    check("usage_option = false", "usage_option = \"no\"", &["wrong_type"]);
}

#[test]
fn a_heartbeat_is_not_a_flood() {
    let heartbeat = |text: &str| {
        let config = read(&with("heartbeat = \"20s\"", text)).unwrap().config;
        config.upstreams[&UpstreamName::parse("spare").unwrap()].heartbeat.to_string()
    };
    assert_eq!(heartbeat("heartbeat = \"20s\""), "20s");
    assert_eq!(heartbeat("heartbeat = \"1s\""), "1s");
    assert_eq!(heartbeat(""), "15s");
    check("heartbeat = \"20s\"", "heartbeat = \"999ms\"", &["out_of_range"]);
    check("heartbeat = \"20s\"", "heartbeat = \"25h\"", &["out_of_range"]);
    check("heartbeat = \"20s\"", "heartbeat = 20", &["wrong_unit"]);
}

#[test]
fn tls_is_two_files_or_none() {
    let cert = "cert = \"file:tls/cert.pem\"";
    let key = "key = \"file:/run/secrets/tls.pem\"";
    check(cert, "", &["missing_key"]);
    check(key, "", &["missing_key"]);
    check(cert, "cert = \"tls/cert.pem\"", &["bad_value"]);
    check(cert, "cert = \"env:CERT\"", &["bad_value"]);
    check(cert, "cert = \"vault:pki/cert\"", &["bad_value"]);
    check(cert, "cert = \"file:\"", &["bad_value"]);
    check(key, "key = \"-----BEGIN PRIVATE KEY-----\"", &["literal_secret"]);
    check(key, "key = true", &["wrong_type"]);
    check(key, &format!("{key}\nclient_ca = \"file:x\""), &["unknown_key"]);
    let text = with(cert, "").replace(key, "").replace("[server.tls]\n", "");
    assert_eq!(read(&text).unwrap().config.server.tls, None);
    let text = text.replace("threads = 2", "tls = true");
    assert_eq!(codes(read(&text)), ["wrong_type"]);
}

#[test]
fn an_upstreams_roots_and_http_are_said_and_checked() {
    let ca = "ca = \"file:tls/ca.pem\"";
    check(ca, "ca = \"tls/ca.pem\"", &["bad_value"]);
    check(ca, "ca = [\"file:tls/ca.pem\"]", &["wrong_type"]);
    let base_url = "base_url = \"https://llm.internal/v1\"";
    check(base_url, "base_url = \"http://127.0.0.1:9/v1\"", &["bad_value"]);
    let http = |text: &str| {
        let config = read(&with("http = \"1.1\"", text)).unwrap().config;
        config.upstreams[&UpstreamName::parse("spare").unwrap()].http
    };
    assert_eq!(http("http = \"1.1\""), HttpVersion::Http11);
    assert_eq!(http("http = \"2\""), HttpVersion::Http2);
    assert_eq!(http("http = \"auto\""), HttpVersion::Auto);
    assert_eq!(http(""), HttpVersion::Auto);
    check("http = \"1.1\"", "http = 1.1", &["wrong_type"]);
    check("http = \"1.1\"", "http = 2", &["wrong_type"]);
    check("http = \"1.1\"", "http = \"3\"", &["bad_value"]);
    let plain = with(base_url, "base_url = \"http://127.0.0.1:9/v1\"")
        .replace(ca, "")
        .replace("http = \"1.1\"", "http = \"2\"");
    assert!(read(&plain).is_ok(), "prior knowledge");
}

#[test]
fn retries_have_limits() {
    let seconds = Span::from_secs;
    let said = Retry {
        attempts: 4,
        base: seconds(2),
        cap: seconds(30),
        total: seconds(90),
        budget_per_mille: 250,
        breaker: Breaker { failures: 7, open: seconds(11) },
    };
    assert_eq!(read(FULL).unwrap().config.retry, said);
    let (without, _) = FULL.split_once("[retry]").unwrap();
    let default = Retry {
        attempts: 3,
        base: seconds(1),
        cap: seconds(20),
        total: seconds(60),
        budget_per_mille: 200,
        breaker: Breaker { failures: 5, open: seconds(10) },
    };
    assert_eq!(read(without).unwrap().config.retry, default);
    for (line, replacement, code) in [
        ("attempts = 4", "attempts = 0", "out_of_range"),
        ("attempts = 4", "attempts = 11", "out_of_range"),
        ("attempts = 4", "attempts = \"3\"", "wrong_type"),
        ("base = \"2s\"", "base = \"31s\"", "out_of_range"),
        ("base = \"2s\"", "base = \"0s\"", "out_of_range"),
        ("total = \"90s\"", "total = 90", "wrong_unit"),
        ("budget = 0.25", "budget = 0.2501", "bad_value"),
        ("budget = 0.25", "budget = nan", "bad_value"),
        ("budget = 0.25", "budget = inf", "bad_value"),
        ("budget = 0.25", "budget = 2.5e-1", "bad_value"),
        ("budget = 0.25", "budget = -0.1", "out_of_range"),
        ("budget = 0.25", "budget = 1.001", "out_of_range"),
        ("budget = 0.25", "budget = 2", "out_of_range"),
        ("budget = 0.25", "budget = \"0.2\"", "wrong_type"),
        (
            "breaker = { failures = 7, open = \"11s\" }",
            "breaker = { failures = 0 }",
            "out_of_range",
        ),
        ("breaker = { failures = 7, open = \"11s\" }", "breaker = { open = 1 }", "wrong_unit"),
        ("breaker = { failures = 7, open = \"11s\" }", "breaker = 5", "wrong_type"),
    ] {
        check(line, replacement, &[code]);
    }
    check("budget = 0.25", "budget = 0", &[]);
    check("budget = 0.25", "budget = 1.0", &[]);
    check("base = \"2s\"", "base = \"30s\"", &[]);
}

#[test]
fn a_price_is_complete_and_exact() {
    check(PRICE, "price = { input = \"0.05\" }", &["missing_key"]);
    check(PRICE, "price = { input = 0.05, output = 1 }", &["wrong_type", "wrong_type"]);
    check(PRICE, "price = { input = \"-1\", output = \"1e3\" }", &["bad_value", "bad_value"]);
    check(PRICE, "price = \"free\"", &["wrong_type"]);
    let all = "price = { input = \"1\", output = \"2\", cached_input = \"3\", cache_write = \"4\", \
               reasoning = \"5\", call = \"6\", image = \"7\", audio_minute = \"8\", million_characters = \"9\" }";
    let loaded = read(&with(PRICE, all)).unwrap();
    let price = loaded.config.models.values().next().unwrap().routes[0].price.unwrap();
    let rows = [
        price.input_per_million,
        price.output_per_million,
        price.cached_input_per_million,
        price.cache_write_per_million,
        price.reasoning_per_million,
        price.per_call,
        price.per_image,
        price.per_audio_minute,
        price.characters_per_million,
    ];
    assert_eq!(
        rows.map(|row| row.to_string()).join(" "),
        "1.00 2.00 3.00 4.00 5.00 6.00 7.00 8.00 9.00"
    );
}

#[test]
fn what_a_kind_is_counted_by_has_its_price() {
    let kind = |kind: &str, price: &str, codes: &[&str]| {
        let text = with(PRICE, &format!("price = {{ {price} }}"));
        let text = text.replace("kind = \"chat\"", &format!("kind = {kind}"));
        assert_eq!(super::codes(read(&text)), codes, "{kind} {price}");
    };
    kind("\"embeddings\"", "input = \"1\"", &[]);
    kind("\"embeddings\"", "call = \"1\"", &["missing_key"]);
    kind("\"image\"", "image = \"0\"", &[]);
    kind("\"image\"", "input = \"1\", output = \"1\"", &["missing_key"]);
    kind("\"transcription\"", "audio_minute = \"0.006\"", &[]);
    kind("\"transcription\"", "image = \"1\"", &["missing_key"]);
    kind("[\"chat\", \"embeddings\"]", "input = \"1\"", &["missing_key"]);
    kind("\"chat\"", "input = \"0\", output = \"0\", call = \"0.01\"", &[]);
    let speech = with(PRICE, "languages = [\"en-US\"]\nprice = { million_characters = \"15\" }");
    let speech = speech.replace("kind = \"chat\"", "kind = \"speech\"");
    assert_eq!(codes(read(&speech)), [""; 0]);
    check(PRICE, "", &[]);
}

#[test]
fn a_models_own_words_are_checked() {
    check("kind = \"chat\"", "kind = \"embeddings\"", &[]);
    // Neither what it speaks nor what that costs is said.
    let silent = "kind = [\"chat\", \"speech\"]";
    check("kind = \"chat\"", silent, &["missing_key", "missing_key"]);
    let speech = |languages: &str, codes: &[&str]| {
        let text = with(PRICE, "price = { million_characters = \"15\" }");
        let kind = format!("kind = \"speech\"\n{languages}");
        assert_eq!(super::codes(read(&text.replace("kind = \"chat\"", &kind))), codes, "{kind}");
    };
    speech("languages = []", &["missing_key"]);
    speech("languages = [\"en-US\"]", &[]);
    speech("languages = \"en-US\"", &["wrong_type"]);
    check("kind = \"chat\"", "languages = [\"en\\n\"]", &["bad_value"]);
    check("kind = \"chat\"", "kind = \"chatt\"", &["bad_value"]);
    check("kind = \"chat\"", "kind = []", &["bad_value"]);
    check("kind = \"chat\"", "kind = [\"chat\", \"chat\"]", &[]);
    check("size = \"small\"", "size = \"tiny\"", &["bad_value"]);
    check("context_tokens = 131072", "context_tokens = 0", &["out_of_range"]);
    check("max_output_tokens = 8192", "max_output_tokens = 131073", &["out_of_range"]);
    let renamed = ["bad_name", "unknown_model"];
    check("[models.\"gpt-oss-20b\"]", "[models.\"gpt oss\"]", &renamed);
}

#[test]
fn a_request_for_speech_finds_one_model() {
    let two = |one: &str, other: &str| {
        let model = |name: &str, rest: &str| {
            format!("[models.{name}]\nupstream = \"bastion\"\nkind = \"speech\"\n{rest}\n")
        };
        let mut text = FULL.to_owned();
        write!(text, "{}{}", model("tts-one", one), model("tts-other", other)).unwrap();
        codes(read(&text))
    };
    let english = "languages = [\"en-US\"]";
    assert_eq!(two(english, "languages = [\"EN-us\", \"de-DE\"]"), ["set_twice"]);
    assert_eq!(two(english, "languages = [\"de-DE\"]"), [""; 0]);
    let voiced = |voice: &str| format!("{english}\nvoices = [\"{voice}\"]");
    assert_eq!(two(english, &voiced("Ada")), [""; 0]);
    assert_eq!(two(&voiced("Ada"), &voiced("Bob")), [""; 0]);
    assert_eq!(two(&voiced("Ada"), &voiced("Ada")), ["set_twice"]);
}

#[test]
fn a_servers_limits_have_limits() {
    check("max_body_bytes = 2048", "max_body_bytes = 268435457", &["out_of_range"]);
    check("max_body_bytes = 2048", "max_body_bytes = \"32 MiB\"", &["wrong_type"]);
    check("max_connections = 100", "max_connections = 0", &["out_of_range"]);
    check("threads = 2", "threads = 0", &["out_of_range"]);
    check(
        "forward_headers = [\"x-experiment\"]",
        "forward_headers = [\"Cookie\"]",
        &["forbidden_header"],
    );
    check("forward_headers = [\"x-experiment\"]", "forward_headers = \"x\"", &["wrong_type"]);
    check(
        "environments = [\"dev\", \"prod\"]",
        "environments = [\"dev\", \"prd\"]",
        &["unknown_environment"],
    );
    check("listen = \"127.0.0.1:9001\"", "listen = \"127.0.0.1:9000\"", &["same_address"]);
    check("listen = \"127.0.0.1:9001\"", "listen = \"0.0.0.0:9000\"", &["same_address"]);
}

#[test]
fn what_loads_and_is_still_worth_a_word_is_a_warning() {
    let warned = |line: &str, replacement: &str| {
        let warnings = read(&with(line, replacement)).unwrap().warnings;
        let found = &warnings.diagnostics[0];
        (warnings.diagnostics.len(), found.code, found.line)
    };
    let exposed = warned("listen = \"127.0.0.1:9001\"", "listen = \"0.0.0.0:9001\"");
    assert_eq!(exposed, (1, "operator_exposed", Some(13)));
    assert_eq!(warned(REGIONS, "regions = [\"US\"]"), (1, "unreachable_region", Some(36)));
    assert_eq!(warned("region = \"CA-QC\"", ""), (1, "unreachable_region", Some(36)));
}

#[test]
fn a_setting_without_its_protection_does_not_load() {
    let unbuilt = &["not_in_this_version"];
    for setting in [
        "pii_unscreenable = \"refuse\"",
        "pii = \"mask\"",
        "faults = \"allow\"",
        "samples = { rate = 0.01, bodies = \"redacted\" }",
        "samples = {}",
    ] {
        check(REGIONS, setting, unbuilt);
    }
    check("url = \"sqlite\"", "url = \"sqlite\"\nmigrate = \"manual\"", &["bad_value"]);
    check("url = \"sqlite\"", "url = \"env:DATABASE_URL\"", &["local_limits"]);
    check("url = \"sqlite\"", "url = \"postgres://me@db/x\"", &["local_limits"]);
    let shared = with("url = \"sqlite\"", "url = \"env:DATABASE_URL\"\nmigrate = \"manual\"");
    let shared = shared.replace("url = \"local\"", "url = \"redis://cache\"");
    assert_eq!(codes(read(&shared)), Vec::<&str>::new());
    for section in ["recharge", "alerts.rules.x", "pii"] {
        check("[environments.dev]", &format!("[{section}]\n[environments.dev]"), unbuilt);
    }
}

#[test]
fn limits_are_counted_where_the_file_says_and_hold_no_password() {
    const LOCAL: &str = "url = \"local\"";
    const REDIS: &str = "url = \"rediss://bastion@cache.internal:6380/1\"";
    let more = "password = \"env:REDIS_PASSWORD\"\nprefix = \"acme\"\nlease = \"30s\"";
    let config = read(&with(LOCAL, &format!("{REDIS}\n{more}"))).unwrap().config;
    let url = "rediss://bastion@cache.internal:6380/1".to_owned();
    assert_eq!(config.limits.url, LimitsUrl::Redis(url));
    assert_eq!((config.limits.prefix.as_str(), config.limits.lease), ("acme", Span::from_secs(30)));
    assert_eq!(config.limits.timeout, Span::from_millis(100));
    let long = format!("prefix = \"{}\"", "x".repeat(65));
    for (setting, expect) in [
        ("lease = \"999ms\"", &["out_of_range"][..]),
        ("lease = \"11m\"", &["out_of_range"]),
        ("lease = 30", &["wrong_unit"]),
        ("lease = \"1s\"", &[]),
        ("timeout = \"9ms\"", &["out_of_range"]),
        ("timeout = \"11s\"", &["out_of_range"]),
        ("prefix = \"a{b}\"", &["bad_value"]),
        (&long, &["bad_value"]),
        ("password = \"hunter2\"", &["literal_secret"]),
    ] {
        check(LOCAL, &format!("{REDIS}\n{setting}"), expect);
    }
    check(LOCAL, "url = \"rediss://bastion:hunter2@cache\"", &["literal_secret"]);
    check(LOCAL, "url = \"file:redis.url\"", &[]);
}

#[test]
fn a_trusted_proxy_is_an_address_or_a_network() {
    for right in ["\"10.0.0.0/8\", \"::1\"", ""] {
        check("threads = 2", &format!("trusted_proxies = [{right}]"), &[]);
    }
    for wrong in ["10.0.0.1/8", "10.0.0.0/33", "proxy.internal", "*"] {
        check("threads = 2", &format!("trusted_proxies = [\"{wrong}\"]"), &["bad_value"]);
    }
    check("threads = 2", "trusted_proxies = \"10.0.0.0/8\"", &["wrong_type"]);
}

#[test]
fn a_setting_that_asks_for_nothing_always_loads() {
    for setting in [
        "pii = \"off\"",
        "faults = \"refuse\"",
        "samples = { rate = 0 }",
        "samples = { rate = 0.0, keep = \"14d\" }",
    ] {
        check(REGIONS, setting, &[]);
    }
}
