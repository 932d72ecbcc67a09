//! Verdicts: no evidence, a waiver, a waiver that has ended.

use bastion_types::{BoxId, CalendarDay};

use super::*;

fn waiver(id: &str, expires: &str) -> Waiver {
    Waiver {
        box_id: BoxId::parse(id).unwrap(),
        reason: "no paying users yet".to_owned(),
        owner: "platform".to_owned(),
        expires: CalendarDay::parse(expires).unwrap(),
    }
}

/// The verdict on the day 2026-11-25 of a box that nothing proves.
fn check(expires: &str, expect: Verdict, part: &str) {
    let report = judge(
        &Facts::nothing(),
        &[waiver("drills.credit-limit", expires)],
        &["drills.credit-limit"],
    );
    let [told] = report.boxes.as_slice() else { panic!("{report:?}") };
    assert_eq!(told.verdict, expect, "{expires}: {told:?}");
    assert!(told.reason.contains(part), "{expires}: {told:?}");
    assert_eq!(report.ready, expect == Verdict::Waived, "{expires}");
    assert_eq!(told.waiver.as_ref().unwrap().expired, expect == Verdict::Fail);
}

#[test]
fn a_waiver_counts_to_the_end_of_its_last_day_and_no_longer() {
    check("2027-06-01", Verdict::Waived, "waived by platform until 2027-06-01: no paying users");
    check("2026-12-05", Verdict::Waived, "until 2026-12-05; it ends in 10 days: ");
    check("2026-11-26", Verdict::Waived, "; it ends tomorrow: ");
    check("2026-11-25", Verdict::Waived, "; it ends today: ");
    check("2026-11-24", Verdict::Fail, "its waiver by platform ended on 2026-11-24; no evidence");
}

#[test]
fn nothing_known_proves_nothing() {
    let report = judge(&Facts::nothing(), &[], &[]);
    assert_eq!(report.boxes.len(), 26);
    assert!(!report.ready);
    let proved = report.boxes.iter().filter(|told| told.verdict != Verdict::Fail);
    assert_eq!(proved.count(), 0, "{report:#?}");
    for told in &report.boxes {
        assert!(!told.reason.is_empty() && !told.mend.is_empty(), "{told:?}");
    }
}

#[test]
fn all_waived_is_ready_and_one_left_open_is_not() {
    let mut waivers: Vec<Waiver> =
        BoxId::all().map(|id| waiver(id.as_str(), "2026-12-31")).collect();
    assert!(judge(&Facts::nothing(), &waivers, &[]).ready);
    waivers.pop();
    assert!(!judge(&Facts::nothing(), &waivers, &[]).ready);
}
