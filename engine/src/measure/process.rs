//! What the system tells about this process and its machine. Linux tells by files; elsewhere all of it is absent.

use std::fs;

/// Seconds of one tick of `/proc/self/stat`: USER_HZ is 100 on every architecture that Rust's Linux targets name.
pub(super) const TICK_SECS: f64 = 0.01;

/// Processor time of all threads so far, in seconds, cut to whole ticks.
pub(super) fn cpu_secs() -> Option<f64> {
    cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?).map(|ticks| ticks * TICK_SECS)
}

/// Time in the process and time in the system for it: fields 14 and 15 of proc(5), counted from 1.
fn cpu_ticks(stat: &str) -> Option<f64> {
    // Field 2 is the name in brackets, which may hold anything.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some(ticks()? + ticks()?)
}

/// Most memory that was ever resident, in bytes: what was loaded, mapped pages that were read, all of the process.
pub(super) fn peak_resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// What the processor calls itself.
pub(super) fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    let name = line.trim_start().strip_prefix(':')?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// How many threads wanted to run in the last minute, of all processes.
pub(super) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 126 0 0 0 250 31 5 6 20 0 1 0";
        assert_eq!(cpu_ticks(stat), Some(281.0));
        assert_eq!(cpu_ticks("7 (a) S 1 2"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_what_a_process_took() {
        assert!(cpu_secs().is_some());
        assert!(peak_resident_bytes().unwrap() > 1 << 20);
        assert!(load().is_some());
    }
}
