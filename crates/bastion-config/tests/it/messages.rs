//! The messages as people read them.

use bastion_config::load;

use super::{FULL, read, rendered, sources, with};

#[track_caller]
fn check(line: &str, replacement: &str, expect: &str) {
    assert_eq!(rendered(&with(line, replacement)).trim_end(), expect.trim());
}

#[test]
fn a_misspelt_setting_is_proposed() {
    check(
        "threads = 2",
        "thread = 2",
        "
error[unknown_key]: unknown setting 'thread' in [server]
 --> bastion.toml:8:1
  |
8 | thread = 2
  | ^^^^^^
  |
  = note: known here: listen, environments, forward_headers, trusted_proxies, threads, max_connections, max_body_bytes, timeout, tls
  = help: did you mean 'threads'?
",
    );
}

#[test]
fn an_unknown_setting_is_told_with_the_known_ones_and_its_value_is_hidden() {
    check(
        "threads = 2",
        "port = 80   # hunter2",
        "
error[unknown_key]: unknown setting 'port' in [server]
 --> bastion.toml:8:1
  |
8 | port = **
  | ^^^^
  |
  = note: known here: listen, environments, forward_headers, trusted_proxies, threads, max_connections, max_body_bytes, timeout, tls
",
    );
}

#[test]
fn a_misspelt_section_is_proposed() {
    check(
        "[operator]",
        "[operators]",
        "
error[unknown_key]: unknown setting or section 'operators'
  --> bastion.toml:12:2
   |
12 | [operators]
   |  ^^^^^^^^^
   |
   = note: known here: organization, currency, data_dir, server, operator, store, limits, upstreams, models, surfaces, environments, retry, waivers, balance, ledger
   = help: did you mean 'operator'?
",
    );
}

#[test]
fn a_literal_secret_is_hidden() {
    check(
        r#"api_key = "env:QUBITTRON_API_KEY""#,
        r#"api_key = "qbt_live_9f" # key"#,
        r#"
error[literal_secret]: 'upstreams.bastion.api_key' holds a text that is no reference to a secret
  --> bastion.toml:20:11
   |
20 | api_key = "***********"
   |           ^^^^^^^^^^^^^
   |
   = note: if it was a secret and this text was ever shared, revoke it
   = help: put the secret into a variable or a file and write "env:NAME" or "file:PATH"
"#,
    );
}

#[test]
fn a_missing_setting_names_its_section() {
    check(
        r#"api_key = "env:QUBITTRON_API_KEY""#,
        "",
        "
error[missing_key]: 'upstreams.bastion.api_key' is missing
  --> bastion.toml:18:12
   |
18 | [upstreams.bastion]
   |            ^^^^^^^
   |
   = help: add api_key to [upstreams.bastion]: where our key for it is found: env:NAME or file:PATH, never the key itself
",
    );
}

#[test]
fn a_span_without_a_unit_is_told() {
    check(
        r#"timeout = { header = "1s", body = "2s", drain = "3s" }"#,
        r#"timeout = { header = 5, body = "2 s", drain = "48h" }"#,
        r#"
error[wrong_unit]: 'server.timeout.header' needs a unit
  --> bastion.toml:11:22
   |
11 | timeout = { header = 5, body = "2 s", drain = "48h" }
   |                      ^
   |
   = help: write "5s" for seconds, "5m" for minutes

error[wrong_unit]: 'server.timeout.body' needs a whole number and a unit: ms, s, m, h or d, such as "30s"
  --> bastion.toml:11:32
   |
11 | timeout = { header = 5, body = "2 s", drain = "48h" }
   |                                ^^^^^

error[out_of_range]: 'server.timeout.drain' must be at most 1d, not 2d
  --> bastion.toml:11:47
   |
11 | timeout = { header = 5, body = "2 s", drain = "48h" }
   |                                               ^^^^^
"#,
    );
}

#[test]
fn an_unknown_upstream_is_proposed() {
    check(
        r#"upstream = "bastion""#,
        r#"upstream = "bastoin""#,
        r#"
error[unknown_upstream]: the model 'gpt-oss-20b' names an unknown upstream 'bastoin'
  --> bastion.toml:26:12
   |
26 | upstream = "bastoin"
   |            ^^^^^^^^^
   |
   = note: configured: bastion, spare
   = help: did you mean 'bastion'?
"#,
    );
}

#[test]
fn a_bare_amount_is_told() {
    check(
        r#"price = { input = "0.05", output = "0.20" }"#,
        r#"price = { input = 0.05, output = "0.20" }"#,
        r#"
error[wrong_type]: 'models.gpt-oss-20b.price.input' must be an amount in quotes, not a bare number
  --> bastion.toml:33:19
   |
33 | price = { input = 0.05, output = "0.20" }
   |                   ^^^^
   |
   = help: amounts are decimal texts, so that no digit is lost: "0.05"
"#,
    );
}

#[test]
fn a_setting_that_is_not_built_says_so() {
    check(
        r#"regions = ["CA"]"#,
        r#"pii = "mask""#,
        r#"
error[not_in_this_version]: 'environments.prod.pii' is not in this version: screening for personal data is not built
  --> bastion.toml:36:1
   |
36 | pii = "mask"
   | ^^^
   |
   = help: remove it; of a section, all its lines
"#,
    );
}

#[test]
fn a_password_in_a_url_is_hidden() {
    check(
        r#"url = "sqlite""#,
        r#"url = "postgres://me:hunter2@db/x""#,
        r#"
error[literal_secret]: 'store.url' holds a password
  --> bastion.toml:15:7
   |
15 | url = "postgres://**********@db/x"
   |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = note: if this text was ever shared, give the database's user another one
   = help: keep the whole URL in a variable or a file and write "env:NAME" or "file:PATH", or take the password out and set store.password to one
"#,
    );
}

