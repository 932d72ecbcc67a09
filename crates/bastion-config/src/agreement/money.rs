//! What caps say about prices: money is held only for what can be counted.
//!
//! It must never let a capped environment reach what has no price or no end.

use std::collections::BTreeMap;

use bastion_types::{EnvironmentName, ModelName, UpstreamName};

use crate::codes;
use crate::elements::balance::Prepaid;
use crate::elements::environments::Environment;
use crate::elements::models::kind::Kind;
use crate::elements::models::route::Route;
use crate::elements::models::{self, Model};
use crate::elements::upstreams::Upstream;
use crate::notes::{Notes, Problem};
use crate::tree::{Origin, Table};

/// What is asked whether it can be counted.
pub(crate) struct Counted<'a> {
    pub(crate) upstreams: &'a BTreeMap<UpstreamName, Upstream>,
    pub(crate) models: &'a BTreeMap<ModelName, Model>,
    pub(crate) environments: &'a BTreeMap<EnvironmentName, Environment>,
    pub(crate) prepaid: Prepaid,
    /// Has any surface a cap?
    pub(crate) surface_caps: bool,
}

/// What a capped environment can reach has a price and a bound.
pub(crate) fn caps_can_be_held(root: &Table, counted: &Counted<'_>, notes: &Notes) {
    let everywhere = counted.surface_caps || counted.prepaid == Prepaid::Always;
    let capped = |environment: &Environment| everywhere || !environment.caps.is_none();
    for (name, environment) in counted.environments.iter().filter(|(_, one)| capped(one)) {
        for (model_name, model) in counted.models {
            let reach = |route: &&Route| reaches(counted.upstreams, environment, route);
            let mut routes = model.routes.iter().filter(reach);
            let Some(problem) = routes.find_map(|route| uncountable(model, route)) else {
                continue;
            };
            let message = format!(
                "the environment '{name}' has a cap and can reach the model '{model_name}', \
                 which {}",
                problem.message
            );
            let path = [models::SECTION.name, model_name.as_str()];
            let origin = root.find(&path).map_or(Origin::Default, |node| node.origin.clone());
            notes.error(&path.join("."), &origin, Problem { message, ..problem });
        }
    }
}

fn reaches(
    upstreams: &BTreeMap<UpstreamName, Upstream>,
    environment: &Environment,
    route: &Route,
) -> bool {
    let region = upstreams.get(&route.upstream).and_then(|upstream| upstream.region.as_ref());
    let regions = &environment.regions;
    let inside = regions.iter().any(|wider| region.is_some_and(|region| region.within(wider)));
    regions.is_empty() || inside
}

/// What is wrong with a route for money to be held for it; the message lacks its subject.
fn uncountable(model: &Model, route: &Route) -> Option<Problem> {
    let Some(price) = route.price else {
        let message = format!("has no price at the upstream '{}'", route.upstream);
        return Some(Problem::new(codes::UNPRICED_MODEL, message).help(
            "add its price, such as price = { input = \"0.05\", output = \"0.20\" }, or keep \
             it out of this environment by its regions",
        ));
    };
    let reads_text = |kind: &Kind| matches!(kind, Kind::Chat | Kind::Completions | Kind::Responses);
    let is_text = model.kinds.iter().any(reads_text);
    let by_tokens = price.dearest_output_per_million().nanos() > 0;
    let is_bounded = model.context_tokens.is_some();
    let needs = is_text || (by_tokens && model.max_output_tokens.is_none());
    (needs && !is_bounded).then(|| {
        Problem::new(codes::UNBOUNDED_MODEL, "says no context_tokens, so nothing bounds its cost")
            .help("add context_tokens: no call can cost more than that holds")
    })
}
