//! The messages of retries, fallbacks, time-outs and TLS as people read them.

use super::{FULL, rendered};

#[track_caller]
fn check(lines: &str, replacement: &str, expect: &str) {
    assert_eq!(FULL.matches(lines).count(), 1, "{lines}");
    assert_eq!(rendered(&FULL.replace(lines, replacement)).trim_end(), expect.trim());
}

#[test]
fn a_budget_is_a_share_to_the_thousandth() {
    check(
        "budget = 0.25",
        "budget = 0.12345",
        "
error[bad_value]: 'retry.budget' must have at most 3 digits behind the point
  --> bastion.toml:42:10
   |
42 | budget = 0.12345
   |          ^^^^^^^
   |
   = help: such as 0.125
",
    );
    check(
        "budget = 0.25",
        "budget = 20",
        "
error[out_of_range]: 'retry.budget' must be from 0 to 1
  --> bastion.toml:42:10
   |
42 | budget = 20
   |          ^^
   |
   = help: a share, such as 0.2 for a fifth
",
    );
    check(
        "budget = 0.25",
        "budget = nan",
        "
error[bad_value]: 'retry.budget' must be a plain number from 0 to 1
  --> bastion.toml:42:10
   |
42 | budget = nan
   |          ^^^
   |
   = help: digits and a point, such as 0.2 for a fifth
",
    );
    check(
        "budget = 0.25",
        r#"budget = "20%""#,
        r#"
error[wrong_type]: 'retry.budget' must be a number from 0 to 1, without quotes, not a text
  --> bastion.toml:42:10
   |
42 | budget = "20%"
   |          ^^^^^
"#,
    );
}

#[test]
fn waits_grow_from_base_to_cap() {
    check(
        r#"base = "2s""#,
        r#"base = "1m""#,
        r#"
error[out_of_range]: 'retry.base' must be at most cap (30s), not 1m
  --> bastion.toml:39:8
   |
39 | base = "1m"
   |        ^^^^
   |
   = help: waits begin at base and grow up to cap: lower base or raise cap
"#,
    );
    check(
        "base = \"2s\"\ncap = \"30s\"",
        r#"cap = "500ms""#,
        r#"
error[out_of_range]: 'retry.cap' must be at least base (1s by default), not 500ms
  --> bastion.toml:39:7
   |
39 | cap = "500ms"
   |       ^^^^^^^
   |
   = help: waits begin at base and grow up to cap: raise cap or lower base
"#,
    );
}

#[test]
fn attempts_and_breakers_have_limits() {
    check(
        "attempts = 4",
        "attempts = 11",
        "
error[out_of_range]: 'retry.attempts' must be from 1 to 10, not 11
  --> bastion.toml:38:12
   |
38 | attempts = 11
   |            ^^
",
    );
    check(
        r#"breaker = { failures = 7, open = "11s" }"#,
        "breaker = { failures = 0, open = 10 }",
        r#"
error[out_of_range]: 'retry.breaker.failures' must be from 1 to 1000, not 0
  --> bastion.toml:43:24
   |
43 | breaker = { failures = 0, open = 10 }
   |                        ^

error[wrong_unit]: 'retry.breaker.open' needs a unit
  --> bastion.toml:43:34
   |
43 | breaker = { failures = 0, open = 10 }
   |                                  ^^
   |
   = help: write "10s" for seconds, "10m" for minutes
"#,
    );
}

