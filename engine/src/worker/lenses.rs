//! The threads that compute views: a desk with one place for a look and one for the token table.
//! A request that has not begun is replaced by a newer one, so a drag never queues. Rows of a million tokens take
//! a fifth of a second; on their own thread they never stand between a knob and its figures.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::lens::{self, RowsRequest};
use crate::recording::Recording;
use crate::worker::outbox::Outbox;
use crate::worker::protocol::{Blame, Event, Look, Problem, Shared};
use crate::worker::words_of_a_panic;

#[derive(Default)]
struct Content {
    look: Option<(u64, Look)>,
    rows: Option<(u64, Shared<Recording>, RowsRequest)>,
    is_closed: bool,
}

/// Where requests wait, one of each kind.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<(Mutex<Content>, Condvar)>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn look(&self, ticket: u64, look: Look) {
        self.lock().look = Some((ticket, look));
        self.0.1.notify_all();
    }

    pub(crate) fn rows(&self, ticket: u64, recording: Shared<Recording>, request: RowsRequest) {
        self.lock().rows = Some((ticket, recording, request));
        self.0.1.notify_all();
    }

    /// Ends both threads after what they are doing now.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.0.1.notify_all();
    }

    /// The next request of one kind; `None` when the desk is closed.
    fn wait_for<T>(&self, place: impl Fn(&mut Content) -> &mut Option<T>) -> Option<T> {
        let is_idle = |content: &mut Content| place(content).is_none() && !content.is_closed;
        let waited = self.0.1.wait_while(self.lock(), is_idle);
        let mut content = waited.unwrap_or_else(PoisonError::into_inner);
        if content.is_closed { None } else { place(&mut content).take() }
    }

    /// Computes views until the desk is closed.
    pub(crate) fn serve_looks(&self, outbox: &Outbox) {
        while let Some((ticket, look)) = self.wait_for(|content| &mut content.look) {
            answer(outbox, ticket, || {
                let lens = lens::find(&look.lens).ok_or_else(|| unknown_lens(&look.lens))?;
                let (knobs, versus) = (&look.knobs, look.versus.as_ref());
                let view = lens::look(lens, &look.members()?, knobs, versus, look.selection);
                Ok(Event::Viewed(ticket, Arc::new(view)))
            });
        }
    }

    /// Orders rows of the token table until the desk is closed.
    pub(crate) fn serve_rows(&self, outbox: &Outbox) {
        while let Some((ticket, recording, request)) = self.wait_for(|content| &mut content.rows) {
            answer(outbox, ticket, || {
                let rows = lens::rows(Arc::clone(&recording.0), &request);
                Ok(Event::Rows(ticket, Arc::new(rows)))
            });
        }
    }
}

/// Every request ends in exactly one event, also when it panics.
fn answer(outbox: &Outbox, ticket: u64, work: impl FnOnce() -> Result<Event, Problem>) {
    let event = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(event)) => event,
        Ok(Err(problem)) => Event::ViewFailed(ticket, problem),
        Err(panic) => Event::ViewFailed(ticket, words_of_a_panic(panic.as_ref())),
    };
    outbox.put(event);
}

pub(crate) fn unknown_lens(found: &str) -> Problem {
    let known = lens::LENSES.iter().map(|lens| lens.card().id).collect::<Vec<_>>().join(", ");
    Problem {
        what: format!("There is no lens `{found}`; there are: {known}"),
        hint: "Run `layerscope lenses` to see them with their knobs.".to_owned(),
        blame: Blame::Input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_a_view_becomes_its_one_event() {
        let outbox = Outbox::new(|| {});
        answer(&outbox, 7, || panic!("a figure broke"));
        let [Event::ViewFailed(7, problem)] = &outbox.drain()[..] else { panic!("one event") };
        assert!(problem.what.ends_with("a figure broke"), "{}", problem.what);
        assert_eq!(problem.blame, Blame::Engine);
    }
}
