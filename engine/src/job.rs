//! What long work holds: a way to report how far it is and to learn that nobody wants it any more.
//!
//! Knows nothing of models, files or threads; every room above may use it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::count::grouped;

/// Names one piece of work that was handed to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is being done, for the status bar: "Recording", "Reading weights".
    pub what: &'static str,
    /// Units finished (tokens, tensors, steps).
    pub done: u64,
    /// Units in all; 0 when it is not known.
    pub total: u64,
    /// What one unit is called: "tokens", "tensors", "steps".
    pub unit: &'static str,
    /// Seconds since this kind of work began: opening a file before a recording is no part of it.
    pub elapsed_secs: f64,
    /// Of these, the seconds until `done` was reached: what follows is not finished yet and counts for nothing.
    pub done_secs: f64,
}

/// A rate that was measured for a shorter time says more about the start than about the work.
const LEAST_SECS: f64 = 1.0;

impl Progress {
    /// Seconds that are left if the rest goes as the part so far; `None` before anything is known.
    pub fn left_secs(&self) -> Option<f64> {
        if self.done == 0 || self.total < self.done {
            return None;
        }
        let all = self.done_secs / self.done as f64 * self.total as f64;
        Some((all - self.elapsed_secs).max(0.0))
    }

    /// Units per second over all that is done; `None` in the first second.
    pub fn rate(&self) -> Option<f64> {
        (self.done > 0 && self.done_secs >= LEAST_SECS).then(|| self.done as f64 / self.done_secs)
    }

    /// "1,024 of 8,000 tokens, 212 tokens/s, 33 s left", as far as it is known.
    pub fn words(&self) -> String {
        let mut parts = vec![match self.total {
            0 => format!("{} {}", grouped(self.done), self.unit),
            total => format!("{} of {} {}", grouped(self.done), grouped(total), self.unit),
        }];
        parts.extend(self.rate().map(|rate| per_second(rate, self.unit)));
        parts.extend(self.left_secs().map(|left| format!("{} left", duration(left))));
        parts.join(", ")
    }
}

/// "212 tokens/s"; slow work keeps a digit.
pub fn per_second(rate: f64, unit: &str) -> String {
    if rate < 10.0 { format!("{rate:.1} {unit}/s") } else { format!("{rate:.0} {unit}/s") }
}

fn duration(secs: f64) -> String {
    if secs < 90.0 {
        format!("{secs:.0} s")
    } else if secs < 5400.0 {
        format!("{:.0} min", secs / 60.0)
    } else {
        format!("{:.1} h", secs / 3600.0)
    }
}

/// Returned through `?` by work that noticed that it was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub(crate) struct Cancelled;

/// The switch that ends a job; cloned freely between threads.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelSwitch(Arc<AtomicBool>);

impl CancelSwitch {
    /// Asks the job to end at its next step.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job was asked to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What long work holds. `progress` both reports and checks for cancel, so neither can be forgotten.
pub(crate) struct Job {
    switch: CancelSwitch,
    pace: Mutex<Pace>,
    report: Box<dyn Fn(Progress) + Send + Sync>,
}

/// When the present kind of work began and when it last got on.
#[derive(Debug, Clone, Copy)]
struct Pace {
    what: &'static str,
    begun: Instant,
    done: u64,
    reached: Instant,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("switch", &self.switch).finish_non_exhaustive()
    }
}

