//! Where the engine leaves events for whoever drains them.
//!
//! Never blocks the engine (a hidden window draws no frames) and never grows with progress or views: a newer
//! one of the same job replaces the older.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::worker::protocol::Event;

/// A display shows no more than this many progress steps a second.
const PROGRESS_WAKES_PER_SEC: u64 = 30;

#[derive(Default)]
struct Content {
    events: Vec<Event>,
    last_progress_wake: Option<Instant>,
}

/// Shared between the engine's threads and its handle.
#[derive(Clone)]
pub(crate) struct Outbox {
    content: Arc<(Mutex<Content>, Condvar)>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { content: Arc::default(), wake: Arc::new(wake) }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves an event and wakes the reader.
    pub(crate) fn put(&self, event: Event) {
        let mut content = self.lock();
        let is_progress = matches!(event, Event::Progress(..) | Event::Generated(..));
        match content.events.iter_mut().find(|old| replaces(&event, old)) {
            Some(old) => *old = event,
            None => content.events.push(event),
        }
        let gap = Duration::from_millis(1000 / PROGRESS_WAKES_PER_SEC);
        let is_early = is_progress && content.last_progress_wake.is_some_and(|t| t.elapsed() < gap);
        if is_progress && !is_early {
            content.last_progress_wake = Some(Instant::now());
        }
        drop(content);
        self.content.1.notify_all();
        if !is_early {
            (self.wake)();
        }
    }

    /// Takes everything that is there; never blocks.
    pub(crate) fn drain(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock().events)
    }

    /// Waits until something is there, at most `limit`, and takes it.
    pub(crate) fn wait(&self, limit: Duration) -> Vec<Event> {
        let content = self.lock();
        let waited =
            self.content.1.wait_timeout_while(content, limit, |content| content.events.is_empty());
        let (mut content, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut content.events)
    }
}

fn replaces(new: &Event, old: &Event) -> bool {
    match (new, old) {
        (Event::Progress(new, _), Event::Progress(old, _))
        | (Event::Generated(new, _), Event::Generated(old, _)) => new == old,
        (Event::Viewed(..), Event::Viewed(..)) | (Event::Rows(..), Event::Rows(..)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobId, Progress};

    fn progress(job: u64, done: u64) -> Event {
        let step = Progress {
            what: "Recording",
            done,
            total: 9,
            unit: "tokens",
            elapsed_secs: 1.0,
            done_secs: 1.0,
        };
        Event::Progress(JobId(job), step)
    }

    #[test]
    fn a_newer_progress_of_the_same_job_replaces_the_older() {
        let outbox = Outbox::new(|| {});
        for done in 0..1000 {
            outbox.put(progress(1, done));
        }
        outbox.put(progress(2, 5));
        outbox.put(Event::Cancelled(JobId(1)));
        let expected = vec![progress(1, 999), progress(2, 5), Event::Cancelled(JobId(1))];
        assert_eq!(outbox.drain(), expected);
        assert!(outbox.drain().is_empty());
    }

    #[test]
    fn waiting_ends_at_its_limit_when_nothing_comes() {
        let outbox = Outbox::new(|| {});
        assert!(outbox.wait(Duration::from_millis(1)).is_empty());
    }
}
