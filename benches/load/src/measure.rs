//! What a process costs: processor time and memory, as the kernel counts them.
//!
//! It must never count another process's.

use anyhow::Context;

/// Processor time of all threads so far, in nanoseconds.
pub(crate) fn cpu_ns(process: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end while we look.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let ran = text.split(' ').next().context("schedstat is empty")?;
        sum += ran.parse::<u64>()?;
    }
    Ok(sum)
}

/// Memory, what is shared counted in parts, in KiB.
pub(crate) fn pss_kib(process: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
