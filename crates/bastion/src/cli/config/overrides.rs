//! Caps that operators set in place of the file's: a running server of this configuration knows.
//!
//! It must never fail where no server runs, nor keep silent about it: what an operator set counts
//! again at the next start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bastion_config::{Loaded, SettingSource};
use serde_json::Value;

use crate::operator::{Operator, OperatorArguments, SERVER};
use crate::out;

/// How the server begins the source of what an operator set.
const OPERATOR: &str = "operator: ";

/// Puts the operators' caps into what is shown.
pub(super) fn apply(loaded: &mut Loaded) {
    let own = || format!("http://{}", reached(loaded.config.operator.listen));
    let server = std::env::var(SERVER).ok().filter(|server| !server.is_empty()).unwrap_or_else(own);
    let data_dir = loaded.config.data_dir.clone();
    let asked = Operator::open(&OperatorArguments::of(server, data_dir))
        .and_then(|operator| operator.get("/admin/v1/config"));
    match asked {
        Ok(told) => take(loaded, &told),
        Err(failure) => {
            out::note(&format!("caps that operators set are not shown: {}", failure.message));
        }
    }
}

fn take(loaded: &mut Loaded, told: &Value) {
    for setting in told["settings"].as_array().into_iter().flatten() {
        let text = |name: &str| setting.get(name).and_then(Value::as_str);
        let (Some(key), Some(value), Some(source)) = (text("key"), text("value"), text("source"))
        else {
            continue;
        };
        let shown = loaded.shown.iter_mut().find(|shown| shown.key == key);
        if let (Some(shown), true) = (shown, source.starts_with(OPERATOR)) {
            value.clone_into(&mut shown.value);
            shown.source = SettingSource::Operator { said: source.to_owned() };
        }
    }
}

/// Where a listener is reached from this machine.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use bastion_config::{INIT_TOML, Sources, load};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_an_operator_set_takes_the_files_place() {
        let file = Some(("bastion.toml".into(), INIT_TOML.to_owned()));
        let mut loaded = load(&Sources { file, environment: Vec::new() }).unwrap();
        let key = "environments.prod.monthly_cap";
        let said = "operator: cap set 2026-11-26T07:00:00.000Z, in place of no cap (default)";
        let told = json!({ "settings": [
            { "key": key, "value": "5.00", "source": said },
            { "key": "currency", "value": "USD", "source": "bastion.toml:3" },
            { "key": "environments.gone.daily_cap", "value": "1.00", "source": said },
            { "key": 5 },
        ]});
        take(&mut loaded, &told);
        let shown = |key: &str| loaded.shown.iter().find(|shown| shown.key == key).unwrap();
        assert_eq!(shown(key).value, "5.00");
        assert_eq!(shown(key).source.to_string(), said);
        assert_eq!(shown("currency").value, "CAD");
        assert_eq!(reached("0.0.0.0:1".parse().unwrap()), "127.0.0.1:1".parse().unwrap());
        assert_eq!(reached("[::]:1".parse().unwrap()), "[::1]:1".parse().unwrap());
    }
}
