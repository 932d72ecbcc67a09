//! What a call may cost: the caps of its environment, and where its days and months end.
//!
//! It must never be wider than the configuration says.

use std::time::Duration;

use bastion_config::{Caps, Environment};
use bastion_store::{Cap, KeyBonds, Payer, Prepaid};
use bastion_types::{Enforce, Length, Scope, Zone};

/// The money of an environment.
pub(crate) struct MoneyPolicy {
    /// Where its days and months end.
    pub(crate) zone: Zone,
    /// How long its calls wait for what running calls hold.
    pub(crate) hold_wait: Duration,
    caps: Caps,
    enforce: Enforce,
}

/// What a surface says of a call's money.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SurfaceMoney {
    /// The most that it may spend in each environment.
    pub(crate) caps: Caps,
    /// Are they applied?
    pub(crate) enforce: Enforce,
}

impl MoneyPolicy {
    pub(super) fn new(environment: &Environment) -> MoneyPolicy {
        MoneyPolicy {
            zone: environment.timezone.clone(),
            hold_wait: environment.hold_wait.duration(),
            caps: environment.caps,
            enforce: environment.enforce,
        }
    }

    /// Are all caps only observed that its calls stand under?
    pub(crate) fn is_observed(&self) -> bool {
        self.enforce == Enforce::Observe
    }

    /// What limits a call, as the ledger takes it: the caps of its environment, of its surface
    /// there and of its key; all of their periods end in the environment's zone. And whose caps
    /// are only observed: where the environment says so all, else those whose own owner does. A
    /// surface or a key that is observed must not spend what its environment keeps.
    pub(crate) fn limits(
        &self,
        payer: &Payer,
        surface: SurfaceMoney,
        key: &KeyBonds,
    ) -> (Vec<Cap>, Vec<Scope>) {
        let of_key = Caps { monthly: key.monthly_cap, daily: key.daily_cap };
        let environment = || payer.environment.clone();
        let of_surface = payer.surface.as_ref().map(|name| {
            (Scope::Surface(environment(), name.clone()), surface.caps, surface.enforce)
        });
        let of_key = payer.key_id.map(|id| (Scope::Key(id), of_key, key.enforce));
        let own = (Scope::Environment(environment()), self.caps, self.enforce);
        let (mut caps, mut observed) = (Vec::new(), Vec::new());
        for (scope, own, enforce) in [Some(own), of_surface, of_key].into_iter().flatten() {
            for (length, amount) in [(Length::Month, own.monthly), (Length::Day, own.daily)] {
                caps.extend(amount.map(|amount| Cap { scope: scope.clone(), length, amount }));
            }
            if [self.enforce, enforce].contains(&Enforce::Observe) {
                observed.push(scope);
            }
        }
        (caps, observed)
    }
}

/// When an empty balance refuses, in the ledger's words.
pub(super) fn prepaid(configured: bastion_config::Prepaid) -> Prepaid {
    match configured {
        bastion_config::Prepaid::Auto => Prepaid::Auto,
        bastion_config::Prepaid::Always => Prepaid::Always,
        bastion_config::Prepaid::Never => Prepaid::Never,
    }
}

#[cfg(test)]
mod tests {
    use bastion_config::{INIT_TOML, Sources, load};
    use bastion_types::{CalendarDay, KeyId, Money, SurfaceName};

    use super::*;

    fn policy(settings: &str) -> MoneyPolicy {
        let text = format!("{INIT_TOML}\n[environments.own]\nregions = [\"DE\"]\n{settings}\n");
        let file = Some(("bastion.toml".into(), text));
        let config = load(&Sources { file, environment: Vec::new() }).unwrap().config;
        MoneyPolicy::new(
            config.environments.iter().find(|(name, _)| name.as_str() == "own").unwrap().1,
        )
    }

    fn payer() -> Payer {
        Payer {
            environment: bastion_types::EnvironmentName::parse("own").unwrap(),
            key_id: KeyId::parse("0000000000Ab"),
            surface: SurfaceName::parse("chat").ok(),
            day: CalendarDay::parse("2026-11-30").unwrap(),
        }
    }

    fn bonds(enforce: Enforce) -> KeyBonds {
        KeyBonds { daily_cap: Money::parse("1").ok(), enforce, ..KeyBonds::default() }
    }

    fn check(settings: &str, surface: Enforce, key: Enforce, expect: (&[&str], &[&str])) {
        let caps = Caps { monthly: Money::parse("2").ok(), daily: None };
        let surface = SurfaceMoney { caps, enforce: surface };
        let (caps, observed) = policy(settings).limits(&payer(), surface, &bonds(key));
        let told = |cap: &Cap| format!("{} {} {}", cap.scope, cap.length, cap.amount);
        let caps: Vec<_> = caps.iter().map(told).collect();
        let observed: Vec<_> = observed.iter().map(ToString::to_string).collect();
        assert_eq!(caps, expect.0, "{settings}");
        assert_eq!(observed, expect.1, "{settings}");
    }

    #[test]
    fn a_call_stands_under_every_cap_and_only_its_owner_makes_one_observed() {
        use Enforce::{Observe, On};
        let both = ["surface/own/chat month 2.00", "key/0000000000Ab day 1.00"];
        check("", On, On, (&both, &[]));
        check("", Observe, On, (&both, &["surface/own/chat"]));
        check("", On, Observe, (&both, &["key/0000000000Ab"]));
        let all = ["env/own", "surface/own/chat", "key/0000000000Ab"];
        check("enforce = \"observe\"", On, On, (&both, &all));
        let caps = "monthly_cap = \"9\"\ndaily_cap = \"0.5\"";
        let four = ["env/own month 9.00", "env/own day 0.50", both[0], both[1]];
        check(caps, On, Observe, (&four, &["key/0000000000Ab"]));
    }

    #[test]
    fn days_end_where_the_environment_says() {
        let toronto = policy("timezone = \"America/Toronto\"\nhold_wait = \"3s\"");
        let at = bastion_types::Timestamp::parse("2026-12-01T04:59:59Z").unwrap();
        assert_eq!(toronto.zone.day_of(at).to_string(), "2026-11-30");
        assert_eq!(toronto.hold_wait, Duration::from_secs(3));
        assert_eq!(policy("").hold_wait, Duration::from_secs(2));
    }
}
