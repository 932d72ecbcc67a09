//! What sections say about each other: names that must exist, listeners that must differ,
//! regions that can be reached.
//!
//! It must never change the configuration, only write down what does not agree.

pub(crate) mod money;
pub(crate) mod surfaces;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bastion_types::{EnvironmentName, ModelName, Region, UpstreamName};

use crate::codes;
use crate::elements::environments::{self, Environment};
use crate::elements::limits::{self, LimitsSection, LimitsUrl};
use crate::elements::models::kind::Kind;
use crate::elements::models::speech::LANGUAGES;
use crate::elements::models::{self, Model, route};
use crate::elements::operator::{self, Operator};
use crate::elements::server::{self, Server};
use crate::elements::store::{self, StoreSection, StoreUrl};
use crate::elements::upstreams::{self, Upstream};
use crate::notes::{Notes, Problem};
use crate::suggest;
use crate::tree::{Node, Origin, Table, Value};

/// The upstream of every model exists. Names count even where their tables are wrong: those have
/// findings of their own.
pub(crate) fn upstreams_exist(root: &Table, notes: &Notes) {
    let Some(upstreams) = root.table(upstreams::SECTION.name) else {
        return;
    };
    let known = || upstreams.entries.iter().map(|entry| entry.key.as_str());
    let entries = root.table(models::SECTION.name).map_or(&[][..], |models| &models.entries);
    for model in entries {
        let Some(table) = model.node.table() else {
            continue;
        };
        for (name, origin) in table.get(route::UPSTREAM.name).map_or(Vec::new(), named_upstreams) {
            if UpstreamName::parse(name).is_err() || known().any(|known| known == name) {
                continue;
            }
            let key = format!("models.{}.upstream", model.key);
            let message = format!("the model '{}' names an unknown upstream '{name}'", model.key);
            let problem = Problem::new(codes::UNKNOWN_UPSTREAM, message);
            notes.error(&key, origin, with_known(problem, name, known()));
        }
    }
}

/// The environments of `server.environments` exist.
pub(crate) fn environments_exist(root: &Table, server: &Server, notes: &Notes) {
    let Some(environments) = root.table(environments::SECTION.name) else {
        return;
    };
    let known = || environments.entries.iter().map(|entry| entry.key.as_str());
    let node = root.find(&[server::SECTION.name, server::ENVIRONMENTS.name]);
    for (at, name) in server.environments.iter().flatten().enumerate() {
        if known().any(|known| known == name.as_str()) {
            continue;
        }
        let message = format!("'server.environments' names an unknown environment '{name}'");
        let problem = Problem::new(codes::UNKNOWN_ENVIRONMENT, message);
        let problem = with_known(problem, name.as_str(), known());
        notes.error("server.environments", &origin_of(node, at), problem);
    }
}

/// The two listeners differ; operators are not exposed without a word.
pub(crate) fn listeners_differ(root: &Table, server: &Server, operator: &Operator, notes: &Notes) {
    let operators = root.find(&[operator::SECTION.name, operator::LISTEN.name]);
    let callers = root.find(&[server::SECTION.name, server::LISTEN.name]);
    if collide(server.listen, operator.listen) {
        let message = format!(
            "'operator.listen' ({}) and 'server.listen' ({}) are the same address",
            operator.listen, server.listen
        );
        let problem = Problem::new(codes::SAME_ADDRESS, message).help("give one another port");
        let origin = operators.or(callers).map_or(Origin::Default, |node| node.origin.clone());
        notes.error("operator.listen", &origin, problem);
    }
    if !operator.listen.ip().to_canonical().is_loopback() {
        let message =
            format!("'operator.listen' ({}) can be reached from other machines", operator.listen);
        let problem = Problem::new(codes::OPERATOR_EXPOSED, message).help(
            "listen on 127.0.0.1, or make sure that only trusted machines reach it: it has no TLS",
        );
        notes.warning("operator.listen", &origin_of(operators, 0), problem);
    }
}

/// Where several processes may share the keys, they count their limits together.
pub(crate) fn limits_are_shared(
    root: &Table,
    store: &StoreSection,
    counted: &LimitsSection,
    notes: &Notes,
) {
    if matches!(store.url, StoreUrl::Sqlite) || !matches!(counted.url, LimitsUrl::Local) {
        return;
    }
    let limits = root.find(&[limits::SECTION.name, limits::URL.name]);
    let store = root.find(&[store::SECTION.name, store::URL.name]);
    let origin = limits.or(store).map_or(Origin::Default, |node| node.origin.clone());
    let message = "'limits.url' is \"local\" beside a PostgreSQL store: every node would count by \
                   itself, and each would grant a key its whole limits";
    let problem = Problem::new(codes::LOCAL_LIMITS, message).help(
        "set limits.url to \"redis://HOST:PORT\", or store.url to \"sqlite\" for one process",
    );
    notes.error("limits.url", &origin, problem);
}

