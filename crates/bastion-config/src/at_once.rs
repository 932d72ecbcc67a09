//! How many calls a cap holds at once: what is set aside for a call is several times what it costs,
//! so a small cap makes callers wait long before it is spent.
//!
//! It must never be an upper bound of a call's cost: it is what one full call may cost.

use std::collections::BTreeMap;

use bastion_types::{Bound, EnvironmentName, ModelName, Money, Region, SurfaceName, UpstreamName};

use crate::elements::environments::Environment;
use crate::elements::models::Model;
use crate::elements::models::kind::Kind;
use crate::elements::models::route::Route;
use crate::elements::surfaces::Surface;
use crate::elements::upstreams::Upstream;

/// Fewer than so many at once are worth a word.
pub(crate) const FEW_CALLS: u64 = 10;

/// The largest recording that is taken, in bytes. Source: contract, transcription.
const RECORDING_BYTES: u64 = 25_000_000;

/// A long page, for speech.
const SPOKEN_CHARACTERS: u64 = 5000;

const MS_PER_S: u64 = 1000;

/// How many full calls a cap holds at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallsAtOnce {
    /// Where they are made.
    pub environment: EnvironmentName,
    /// Of which surface; none where the file has no surfaces.
    pub surface: Option<SurfaceName>,
    /// Its dearest model there.
    pub model: ModelName,
    /// The tightest cap that they stand under, as the file names it.
    pub cap: String,
    /// How much that is.
    pub amount: Money,
    /// What is set aside for one call that fills its context once and answers up to its limit.
    pub each: Money,
    /// How many of them fit into the whole cap.
    pub calls: u64,
}

/// The parts of a configuration that say so.
pub(crate) struct Sections<'a> {
    pub(crate) upstreams: &'a BTreeMap<UpstreamName, Upstream>,
    pub(crate) models: &'a BTreeMap<ModelName, Model>,
    pub(crate) environments: &'a BTreeMap<EnvironmentName, Environment>,
    pub(crate) surfaces: &'a BTreeMap<SurfaceName, Surface>,
}

/// Each surface under each cap; without surfaces, each model.
pub(crate) fn calls_at_once(sections: &Sections<'_>) -> Vec<CallsAtOnce> {
    let mut rows = Vec::new();
    for (environment, asks) in sections.environments {
        for (surface, own) in sections.surfaces {
            let dearest = own.models.iter().filter_map(|model| {
                Some((model, sections.each(asks, model, own.max_tokens.ceiling)?))
            });
            let dearest = dearest.max_by_key(|(_, each)| *each);
            rows.extend(row((environment, asks), Some((surface, own)), dearest));
        }
        let bare = sections.models.keys().filter(|_| sections.surfaces.is_empty());
        for model in bare {
            let each = sections.each(asks, model, None).map(|each| (model, each));
            rows.extend(row((environment, asks), None, each));
        }
    }
    rows
}

fn row(
    (environment, asks): (&EnvironmentName, &Environment),
    surface: Option<(&SurfaceName, &Surface)>,
    each: Option<(&ModelName, Money)>,
) -> Option<CallsAtOnce> {
    let (model, each) = each?;
    let within = format!("environments.{environment}");
    let own = [("monthly_cap", asks.caps.monthly), ("daily_cap", asks.caps.daily)];
    let own = own.map(|(name, cap)| Some((format!("{within}.{name}"), cap?)));
    let of_surface = surface.map(|(name, surface)| {
        [("monthly_cap", surface.caps.monthly), ("daily_cap", surface.caps.daily)]
            .map(|(cap, amount)| Some((format!("surfaces.{name}.{cap}"), amount?)))
    });
    let caps = own.into_iter().chain(of_surface.into_iter().flatten()).flatten();
    let (cap, amount) = caps.min_by_key(|(_, amount)| *amount)?;
    let calls = amount.nanos().checked_div(each.nanos())?;
    Some(CallsAtOnce {
        environment: environment.clone(),
        surface: surface.map(|(name, _)| name.clone()),
        model: model.clone(),
        cap,
        amount,
        each,
        calls: u64::try_from(calls).unwrap_or_default(),
    })
}

impl Sections<'_> {
    /// Where a route computes.
    pub(crate) fn region(&self, route: &Route) -> Option<&Region> {
        self.upstreams.get(&route.upstream).and_then(|upstream| upstream.region.as_ref())
    }

    /// What one full call of a model may cost here; none where it is not reached, costs nothing,
    /// or cannot be counted.
    fn each(
        &self,
        environment: &Environment,
        name: &ModelName,
        ceiling: Option<u64>,
    ) -> Option<Money> {
        let model = self.models.get(name)?;
        let reached = model.routes.iter().filter(|route| environment.reaches(self.region(route)));
        let prices: Vec<_> = reached.filter_map(|route| route.price.as_ref()).collect();
        let costs = model.kinds.iter().filter_map(|kind| {
            bastion_types::bound(&full(model, *kind, ceiling), prices.iter().copied())
        });
        costs.max().filter(|each| *each > Money::ZERO)
    }
}

/// What a full call uses: its context once, its limit, one image, the largest recording, a long
/// page of speech.
fn full(model: &Model, kind: Kind, ceiling: Option<u64>) -> Bound {
    let context = model.context_tokens.unwrap_or_default();
    let answer = model.max_output_tokens.unwrap_or(context);
    let none = Bound::default();
    match kind {
        Kind::Chat | Kind::Completions | Kind::Responses => {
            let answer = ceiling.map_or(answer, |ceiling| ceiling.min(answer));
            Bound { input_tokens: context, output_tokens: answer, ..none }
        }
        Kind::Embeddings => Bound { input_tokens: context, ..none },
        Kind::Image => Bound { images: 1, input_tokens: context, output_tokens: answer, ..none },
        Kind::Transcription => {
            let bytes_per_s = model.bounds.min_audio_bytes_per_s.max(1);
            let audio_ms = RECORDING_BYTES.saturating_mul(MS_PER_S).div_ceil(bytes_per_s);
            Bound { audio_ms, input_tokens: context, output_tokens: answer, ..none }
        }
        Kind::Speech => Bound { characters: SPOKEN_CHARACTERS, ..none },
    }
}