#[test]
fn a_list_of_upstreams_names_each_once_and_those_that_exist() {
    check(
        r#"upstream = "bastion""#,
        r#"upstream = ["bastion", "spare", "bastion"]"#,
        r#"
error[set_twice]: 'models.gpt-oss-20b.upstream' names the upstream 'bastion' twice
  --> bastion.toml:26:33
   |
26 | upstream = ["bastion", "spare", "bastion"]
   |                                 ^^^^^^^^^
   |
   = help: keep one of them: the next in the list is for when this one fails
"#,
    );
    check(
        r#"upstream = "bastion""#,
        r#"upstream = ["bastion", { name = "bastoin" }]"#,
        r#"
error[unknown_upstream]: the model 'gpt-oss-20b' names an unknown upstream 'bastoin'
  --> bastion.toml:26:33
   |
26 | upstream = ["bastion", { name = "bastoin" }]
   |                                 ^^^^^^^^^
   |
   = note: configured: bastion, spare
   = help: did you mean 'bastion'?
"#,
    );
    check(
        r#"upstream = "bastion""#,
        "upstream = []",
        r#"
error[bad_value]: 'models.gpt-oss-20b.upstream' names no upstream
  --> bastion.toml:26:12
   |
26 | upstream = []
   |            ^^
   |
   = help: name at least one, such as "bastion"
"#,
    );
    check(
        r#"upstream = "bastion""#,
        r#"upstream = { name = "bastion" }"#,
        r#"
error[wrong_type]: 'models.gpt-oss-20b.upstream' must be a name, or a list of names or tables, not a table
  --> bastion.toml:26:12
   |
26 | upstream = { name = "bastion" }
   |            ^^^^^^^^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn the_long_form_of_an_upstream_says_what_it_lacks_and_what_is_too_much() {
    check(
        r#"upstream = "bastion""#,
        r#"upstream = [{ name = "bastion", model = "a" }]"#,
        r#"
error[set_twice]: 'models.gpt-oss-20b.upstream_model' is also said in the long form of 'upstream', by every upstream there
  --> bastion.toml:27:18
   |
27 | upstream_model = "gpt-oss"
   |                  ^^^^^^^^^
   |
   = help: keep one of them
"#,
    );
    check(
        r#"upstream = "bastion""#,
        r#"upstream = ["bastion", { model = "a", price = { input = "1" } }]"#,
        r#"
error[missing_key]: 'models.gpt-oss-20b.upstream[1].name' is missing
  --> bastion.toml:26:24
   |
26 | upstream = ["bastion", { model = "a", price = { input = "1" } }]
   |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: add name to [models.gpt-oss-20b.upstream[1]]: the name of an upstream

error[missing_key]: 'models.gpt-oss-20b.upstream[1].price.output' is missing
  --> bastion.toml:26:39
   |
26 | upstream = ["bastion", { model = "a", price = { input = "1" } }]
   |                                       ^^^^^
   |
   = help: add output to [models.gpt-oss-20b.upstream[1].price]: a million tokens of the answer
"#,
    );
}

#[test]
fn timeouts_and_heartbeats_keep_to_their_units_and_limits() {
    check(
        r#"heartbeat = "20s""#,
        r#"heartbeat = "100ms""#,
        r#"
error[out_of_range]: 'upstreams.spare.heartbeat' must be at least 1s, not 100ms
  --> bastion.toml:47:13
   |
47 | heartbeat = "100ms"
   |             ^^^^^^^
"#,
    );
    check(
        r#"timeout = { connect = "9s", first_event = "5m" }"#,
        r#"timeout = { answr = "9s", idle = 5 }"#,
        r#"
error[unknown_key]: unknown setting 'answr' in [models.qwen.timeout]
  --> bastion.toml:53:13
   |
53 | timeout = { answr = "9s", idle = 5 }
   |             ^^^^^
   |
   = note: known here: connect, first_event, idle, answer
   = help: did you mean 'answer'?

error[wrong_unit]: 'models.qwen.timeout.idle' needs a unit
  --> bastion.toml:53:34
   |
53 | timeout = { answr = "9s", idle = 5 }
   |                                  ^
   |
   = help: write "5s" for seconds, "5m" for minutes
"#,
    );
    check(
        "usage_option = false",
        r#"usage_option = "false""#,
        r#"
error[wrong_type]: 'models.qwen.usage_option' must be true or false, without quotes, not a text
  --> bastion.toml:52:16
   |
52 | usage_option = "false"
   |                ^^^^^^^
"#,
    );
}

#[test]
fn tls_is_two_files_that_are_named() {
    check(
        r#"cert = "file:tls/cert.pem""#,
        "",
        "
error[missing_key]: 'server.tls.cert' is missing
  --> bastion.toml:54:9
   |
54 | [server.tls]
   |         ^^^
   |
   = help: add cert to [server.tls]: file:PATH of the certificate and those between it and its root, in PEM, its own first
",
    );
    check(
        r#"cert = "file:tls/cert.pem""#,
        r#"cert = "tls/cert.pem""#,
        r#"
error[bad_value]: 'server.tls.cert' must be a reference to a file
  --> bastion.toml:55:8
   |
55 | cert = "************"
   |        ^^^^^^^^^^^^^^
   |
   = help: write "file:PATH", such as "file:tls/cert.pem"
"#,
    );
    check(
        r#"cert = "file:tls/cert.pem""#,
        r#"cert = "env:CERT""#,
        r#"
error[bad_value]: 'server.tls.cert' must be a reference to a file: only a file is read again when it changes
  --> bastion.toml:55:8
   |
55 | cert = "env:CERT"
   |        ^^^^^^^^^^
   |
   = help: put it into a file and write "file:PATH"
"#,
    );
    check(
        r#"cert = "file:tls/cert.pem""#,
        r#"cert = "file:""#,
        r#"
error[bad_value]: 'server.tls.cert' names no file behind 'file:'
  --> bastion.toml:55:8
   |
55 | cert = "*****"
   |        ^^^^^^^
   |
   = help: such as "file:tls/cert.pem"
"#,
    );
    check(
        r#"key = "file:/run/secrets/tls.pem""#,
        r#"key = "-----BEGIN PRIVATE KEY----- hunter2""#,
        r#"
error[literal_secret]: 'server.tls.key' holds a private key, not a reference to one
  --> bastion.toml:56:7
   |
56 | key = "***********************************"
   |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = note: if this text was ever shared, take a new key and revoke the certificate
   = help: put it into a file of mode 0600 and write "file:PATH"
"#,
    );
}

#[test]
fn an_upstreams_roots_and_http_are_told() {
    check(
        r#"base_url = "https://llm.internal/v1""#,
        r#"base_url = "http://127.0.0.1:9/v1""#,
        r#"
error[bad_value]: 'upstreams.spare.ca' does nothing beside an http:// base_url: there is no TLS to check
  --> bastion.toml:48:6
   |
48 | ca = "file:tls/ca.pem"
   |      ^^^^^^^^^^^^^^^^^
   |
   = help: write https://, or remove ca
"#,
    );
    check(
        r#"http = "1.1""#,
        "http = 1.1",
        "
error[wrong_type]: 'upstreams.spare.http' must be a text in quotes, not a number with a point
  --> bastion.toml:49:8
   |
49 | http = 1.1
   |        ^^^
",
    );
    check(
        r#"http = "1.1""#,
        r#"http = "1.0""#,
        r#"
error[bad_value]: 'upstreams.spare.http' must be one of "auto", "1.1", "2"
  --> bastion.toml:49:8
   |
49 | http = "1.0"
   |        ^^^^^
   |
   = help: did you mean '1.1'?
"#,
    );
}