/// Warns of an environment whose regions no model's upstream lies in.
pub(crate) fn regions_are_reached(
    root: &Table,
    upstreams: &BTreeMap<UpstreamName, Upstream>,
    models: &BTreeMap<ModelName, Model>,
    environments: &BTreeMap<EnvironmentName, Environment>,
    notes: &Notes,
) {
    let reached: Vec<&Region> = models
        .values()
        .flat_map(|model| &model.routes)
        .filter_map(|route| upstreams.get(&route.upstream)?.region.as_ref())
        .collect();
    for (name, environment) in environments {
        let regions = &environment.regions;
        let inside = |region: &Region| regions.iter().any(|wider| region.within(wider));
        if regions.is_empty() || reached.iter().any(|region| inside(region)) {
            continue;
        }
        let path = [environments::SECTION.name, name.as_str(), "regions"];
        let origin = root.find(&path).map_or(Origin::Default, |node| node.origin.clone());
        let message = format!("no model can be reached in the regions of '{name}'");
        let problem = Problem::new(codes::UNREACHABLE_REGION, message)
            .help("set the region of an upstream; one without is outside every region");
        notes.warning(&path.join("."), &origin, problem);
    }
}

/// No request for speech finds two models.
pub(crate) fn speech_is_clear(root: &Table, models: &BTreeMap<ModelName, Model>, notes: &Notes) {
    let speakers: Vec<_> =
        models.iter().filter(|(_, model)| model.kinds.contains(&Kind::Speech)).collect();
    for (at, (name, model)) in speakers.iter().enumerate() {
        let before = speakers.iter().take(at);
        let mut clashes = before.filter(|(_, other)| other.speech.overlaps(&model.speech));
        let Some((other, _)) = clashes.next() else { continue };
        let path = [models::SECTION.name, name.as_str(), LANGUAGES.name];
        let origin = root.find(&path).map_or(Origin::Default, |node| node.origin.clone());
        let message = format!("one request for speech could be for '{name}' and for '{other}'");
        let problem = Problem::new(codes::SET_TWICE, message)
            .help("give each language to one of them, or each of them voices of its own");
        notes.error(&path.join("."), &origin, problem);
    }
}

/// The names in any of their forms, and where each stands.
fn named_upstreams(node: &Node) -> Vec<(&str, &Origin)> {
    if let Value::Written(text) = &node.value {
        return text.split(',').map(|name| (name.trim(), &node.origin)).collect();
    }
    let elements = node.list().unwrap_or(std::slice::from_ref(node));
    let name = |element| {
        let name = match Node::table(element) {
            Some(table) => table.get(route::NAME.name)?,
            None => element,
        };
        name.text().map(|text| (text, &name.origin))
    };
    elements.iter().filter_map(name).collect()
}

fn with_known<'a>(
    problem: Problem,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let list = known.clone().collect::<Vec<_>>().join(", ");
    let problem = problem.note(format!("configured: {list}"));
    match suggest::question(name, known) {
        Some(question) => problem.help(question),
        None => problem,
    }
}

/// Of the list's element, else of the node.
fn origin_of(node: Option<&Node>, at: usize) -> Origin {
    let element = node.and_then(|node| node.list()?.get(at));
    element.or(node).map_or(Origin::Default, |node| node.origin.clone())
}

/// Would one listener take the other's place? Port 0 never does; an address of all interfaces
/// takes the port on each.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip().to_canonical() == other.ip().to_canonical()
        || one.ip().is_unspecified()
        || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_ip
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, other: &str, expect: bool) {
        assert_eq!(collide(one.parse().unwrap(), other.parse().unwrap()), expect, "{one} {other}");
    }

    #[test]
    fn listeners_collide_on_one_port_of_one_address() {
        check("127.0.0.1:1", "127.0.0.1:1", true);
        check("0.0.0.0:1", "127.0.0.1:1", true);
        check("[::]:1", "0.0.0.0:1", true);
        check("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true);
        check("127.0.0.1:0", "127.0.0.1:0", false);
        check("127.0.0.1:1", "127.0.0.1:2", false);
        check("127.0.0.1:1", "127.0.0.2:1", false);
    }
}
