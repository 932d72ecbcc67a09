//! How much memory a running gateway has, as the system counts it.
//!
//! It must never count what it shares with other processes: a test beside this one has the same
//! binary mapped, and leaves.

use crate::bastion::Bastion;

/// The anonymous part of its proportional set size in KiB.
pub(crate) fn pss_kib(bastion: &Bastion) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", bastion.process());
    let told = std::fs::read_to_string(path).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}
