//! How much memory a running gateway has, as the system counts it.
//!
//! It must never count what other processes share with it twice: PSS, not RSS.

use crate::bastion::Bastion;

/// Its proportional set size in KiB.
pub(crate) fn pss_kib(bastion: &Bastion) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", bastion.process());
    let told = std::fs::read_to_string(path).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}
