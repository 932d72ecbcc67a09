//! What caps say about prices: money is held only for what can be counted.
//!
//! It must never let a cap reach what has no price or no end.

use bastion_types::{EnvironmentName, ModelName, Price};

use crate::at_once::{self, FEW_CALLS, Sections};
use crate::codes;
use crate::elements::balance::Prepaid;
use crate::elements::environments::Environment;
use crate::elements::models::kind::Kind;
use crate::elements::models::route::Route;
use crate::elements::models::{self, Model};
use crate::elements::surfaces::Surface;
use crate::notes::{Notes, Problem};
use crate::tree::{Origin, Table};

/// What is asked whether it can be counted.
pub(crate) struct Counted<'a> {
    pub(crate) sections: Sections<'a>,
    pub(crate) prepaid: Prepaid,
}

/// What a cap or the balance can reach has a price and a bound. Each model is told once.
pub(crate) fn caps_can_be_held(root: &Table, counted: &Counted<'_>, notes: &Notes) {
    let sections = &counted.sections;
    for (name, model) in sections.models {
        let mut limited = sections.environments.iter().filter_map(|(environment, asks)| {
            let reaches = |route: &&Route| asks.reaches(sections.region(route));
            let mut routes = model.routes.iter().filter(reaches);
            let problem = routes.find_map(|route| uncountable(model, route))?;
            Some((counted.limit(name, (environment, asks))?, problem))
        });
        let Some((limit, problem)) = limited.next() else { continue };
        let message = format!("{limit} the model '{name}', which {}", problem.message);
        let path = [models::SECTION.name, name.as_str()];
        let origin = root.find(&path).map_or(Origin::Default, |node| node.origin.clone());
        notes.error(&path.join("."), &origin, Problem { message, ..problem });
    }
}

/// Warns of caps that hold few calls at once: one for each cap.
pub(crate) fn caps_hold_calls(root: &Table, sections: &Sections<'_>, notes: &Notes) {
    let mut told: Vec<String> = Vec::new();
    for row in at_once::calls_at_once(sections) {
        if row.calls >= FEW_CALLS || told.contains(&row.cap) {
            continue;
        }
        let of = match &row.surface {
            Some(surface) => format!("the surface '{surface}'"),
            None => format!("the model '{}'", row.model),
        };
        let message = format!(
            "'{}' ({}) holds {} full calls of {of} at once: {} is set aside for each",
            row.cap, row.amount, row.calls, row.each
        );
        let problem = Problem::new(codes::FEW_CALLS, message)
            .help("raise the cap, or lower the answers' ceiling (max_tokens of a surface)");
        let path: Vec<&str> = row.cap.split('.').collect();
        let origin = root.find(&path).map_or(Origin::Default, |node| node.origin.clone());
        notes.warning(&row.cap, &origin, problem);
        told.push(row.cap);
    }
}

impl Counted<'_> {
    /// What limits the money of this model's calls in this environment, as a sentence begins.
    fn limit(
        &self,
        model: &ModelName,
        (name, environment): (&EnvironmentName, &Environment),
    ) -> Option<String> {
        if !environment.caps.is_none() {
            return Some(format!("the environment '{name}' has a cap and can reach"));
        }
        if self.prepaid == Prepaid::Always {
            return Some(format!("the balance is prepaid and the environment '{name}' can reach"));
        }
        let uses = |surface: &Surface| !surface.caps.is_none() && surface.models.contains(model);
        let capped = self.sections.surfaces.iter().find(|(_, surface)| uses(surface));
        capped.map(|(surface, _)| {
            format!("the surface '{surface}' has a cap and in the environment '{name}' can reach")
        })
    }
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
    let is_endless = |kind: &Kind| needs_context(*kind, &price, model.max_output_tokens);
    (model.context_tokens.is_none() && model.kinds.iter().any(is_endless)).then(|| {
        Problem::new(codes::UNBOUNDED_MODEL, "says no context_tokens, so nothing bounds its cost")
            .help("add context_tokens: no call can cost more than that holds")
    })
}

/// Is there a call of this kind that only the context bounds? What costs nothing needs no bound.
fn needs_context(kind: Kind, price: &Price, max_output_tokens: Option<u64>) -> bool {
    let input = price.dearest_input_per_million().nanos() > 0;
    let output = price.dearest_output_per_million().nanos() > 0;
    let endless_output = output && max_output_tokens.is_none();
    match kind {
        // A prompt may hold images and recordings, which its bytes do not bound.
        Kind::Chat | Kind::Completions | Kind::Responses => input || output,
        Kind::Image => endless_output,
        Kind::Transcription => input || endless_output,
        Kind::Embeddings | Kind::Speech => false,
    }
}