#[test]
fn plain_http_says_the_way_out() {
    check(
        r#"base_url = "https://api.qubittron.ai/v1""#,
        r#"base_url = "http://llm.internal/v1""#,
        r#"
error[plain_http]: 'upstreams.bastion.base_url' is plain http beyond this machine: prompts and our key could be read on the way
  --> bastion.toml:19:12
   |
19 | base_url = "http://llm.internal/v1"
   |            ^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: write https://, or allow_plain_http = true where the way is protected by other means
"#,
    );
}

#[test]
fn a_missing_value_is_told() {
    check(
        "threads = 2",
        "threads = ",
        "
error[syntax]: this is not TOML: a value is missing
 --> bastion.toml:8:11
  |
8 | threads = 
  |           ^
",
    );
}

#[test]
fn a_setting_written_twice_is_named() {
    check(
        "threads = 2",
        "threads = 2\nthreads = 3",
        "
error[duplicate]: 'threads' is written twice
 --> bastion.toml:9:1
  |
9 | threads = 3
  | ^^^^^^^
  |
  = help: keep one of them
",
    );
}

#[test]
fn a_misspelt_word_is_proposed() {
    check(
        r#"size = "small""#,
        r#"size = "smal""#,
        r#"
error[bad_value]: 'models.gpt-oss-20b.size' must be one of "small", "medium", "large"
  --> bastion.toml:29:8
   |
29 | size = "smal"
   |        ^^^^^^
   |
   = help: did you mean 'small'?
"#,
    );
}

#[test]
fn an_unknown_environment_is_proposed() {
    check(
        r#"environments = ["dev", "prod"]"#,
        r#"environments = ["dev", "prd"]"#,
        r#"
error[unknown_environment]: 'server.environments' names an unknown environment 'prd'
 --> bastion.toml:6:24
  |
6 | environments = ["dev", "prd"]
  |                        ^^^^^
  |
  = note: configured: dev, prod
  = help: did you mean 'prod'?
"#,
    );
}

#[test]
fn a_number_out_of_range_says_the_range() {
    check(
        "max_body_bytes = 2048",
        "max_body_bytes = 512",
        "
error[out_of_range]: 'server.max_body_bytes' must be from 1024 to 268435456, not 512
  --> bastion.toml:10:18
   |
10 | max_body_bytes = 512
   |                  ^^^
",
    );
}

#[test]
fn a_bad_name_says_the_rule() {
    check(
        "[environments.dev]",
        "[environments.Dev_1]",
        r#"
error[unknown_environment]: 'server.environments' names an unknown environment 'dev'
 --> bastion.toml:6:17
  |
6 | environments = ["dev", "prod"]
  |                 ^^^^^
  |
  = note: configured: Dev_1, prod

error[bad_name]: bad name in 'environments.Dev_1': an environment's name is 1 to 31 small letters, digits or '-', a letter first
  --> bastion.toml:34:15
   |
34 | [environments.Dev_1]
   |               ^^^^^
"#,
    );
}

#[test]
fn errors_without_a_line_name_the_file() {
    let text = rendered("organization = \"a b\"\n");
    assert_eq!(text.trim_end(), r#"
error[bad_name]: 'organization' is no name: an organization's name is 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first
 --> bastion.toml:1:16
  |
1 | organization = "a b"
  |                ^^^^^

error[missing_key]: no [upstreams.NAME] is configured
--> bastion.toml
 = help: at least one is needed: a server that answers calls: the Bastion API or another that speaks OpenAI's

error[missing_key]: no [models.NAME] is configured
--> bastion.toml
 = help: at least one is needed: a model that callers may name; others are refused

error[missing_key]: no [environments.NAME] is configured
--> bastion.toml
 = help: at least one is needed: an environment, such as dev, staging or prod; every key belongs to one
"#.trim());
}

#[test]
fn errors_of_variables_name_them() {
    let text =
        load(&sources(FULL, &[("BASTION_SERVER__LISTN", "x"), ("BASTION_SERVER__THREADS", "x")]))
            .unwrap_err()
            .to_string();
    assert_eq!(
        text.trim_end(),
        "
error[unknown_variable]: 'BASTION_SERVER__LISTN' names no setting
--> environment variable BASTION_SERVER__LISTN
 = help: did you mean 'BASTION_SERVER__LISTEN'?

error[wrong_type]: 'server.threads' must be a whole number, not a text
--> environment variable BASTION_SERVER__THREADS
"
        .trim()
    );
}

#[test]
fn warnings_look_the_same() {
    let text = read(&with("region = \"CA-QC\"", "").replace("127.0.0.1:9001", "0.0.0.0:9001"))
        .unwrap()
        .warnings
        .to_string();
    assert_eq!(
        text.trim_end(),
        r#"
warning[operator_exposed]: 'operator.listen' (0.0.0.0:9001) can be reached from other machines
  --> bastion.toml:13:10
   |
13 | listen = "0.0.0.0:9001"
   |          ^^^^^^^^^^^^^^
   |
   = help: listen on 127.0.0.1, or make sure that only trusted machines reach it: it has no TLS

warning[unreachable_region]: no model can be reached in the regions of 'prod'
  --> bastion.toml:36:11
   |
36 | regions = ["CA"]
   |           ^^^^^^
   |
   = help: set the region of an upstream; one without is outside every region
"#
        .trim()
    );
}
