//! What processes cost, out of /proc; and the limits of this one.

use rustix::process::Resource;
use serde::{Deserialize, Serialize};
use std::fs;
use std::time::{Duration, Instant};

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on a CPU, its own and the kernel's on its behalf.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub rss: u64,
    /// Threads.
    pub threads: u64,
}

/// What process `pid` has used so far; `None` when it is gone or not ours to see.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    let rss = pages * rustix::param::page_size() as u64;
    Some(Usage { cpu: of_ticks(ticks), rss, threads: fields.get(17)?.parse().ok()? })
}

/// The memory that process `pid` has for itself, with its share of what it has together with others, in bytes; `None` when
/// it is gone or not ours to see.
pub fn pss(pid: u32) -> Option<u64> {
    let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = sums.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// How many files, sockets among them, process `pid` has open; `None` when it is gone or not ours to see.
pub fn open_files(pid: u32) -> Option<u64> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64)
}

/// The time in which any CPU of the machine did something.
pub fn machine_busy() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let numbers = stat.lines().next()?.split_whitespace().skip(1);
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests use is in user already.
    let busy = [0, 1, 2, 5, 6, 7].iter().map(|at| numbers.get(*at)).sum::<Option<u64>>()?;
    Some(of_ticks(busy))
}

/// Waits until the machine uses less than `share` of a core, for `patience` at the most.
pub fn wait_until_quiet(share: f64, patience: Duration) {
    const LOOK: Duration = Duration::from_secs(3);
    let begin = Instant::now();
    while begin.elapsed() < patience {
        let Some(before) = machine_busy() else { return };
        std::thread::sleep(LOOK);
        let Some(after) = machine_busy() else { return };
        if after.saturating_sub(before) < LOOK.mul_f64(share) {
            return;
        }
    }
}

/// The time this thread was on a CPU.
pub fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Raises the number of files that this process and its children may open to what it is allowed.
pub fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused stays as it was, and the connections that do not fit say so.
    let _ = rustix::process::setrlimit(Resource::Nofile, limit);
}

/// How many files this process may open, and a server that it started too.
pub fn file_limit() -> u64 {
    rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The machine, as far as it matters for the numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// Memory in GiB.
    pub memory: f64,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory: f64 = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
        Machine {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_what_is_not_there_has_none() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.rss > 0 && own.threads > 0);
        assert!(open_files(std::process::id()).unwrap() > 2);
        assert!(usage(u32::MAX).is_none());
        assert!(machine_busy().unwrap() > Duration::ZERO);
    }
}