impl Job {
    /// A job that reports to `report` and ends when `switch` is thrown.
    pub(crate) fn new(
        switch: CancelSwitch,
        report: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Self {
        let now = Instant::now();
        let pace = Mutex::new(Pace { what: "", begun: now, done: 0, reached: now });
        Self { switch, pace, report: Box::new(report) }
    }

    /// A job that nobody watches and nobody cancels: for steps that are short by themselves.
    pub(crate) fn unattended() -> Self {
        Self::new(CancelSwitch::default(), |_| {})
    }

    /// The same job without reports: for work that is a small part of another.
    pub(crate) fn quiet(&self) -> Self {
        Self::new(self.switch.clone(), |_| {})
    }

    /// Reports `done` of `total` `unit`s of `what`; an error once the job was cancelled.
    pub(crate) fn progress(
        &self,
        what: &'static str,
        unit: &'static str,
        done: u64,
        total: u64,
    ) -> Result<(), Cancelled> {
        self.check()?;
        let (elapsed_secs, done_secs) = self.pace(what, done, Instant::now());
        (self.report)(Progress { what, done, total, unit, elapsed_secs, done_secs });
        Ok(())
    }

    /// Seconds since `what` began, and until `done` was reached.
    fn pace(&self, what: &'static str, done: u64, now: Instant) -> (f64, f64) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.what != what || done < pace.done {
            *pace = Pace { what, begun: now, done, reached: now };
        }
        if done > pace.done {
            (pace.done, pace.reached) = (done, now);
        }
        let since = |then: Instant| then.saturating_duration_since(pace.begun).as_secs_f64();
        (since(now), since(pace.reached))
    }

    /// Only looks whether the job was cancelled: for inner loops between two reports.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.switch.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_cancelled_job_reports_nothing_more() {
        let switch = CancelSwitch::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let job = Job::new(switch.clone(), move |step| sink.lock().unwrap().push(step.done));
        assert_eq!(job.progress("Recording", "tokens", 1, 9), Ok(()));
        switch.cancel();
        assert_eq!(job.progress("Recording", "tokens", 2, 9), Err(Cancelled));
        assert_eq!(*seen.lock().unwrap(), [1]);
    }

    #[test]
    fn time_left_is_unknown_before_anything_is_done_and_shrinks_with_the_rest() {
        let step = |done| Progress {
            what: "",
            done,
            total: 8,
            unit: "",
            elapsed_secs: 6.0,
            done_secs: 6.0,
        };
        assert_eq!(step(0).left_secs(), None);
        assert_eq!(step(2).left_secs(), Some(18.0));
        assert_eq!(step(8).left_secs(), Some(0.0));
        assert_eq!(step(9).left_secs(), None);
    }

    #[test]
    fn a_rate_is_that_of_what_is_done_and_absent_in_the_first_second() {
        let step = |done, done_secs, elapsed_secs| Progress {
            what: "Recording",
            done,
            total: 8000,
            unit: "tokens",
            elapsed_secs,
            done_secs,
        };
        assert_eq!(step(0, 0.0, 5.0).words(), "0 of 8,000 tokens");
        assert_eq!(step(512, 0.9, 2.0).rate(), None);
        // Half a batch more is under way: it is no token yet.
        assert_eq!(step(1024, 4.0, 6.0).words(), "1,024 of 8,000 tokens, 256 tokens/s, 25 s left");
        assert_eq!(step(4, 2.0, 2.0).rate(), Some(2.0));
        assert!(step(4, 2.0, 2.0).words().contains("2.0 tokens/s, 67 min left"));
        let unknown = Progress { total: 0, ..step(7, 2.0, 2.0) };
        assert_eq!(unknown.words(), "7 tokens, 3.5 tokens/s");
    }

    #[test]
    fn long_times_are_told_in_minutes_and_hours() {
        assert_eq!(duration(300.0), "5 min");
        assert_eq!(duration(7200.0), "2.0 h");
    }

    #[test]
    fn time_counts_from_where_the_present_work_began() {
        let job = Job::unattended();
        let begun = Instant::now();
        let at = |secs: u64| begun + Duration::from_secs(secs);
        job.pace("Reading weights", 0, at(0));
        assert_eq!(job.pace("Reading weights", 9, at(30)), (30.0, 30.0));
        assert_eq!(job.pace("Recording", 0, at(30)), (0.0, 0.0));
        assert_eq!(job.pace("Recording", 0, at(33)), (3.0, 0.0));
        assert_eq!(job.pace("Recording", 512, at(34)), (4.0, 4.0));
        assert_eq!(job.pace("Recording", 512, at(37)), (7.0, 4.0));
        assert_eq!(job.pace("Recording", 1024, at(38)), (8.0, 8.0));
    }
}
