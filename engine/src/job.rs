//! What long work holds: a way to report how far it is and to learn that nobody wants it any more.
//!
//! Knows nothing of models, files or threads; every room above may use it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Seconds since the job began.
    pub elapsed_secs: f64,
}

impl Progress {
    /// Seconds that are left if the rest goes as the part so far; `None` before anything is known.
    pub fn left_secs(&self) -> Option<f64> {
        if self.done == 0 || self.total < self.done {
            return None;
        }
        Some(self.elapsed_secs / self.done as f64 * (self.total - self.done) as f64)
    }

    /// Units per second so far; `None` before anything is known.
    pub fn rate(&self) -> Option<f64> {
        (self.done > 0 && self.elapsed_secs > 0.0).then(|| self.done as f64 / self.elapsed_secs)
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
    begun: Instant,
    report: Box<dyn Fn(Progress) + Send + Sync>,
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
        Self { switch, begun: Instant::now(), report: Box::new(report) }
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
        let elapsed_secs = self.begun.elapsed().as_secs_f64();
        (self.report)(Progress { what, done, total, unit, elapsed_secs });
        Ok(())
    }

    /// Only looks whether the job was cancelled: for inner loops between two reports.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.switch.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
        let step = |done| Progress { what: "", done, total: 8, unit: "", elapsed_secs: 6.0 };
        assert_eq!(step(0).left_secs(), None);
        assert_eq!(step(2).left_secs(), Some(18.0));
        assert_eq!(step(8).left_secs(), Some(0.0));
        assert_eq!(step(9).left_secs(), None);
    }
}
