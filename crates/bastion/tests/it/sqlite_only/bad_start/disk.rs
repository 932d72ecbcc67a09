//! A disk that is full, or a file that may not grow: told as such, and nothing stays half-written.
//!
//! No test here may fill a disk that others use: it brings its own.

use std::process::{Command, Stdio};

use super::{folder, good_config, starts_now};
use crate::attempt::Attempt;
use crate::bastion::command;

/// Starts on a small disk, makes it larger, and starts again: the second start's first words are
/// what stands behind the mark.
const SMALL_THEN_LARGE: &str = r#"
    mkdir -p data && mount -t tmpfs -o "$1,mode=700" tmpfs data || exit 77
    timeout -s TERM 2 "$0" serve
    case $? in 2) ;; 124) exit 78 ;; *) exit 79 ;; esac
    mount -o remount,size=10m,nr_inodes=1000 data || exit 77
    echo '--- larger' >&2
    timeout -s TERM 1 "$0" serve
    test $? = 124
"#;

/// Runs a shell where mounts are its own; none where the system allows no such thing.
fn on_a_disk_of_its_own(disk: &str) -> Option<Attempt> {
    let folder = folder(&good_config());
    let ways: [&[&str]; 2] = [&["-m"], &["-U", "-r", "-m"]];
    let allowed = |way: &&&[&str]| {
        let mount = "mount -t tmpfs tmpfs .";
        let mut probe = Command::new("unshare");
        probe.args(**way).args(["sh", "-c", mount]).current_dir(folder.path());
        probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(allowed)?;
    let plain = command(folder.path());
    let mut shell = Command::new("unshare");
    shell.args(*way).args(["sh", "-c", SMALL_THEN_LARGE, env!("CARGO_BIN_EXE_bastion"), disk]);
    shell.env_clear().current_dir(folder.path());
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Attempt::of(shell))
}

fn check(disk: &str, says: &str) {
    match on_a_disk_of_its_own(disk) {
        None => eprintln!("not shown: this system allows no mounts of one's own"),
        Some(attempt) => is_told(&attempt, disk, says),
    }
}

fn is_told(attempt: &Attempt, disk: &str, says: &str) {
    let stderr = &attempt.stderr;
    let (small, large) = stderr.split_once("--- larger").unwrap_or((stderr, ""));
    assert_eq!(attempt.code, Some(0), "{disk}: {stderr}");
    assert_eq!(small.matches("error: ").count(), 1, "{disk}: {small}");
    assert!(small.contains(says) && !small.contains("panicked"), "{disk}: {small}");
    assert!(large.contains("ready callers=") && !large.contains("error"), "{disk}: {large}");
}

#[test]
fn a_full_disk_is_told_as_such_and_a_start_with_room_succeeds() {
    // Of the lock file, of the database, of what SQLite keeps beside it.
    for disk in ["size=4k", "size=16k", "size=48k", "size=96k", "nr_inodes=2"] {
        check(disk, "is full; free some space");
    }
}

/// A disk on which it starts, and one that its database alone fills, in KiB.
const ROOMY_KIB: u32 = 2048;
const TIGHT_KIB: u32 = 96;

/// tmpfs gives room by the page, in KiB.
const PAGE_KIB: u32 = 4;

#[test]
fn a_disk_that_is_full_at_the_operators_token_leaves_no_half_of_it() {
    check("nr_inodes=5", "operator.token");
    // The token is written behind the database: between too small for that and room for all lies
    // one page, wherever the schema's next step moves it.
    let (mut tight, mut roomy) = (TIGHT_KIB / PAGE_KIB, ROOMY_KIB / PAGE_KIB);
    while tight + 1 < roomy {
        let pages = tight.midpoint(roomy);
        let disk = format!("size={}k", pages * PAGE_KIB);
        let Some(attempt) = on_a_disk_of_its_own(&disk) else { return check(&disk, "") };
        if attempt.stderr.contains("operator.token") {
            return is_told(&attempt, &disk, "operator.token");
        }
        if attempt.code == Some(STARTED) {
            roomy = pages;
        } else {
            is_told(&attempt, &disk, "is full; free some space");
            tight = pages;
        }
    }
    panic!("no disk is full at the token: {} KiB is too little", tight * PAGE_KIB);
}

/// How the script ends where the small disk was large enough.
const STARTED: i32 = 78;

#[test]
fn a_file_that_may_not_grow_is_told_and_leaves_nothing_that_stops_the_next_start() {
    for bytes in ["0", "2", "100", "5000", "10000", "40000"] {
        let folder = folder(&good_config());
        let plain = command(folder.path());
        let mut serve = Command::new("env");
        serve.args(["--ignore-signal=XFSZ", "prlimit", &format!("--fsize={bytes}")]);
        serve.arg(env!("CARGO_BIN_EXE_bastion")).arg("serve");
        serve.env_clear().current_dir(folder.path());
        serve.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Attempt::of(serve).is_refused(&[]);
        starts_now(folder, &good_config());
    }
}
