//! What a process on this machine has used so far, as the kernel tells it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use super::{Failure, FailureKind};

/// How much further behind than the process the threads stand whose work can wait: enough that a worker that wakes
/// goes before them, little enough that on one core they keep up with what it decides.
const STAND_BACK: i32 = 5;

/// The least priority there is.
const NICE_MAX: i32 = 19;

/// Lets the workers go before this thread.
pub(super) fn stand_back() {
    static NICE: OnceLock<i32> = OnceLock::new();
    // The calling thread alone (setpriority(2), PRIO_PROCESS), from where the first one stood: a
    // thread inherits the place of the one that started it. OK because it is slower else.
    let own = NICE.get_or_init(|| rustix::process::getpriority_process(None).unwrap_or_default());
    let _ = rustix::process::setpriority_process(None, (own + STAND_BACK).min(NICE_MAX));
}

/// How long is worked at a stretch, and how long a rest is. A thread that runs keeps its core for
/// milliseconds, whoever wakes; one that rests gives it up, and `sched_yield(2)` would give up its
/// share for good.
const STRETCH: Duration = Duration::from_micros(200);
const REST: Duration = Duration::from_micros(20);

/// Items between two looks at the clock.
const ITEMS: usize = 8;

/// Work at a stretch.
pub(super) struct Stretch(Instant);

impl Stretch {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// A rest when it was long enough, in which a worker can go first.
    pub(super) fn pause(&mut self) {
        if self.0.elapsed() >= STRETCH {
            std::thread::sleep(REST);
            *self = Self::begin();
        }
    }
}

/// The same, with such rests between them.
pub(super) fn politely<T>(items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    let mut stretch = Stretch::begin();
    items.into_iter().enumerate().map(move |(number, item)| {
        if number % ITEMS == ITEMS - 1 {
            stretch.pause();
        }
        item
    })
}

/// Processor time and memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time of all its threads, those that ended included: exact while none ended, else
    /// in steps of a hundredth of a second.
    pub processor: Duration,
    /// The most memory it ever held, in KiB (`VmHWM`).
    pub memory_peak_kib: u64,
}

/// What the process `id` has used; `None` asks about this one.
///
/// # Errors
/// There is no such process, or the kernel does not tell.
pub fn used(id: Option<u32>) -> Result<Used, Failure> {
    let name = id.map_or_else(|| "self".to_owned(), |id| id.to_string());
    let read = |file: &str| {
        let path = format!("/proc/{name}/{file}");
        std::fs::read_to_string(&path).map_err(|cause| {
            Failure::new(FailureKind::FileUnreadable).fact("path", &path).fact("cause", cause)
        })
    };
    let (stat, status) = (read("stat")?, read("status")?);
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let per_second = u64::try_from(per_second).unwrap_or(100).max(1);
    let whole = Duration::from_millis(ticks(&stat) * 1_000 / per_second);
    Ok(Used { processor: whole.max(living(&name)), memory_peak_kib: peak(&status) })
}

/// Processor time of the threads that live, to the nanosecond (`schedstat`); zero where the kernel
/// does not count it.
fn living(name: &str) -> Duration {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{name}/task")) else {
        return Duration::ZERO;
    };
    let spent = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// `utime` and `stime` (proc(5)): the 12th and 13th field after the name, which stands in
/// parentheses and may hold anything.
fn ticks(stat: &str) -> u64 {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_ascii_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum()
}

fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 1 2 3 4 150 50 0 0 20 0 3 0 9 1 1";
        assert_eq!(ticks(stat), 200);
        assert_eq!(peak("Name:\tx\nVmHWM:\t  6488 kB\nVmRSS:\t 1 kB\n"), 6_488);
    }

    #[test]
    fn this_process_has_used_memory_and_a_process_that_is_not_there_is_told() {
        assert!(used(None).unwrap().memory_peak_kib > 100);
        assert!(used(Some(u32::MAX)).is_err());
    }
}
