//! `credentials.separate-keys`, proved by where keys were used.
//!
//! It must never take a new version of a program, or a new address in one network, for a service.

use std::collections::{BTreeMap, BTreeSet};

use bastion_store::{KeyRecord, Sighting};
use bastion_types::{KeyId, Timestamp};

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::{Evidence, Proof};

pub(crate) struct SeparateKeys;

const CARD: Card = Card {
    id: "credentials.separate-keys",
    sentence: "Separate keys per environment (dev, staging, prod) and per service.",
    why: "a key that two services share cannot be revoked for one of them, and its spend \
         belongs to nobody",
    mend: "make a key for each service: bastion keys create --env ENVIRONMENT --service NAME",
    proof: "from where each key was used: two programs from two networks on one key are two services",
};

impl Check for SeparateKeys {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        let environment = &facts.environment;
        let seen = by_key(facts);
        if seen.is_empty() {
            let reason =
                format!("no evidence: no key of {environment} was used in the last 30 days");
            let mend = format!(
                "let each service make a call with its own key: bastion keys create --env \
                 {environment} --service NAME"
            );
            return Proof::missing(reason).mend(mend);
        }
        let evidence = seen.values().filter_map(|(key, seen)| evidence(key, seen)).collect();
        let shared = seen.values().find_map(|(key, seen)| Some((key, two_services(seen)?)));
        if let Some((key, (one, other))) = shared {
            return shared_key(key, one, other).seen(evidence);
        }
        let services: BTreeSet<_> = seen.values().map(|(key, _)| key.service.as_str()).collect();
        let reason = format!(
            "{} used in the last 30 days by {}, each from one service",
            counted(seen.len(), "key was", "keys were"),
            counted(services.len(), "service", "services"),
        );
        Proof::proved(reason, evidence)
    }
}

/// The environment's keys that were used, with from where.
fn by_key(facts: &Facts) -> BTreeMap<KeyId, (&KeyRecord, Vec<&Sighting>)> {
    let mut keys: BTreeMap<KeyId, (&KeyRecord, Vec<&Sighting>)> =
        facts.keys.iter().map(|key| (key.id, (key, Vec::new()))).collect();
    for sighting in &facts.sightings {
        if let Some((_, seen)) = keys.get_mut(&sighting.key_id) {
            seen.push(sighting);
        }
    }
    keys.retain(|_, (_, seen)| !seen.is_empty());
    keys
}

/// Two sightings that differ in program and network.
fn two_services<'a>(seen: &[&'a Sighting]) -> Option<(&'a Sighting, &'a Sighting)> {
    seen.iter().enumerate().find_map(|(at, one)| {
        let differs = |other: &&&Sighting| one.agent != other.agent && one.network != other.network;
        seen.iter().skip(at.saturating_add(1)).find(differs).map(|other| (*one, *other))
    })
}

fn shared_key(key: &KeyRecord, one: &Sighting, other: &Sighting) -> Proof {
    let (id, service, environment) = (key.id, &key.service, &key.environment);
    let reason = format!(
        "the key {id} of {environment}/{service} was used from two services: {} from {}, and {} \
         from {}",
        one.agent, one.network, other.agent, other.network
    );
    let mend = format!(
        "give each its own (bastion keys create --env {environment} --service NAME), then end the \
         shared one: bastion keys revoke {id}"
    );
    Proof::missing(reason).mend(mend)
}

fn evidence(key: &KeyRecord, seen: &[&Sighting]) -> Option<Evidence> {
    let last: Timestamp = seen.iter().map(|sighting| sighting.last_seen_at).max()?;
    let programs = seen.iter().map(|sighting| &sighting.agent).collect::<BTreeSet<_>>().len();
    let networks = seen.iter().map(|sighting| &sighting.network).collect::<BTreeSet<_>>().len();
    let what = format!(
        "key {} of {}: seen with {} from {}",
        key.id,
        key.service,
        counted(programs, "program", "programs"),
        counted(networks, "network", "networks"),
    );
    Some(Evidence::recorded(what, last))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::key;

    /// The verdict for the sightings `(key, agent, network)` of two keys.
    fn check(seen: &[(&str, &str, &str)], is_proved: bool, part: &str) {
        let (one, two) = ("000000000001", "000000000002");
        let mut facts = Facts { keys: vec![key(one), key(two)], ..Facts::nothing() };
        let now = facts.now;
        let sighting = |(id, agent, network): &(&str, &str, &str)| Sighting {
            key_id: KeyId::parse(id).unwrap(),
            agent: (*agent).to_owned(),
            network: (*network).to_owned(),
            first_seen_at: now,
            last_seen_at: now,
        };
        facts.sightings = seen.iter().map(sighting).collect();
        let proof = SeparateKeys.prove(&facts);
        assert_eq!(proof.is_proved, is_proved, "{proof:?}");
        assert!(proof.reason.contains(part), "{proof:?}");
    }

    #[test]
    fn a_key_that_two_services_use_fails_and_one_service_passes() {
        let (one, two) = ("000000000001", "000000000002");
        let (here, there) = ("192.0.2.0/24", "198.51.100.0/24");
        check(&[], false, "no key of prod was used");
        check(&[("000000000009", "curl", here)], false, "no key of prod was used");
        check(&[(one, "node", here)], true, "1 key was used");
        check(&[(one, "node", here), (one, "node", there)], true, "1 key was used");
        check(&[(one, "node", here), (one, "curl", here)], true, "1 key was used");
        check(&[(one, "node", here), (two, "curl", there)], true, "2 keys were used");
        check(
            &[(two, "node", here), (one, "node", here), (one, "curl", there)],
            false,
            "the key 000000000001 of prod/web was used from two services: node from 192.0.2.0/24, \
             and curl from 198.51.100.0/24",
        );
    }
}
