//! Rules of use cases that refuse nothing: the environment, a use case or a key only observes them.
//!
//! It must never overlook one that the path heeds: there each of the three is enough.

use bastion_store::KeyRecord;
use bastion_types::{Enforce, SurfaceName};

use crate::facts::Facts;
use crate::proof::Proof;

/// Why nothing is proved while rules are only observed, with what that lets through. None: they
/// are applied to every call.
pub(crate) fn unapplied(facts: &Facts, lets_through: &str) -> Option<Proof> {
    if facts.spend.enforce == Enforce::Observe {
        return Some(table("environments", facts.environment.as_str(), lets_through));
    }
    if let Some(surface) = surface(facts) {
        return Some(table("surfaces", surface.as_str(), lets_through));
    }
    let mut keys = facts.keys.iter().filter(|key| observes(key, facts));
    let first = keys.next()?;
    Some(key(first, keys.count(), lets_through))
}

fn surface(facts: &Facts) -> Option<&SurfaceName> {
    let mut surfaces = facts.uses.surfaces.iter();
    surfaces.find(|(_, surface)| surface.enforce == Enforce::Observe).map(|(name, _)| name)
}

/// A key that still opens calls and observes.
fn observes(key: &KeyRecord, facts: &Facts) -> bool {
    let is_live = key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > facts.now);
    is_live && key.bonds.enforce == Enforce::Observe
}

fn table(section: &str, name: &str, lets_through: &str) -> Proof {
    let reason = format!("{section}.{name}.enforce is \"observe\": {lets_through}");
    Proof::missing(reason).mend(format!("set enforce = \"on\" in [{section}.{name}]"))
}

fn key(key: &KeyRecord, others: usize, lets_through: &str) -> Proof {
    let KeyRecord { id, environment, service, .. } = key;
    let others = match others {
        0 => String::new(),
        1 => ", as 1 more key".to_owned(),
        more => format!(", as {more} more keys"),
    };
    let reason = format!(
        "the key {id} of {environment}/{service} was made with enforce \"observe\"{others}: for its \
         calls {lets_through}"
    );
    let mend = format!(
        "give {service} a key that is held to the rules (bastion keys create --env {environment} \
         --service {service}), then end this one: bastion keys revoke {id}"
    );
    Proof::missing(reason).mend(mend)
}

#[cfg(test)]
pub(crate) mod tests {
    use bastion_types::Span;

    use super::*;
    use crate::facts::tests::{key, surface};

    /// A deployment whose environment observes.
    pub(crate) fn environment_observes(facts: &mut Facts) {
        facts.spend.enforce = Enforce::Observe;
    }

    /// One whose use case does, whether it was called or not.
    pub(crate) fn surface_observes(facts: &mut Facts) {
        let (name, settings) = surface("audit");
        facts.uses.surfaces.insert(name, settings);
        facts.uses.surfaces.values_mut().next().unwrap().enforce = Enforce::Observe;
    }

    /// One of whose keys does.
    pub(crate) fn key_observes(facts: &mut Facts) {
        let mut key = key("000000000001");
        key.bonds.enforce = Enforce::Observe;
        facts.keys.push(key);
    }

    fn check(change: impl FnOnce(&mut Facts), expect: Option<(&str, &str)>) {
        let mut facts = Facts::nothing();
        change(&mut facts);
        let said = unapplied(&facts, "all passes").map(|proof| {
            assert!(!proof.is_proved, "{proof:?}");
            (proof.reason, proof.mend.unwrap())
        });
        let said = said.as_ref().map(|(reason, mend)| (reason.as_str(), mend.as_str()));
        assert_eq!(said, expect);
    }

    #[test]
    fn each_place_that_observes_is_named_with_what_mends_it() {
        check(|_| {}, None);
        let environment = "environments.prod.enforce is \"observe\": all passes";
        let mend = "set enforce = \"on\" in [environments.prod]";
        check(environment_observes, Some((environment, mend)));
        let surface = "surfaces.audit.enforce is \"observe\": all passes";
        let mend = "set enforce = \"on\" in [surfaces.audit]";
        check(surface_observes, Some((surface, mend)));
        let key = "the key 000000000001 of prod/web was made with enforce \"observe\": for its calls \
                   all passes";
        let mend = "give web a key that is held to the rules (bastion keys create --env prod \
                    --service web), then end this one: bastion keys revoke 000000000001";
        check(key_observes, Some((key, mend)));
        let two = |facts: &mut Facts| (key_observes(facts), key_observes(facts)).0;
        let more = key.replacen(": for", ", as 1 more key: for", 1);
        check(two, Some((&more, mend)));
    }

    #[test]
    fn a_key_that_opens_nothing_any_more_or_is_held_to_the_rules_does_not_count() {
        check(|facts| facts.keys.push(key("000000000001")), None);
        let revoked = |facts: &mut Facts| {
            key_observes(facts);
            facts.keys[0].revoked_at = Some(facts.now);
        };
        check(revoked, None);
        let expires_at = |end: fn(&Facts) -> bastion_types::Timestamp| {
            move |facts: &mut Facts| {
                key_observes(facts);
                facts.keys[0].expires_at = Some(end(facts));
            }
        };
        check(expires_at(|facts| facts.now), None);
        let mut facts = Facts::nothing();
        expires_at(|facts| facts.now.plus(Span::from_secs(1)))(&mut facts);
        assert!(unapplied(&facts, "all passes").is_some(), "it lives for a second yet");
    }
}
