//! The manual and what `init` writes: both load, and the manual leaves no setting out.

use std::fmt::Write;

use bastion_config::{DEFAULT_TOML, INIT_TOML, SettingSource, schema};
use bastion_types::EnvironmentName;

use super::read;

/// The manual with every commented setting uncommented.
fn uncommented() -> String {
    let mut text = String::new();
    for line in DEFAULT_TOML.lines() {
        let is_setting = line.len() > 1 && line.starts_with('#') && !line.starts_with("# ");
        writeln!(text, "{}", if is_setting { &line[1..] } else { line }).unwrap();
    }
    text
}

#[test]
fn what_init_writes_loads_without_a_warning() {
    let loaded = read(INIT_TOML).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let names: Vec<&str> = loaded.config.environments.keys().map(EnvironmentName::as_str).collect();
    assert_eq!(names, ["dev", "prod", "staging"]);
    assert_eq!(loaded.config.models.len(), 22);
    assert_eq!(loaded.config.data_dir.to_str(), Some("data"));
    let upstream = loaded.config.upstreams.values().next().unwrap();
    assert_eq!(upstream.base_url.to_string(), "https://api.qubittron.ai/v1");
    assert_eq!(upstream.api_key.to_string(), "env:QUBITTRON_API_KEY");
    assert_eq!(upstream.region.as_ref().unwrap().as_str(), "CA");
    assert_eq!(upstream.residency_clause, None);
}

#[test]
fn the_manual_says_the_defaults() {
    let plain = read(DEFAULT_TOML).unwrap();
    let written = read(&uncommented()).unwrap();
    assert!(plain.warnings.is_empty() && written.warnings.is_empty());
    let more = written.shown.len() - plain.shown.len();
    let parts = "the price has nine parts, tls two, a waiver four, a budget three";
    assert_eq!(more, 8 + 1 + 3 + 2, "{parts}");
    for row in &plain.shown {
        let other = written.shown.iter().find(|other| other.key == row.key);
        let is_set = other.is_some_and(|other| other.source != SettingSource::Default);
        assert!(
            is_set
                || matches!(
                    row.key.rsplit('.').next(),
                    Some("price" | "tls" | "waivers" | "max_tokens")
                ),
            "{} is not in the manual",
            row.key
        );
    }
    let (mut plain, written) = (plain.config, written.config);
    // What has no default stands there as an example.
    plain.waivers.clone_from(&written.waivers);
    plain.server.trusted_proxies.clone_from(&written.server.trusted_proxies);
    plain.server.threads = written.server.threads;
    plain.server.tls.clone_from(&written.server.tls);
    plain.store.password.clone_from(&written.store.password);
    plain.limits.password.clone_from(&written.limits.password);
    plain.server.environments.clone_from(&written.server.environments);
    for (name, upstream) in &mut plain.upstreams {
        upstream.ca.clone_from(&written.upstreams[name].ca);
        upstream.region.clone_from(&written.upstreams[name].region);
        upstream.residency_clause.clone_from(&written.upstreams[name].residency_clause);
    }
    for (name, model) in &mut plain.models {
        let example = &written.models[name];
        assert_eq!(model.kinds, example.kinds);
        assert_eq!(model.reasoning, example.reasoning);
        *model = example.clone();
    }
    for (name, surface) in &mut plain.surfaces {
        surface.max_tokens = written.surfaces[name].max_tokens;
        surface.caps = written.surfaces[name].caps;
    }
    for (name, environment) in &mut plain.environments {
        environment.caps = written.environments[name].caps;
    }
    assert_eq!(format!("{plain:?}"), format!("{written:?}"));
}

#[test]
fn every_setting_of_the_schema_is_in_the_manual() {
    let schema = schema();
    let manual = uncommented();
    for (section, property) in schema["properties"].as_object().unwrap() {
        let items = &property["items"]["properties"];
        let block: String = if property["type"] == "object" || items.is_object() {
            let bracket = if items.is_object() { "[[" } else { "[" };
            let header = format!("{bracket}{section}");
            let lines = manual.lines().skip_while(|line| !line.starts_with(&header));
            lines
                .skip(1)
                .take_while(|line| !line.starts_with('['))
                .fold(String::new(), |all, line| all + line + "\n")
        } else {
            manual.clone()
        };
        let named = &property["additionalProperties"];
        let settings =
            if named.is_object() { &named["properties"] } else { &property["properties"] };
        let settings = if items.is_object() { items } else { settings };
        if settings.is_null() {
            assert!(block.contains(&format!("\n{section} = ")), "{section}");
        }
        for (name, setting) in settings.as_object().into_iter().flatten() {
            documented(name, setting, &block);
        }
    }
}

/// What loads only when it asks for nothing has an empty type and is not in the manual.
fn documented(name: &str, setting: &serde_json::Value, block: &str) {
    let is_built = setting.as_object().unwrap().len() > 1;
    let line = block.lines().find(|line| line.starts_with(&format!("{name} = ")));
    assert_eq!(line.is_some(), is_built, "{name} in:\n{block}");
    for part in setting["properties"].as_object().into_iter().flatten().map(|(part, _)| part) {
        assert!(line.unwrap().contains(&format!(" {part} = ")), "{name}.{part}");
    }
}
