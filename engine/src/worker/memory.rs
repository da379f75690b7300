//! How much memory a recording may take before it is refused.

/// Where the system does not tell how much memory is free.
const UNKNOWN_SYSTEM_BYTES: u64 = 8 << 30;

/// Three quarters of the memory that is free now, so that the machine stays usable.
pub(crate) fn budget_bytes() -> u64 {
    free_bytes().unwrap_or(UNKNOWN_SYSTEM_BYTES) / 4 * 3
}

/// `MemAvailable` of Linux; other systems have no file that tells.
fn free_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
