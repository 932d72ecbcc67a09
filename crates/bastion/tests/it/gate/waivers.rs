//! Waivers: what they open, and that an ended one opens nothing.
//!
//! It must never lean on today's date: the days here are far away on either side.

use std::fmt::Write;

use bastion_types::BoxId;

use super::{config, report, told};
use crate::bastion::Bastion;

fn waiver(id: &str, expires: &str) -> String {
    format!(
        "[[waivers]]\nbox = \"{id}\"\nreason = \"no paying users yet\"\nowner = \"platform\"\n\
         expires = {expires}\n"
    )
}

#[test]
fn waived_boxes_open_the_gate_until_a_waiver_ends() {
    let mut all = String::new();
    for id in BoxId::all() {
        write!(all, "{}", waiver(id.as_str(), "9999-01-01")).unwrap();
    }
    let mut bastion = Bastion::with(&config(&all));
    let (code, whole) = report(&bastion, "prod");
    assert_eq!((code, &whole["ready"]), (Some(0), &true.into()), "{whole}");
    let pii = told(&whole, "privacy.pii");
    assert_eq!((&pii["verdict"], &pii["waiver"]["owner"]), (&"waived".into(), &"platform".into()));
    assert_eq!(pii["waiver"]["expired"], false);

    // The same file with one waiver that has ended.
    let ended = waiver("privacy.pii", "2020-01-01");
    let text = config(&all).replace(&waiver("privacy.pii", "9999-01-01"), &ended);
    std::fs::write(bastion.config_file(), text).unwrap();
    bastion.signal("HUP");
    bastion.log.wait_for("read again");
    let (code, whole) = report(&bastion, "prod");
    assert_eq!((code, &whole["ready"]), (Some(1), &false.into()));
    let pii = told(&whole, "privacy.pii");
    assert_eq!((&pii["verdict"], &pii["waiver"]["expired"]), (&"fail".into(), &true.into()));
    let reason = pii["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("its waiver by platform ended on 2020-01-01; no evidence"),
        "{reason}"
    );
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0));
}
