//! `privacy.residency`, proved by the settings and by where this month's calls went.
//!
//! It must never count an upstream without a region, or without words that promise it.

use bastion_types::Region;

use super::super::Check;
use crate::card::Card;
use crate::facts::{Facts, Residency};
use crate::proof::{Evidence, Proof};

pub(crate) struct ResidencyBox;

const CARD: Card = Card {
    id: "privacy.residency",
    sentence: "Data-residency requirements (PIPEDA, provincial, sector-specific) are documented and \
         the Canadian-inference guarantee is referenced in your DPA where relevant.",
    why: "a promise of where data stays is only worth what routing keeps of it",
    mend: "set environments.*.regions, and region and residency_clause of every upstream",
    proof: "the settings, and where this month's recorded calls went",
};

impl Check for ResidencyBox {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        let residency = &facts.residency;
        match undocumented(facts) {
            Some(proof) => proof,
            None => match strayed(residency) {
                0 => kept(facts),
                calls => went_elsewhere(facts, calls),
            },
        }
    }
}

/// A setting that is missing.
fn undocumented(facts: &Facts) -> Option<Proof> {
    let Residency { regions, upstreams, .. } = &facts.residency;
    let environment = &facts.environment;
    if regions.is_empty() {
        let reason =
            format!("environments.{environment}.regions is not set: calls may go anywhere");
        let mend = format!("set it in [environments.{environment}], such as regions = [\"CA\"]");
        return Some(Proof::missing(reason).mend(mend));
    }
    if upstreams.is_empty() {
        let reason = format!("no upstream that {environment} may use lies in {}", list(regions));
        return Some(Proof::missing(reason).mend("set upstreams.NAME.region where it computes"));
    }
    let silent = upstreams.iter().find(|upstream| upstream.clause.is_none())?;
    let name = &silent.name;
    let reason =
        format!("upstreams.{name}.residency_clause is not set: nothing promises its region");
    let mend = format!(
        "write the contract's words into [upstreams.{name}], such as residency_clause = \"DPA \
         2026-03, section 4.2\""
    );
    Some(Proof::missing(reason).mend(mend))
}

/// Calls of this month that went to an upstream outside the environment's regions.
fn strayed(residency: &Residency) -> u64 {
    let inside = |region: &Region| residency.regions.iter().any(|wider| region.within(wider));
    let outside = residency.reached.by_region.iter().filter(|row| !inside(&row.region));
    outside.map(|row| row.calls).fold(residency.reached.elsewhere(), u64::saturating_add)
}

fn kept(facts: &Facts) -> Proof {
    let Residency { regions, upstreams, reached } = &facts.residency;
    let clauses = upstreams.iter().map(|upstream| {
        let (name, clause) = (&upstream.name, upstream.clause.as_deref().unwrap_or_default());
        let region = upstream.region.as_ref().map_or("no region", Region::as_str);
        Evidence::now(format!("{name} computes in {region}, by {clause}"), facts.now)
    });
    let mut evidence: Vec<Evidence> = clauses.collect();
    evidence.push(where_they_went(facts));
    let reason = format!(
        "calls may go to {} only; {} of this month reached an upstream, none of them elsewhere",
        list(regions),
        reached.reached
    );
    Proof::proved(reason, evidence)
}

fn went_elsewhere(facts: &Facts, calls: u64) -> Proof {
    let regions = list(&facts.residency.regions);
    let environment = &facts.environment;
    let reason = format!(
        "{calls} of this month's calls went outside {regions}, before the setting was as it is"
    );
    let mend = format!(
        "look at them (GET /admin/v1/calls?environment={environment}) and write down what they \
         were; the box counts again from the first of the next month, or waive it until then"
    );
    Proof::missing(reason).mend(mend).seen(vec![where_they_went(facts)])
}

fn where_they_went(facts: &Facts) -> Evidence {
    let reached = &facts.residency.reached;
    let mut parts: Vec<String> =
        reached.by_region.iter().map(|row| format!("{} {}", row.region, row.calls)).collect();
    if reached.elsewhere() > 0 {
        parts.push(format!("elsewhere {}", reached.elsewhere()));
    }
    let parts = if parts.is_empty() { "none so far".to_owned() } else { parts.join(", ") };
    Evidence::now(format!("this month's recorded calls by region: {parts}"), facts.now)
}

fn list(regions: &[Region]) -> String {
    regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use bastion_store::{ReachedCalls, RegionCalls};
    use bastion_types::UpstreamName;

    use super::*;
    use crate::facts::UpstreamFacts;

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    fn good() -> Residency {
        Residency {
            regions: vec![region("CA")],
            upstreams: vec![UpstreamFacts {
                name: UpstreamName::parse("bastion").unwrap(),
                region: Some(region("CA-QC")),
                clause: Some("DPA 2026-03, section 4.2".to_owned()),
            }],
            reached: ReachedCalls {
                reached: 3,
                by_region: vec![RegionCalls { region: region("CA-QC"), calls: 3 }],
            },
        }
    }

    fn check(change: impl FnOnce(&mut Residency), is_proved: bool, part: &str) {
        let mut residency = good();
        change(&mut residency);
        let proof = ResidencyBox.prove(&Facts { residency, ..Facts::nothing() });
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
    }

    #[test]
    fn residency_is_settings_and_where_calls_went() {
        check(|_| {}, true, "calls may go to CA only; 3 of this month");
        check(|r| r.reached = ReachedCalls::default(), true, "0 of this month");
        check(|r| r.regions.clear(), false, "environments.prod.regions is not set");
        check(|r| r.upstreams.clear(), false, "no upstream that prod may use lies in CA");
        check(|r| r.upstreams[0].clause = None, false, "upstreams.bastion.residency_clause");
        check(|r| r.reached.reached = 5, false, "2 of this month's calls went outside CA");
        let abroad = RegionCalls { region: region("US"), calls: 1 };
        check(
            |r| {
                r.reached.reached = 4;
                r.reached.by_region.push(abroad);
            },
            false,
            "1 of this month's calls went outside CA",
        );
    }
}
