//! Three threads behind one handle: one owns the models, one computes views, one orders the token table (the newest
//! request wins).
//!
//! Must not know: windows.

mod embedded;
mod lenses;
mod memory;
mod models;
mod outbox;
mod protocol;
#[cfg(test)]
mod tests;

pub use protocol::{
    BenchRequest, Blame, Command, Event, GenerateRequest, Input, Inspected, Live, Look,
    MeansRequest, Problem, RecordRequest, Shared, SkipGenerate, SkipRequest, Start, VerifyRequest,
    WriteRequest,
};

pub(crate) use models::{check_recording_folder, check_sampling, data_columns, inspect};
pub(crate) use protocol::check_beside;

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rayon::ThreadPoolBuilder;

use crate::job::{CancelSwitch, JobId};
use crate::lens::RowsRequest;
use crate::recording::Recording;
use lenses::Desk;
use models::Models;
use outbox::Outbox;

/// Commands that may wait; one more is refused, and the window says "busy".
const WAITING_COMMANDS: usize = 16;

/// A command on its way to the model thread.
struct Envelope {
    id: JobId,
    switch: CancelSwitch,
    command: Command,
}

/// The handle that a window or a command line holds. Dropping it cancels what runs and waits for its threads.
pub struct Engine {
    commands: Option<SyncSender<Envelope>>,
    switches: BTreeMap<JobId, CancelSwitch>,
    desk: Desk,
    outbox: Outbox,
    last_id: u64,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("running", &self.switches.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the threads, with one for each core that computes. `wake` is called, from any thread, whenever there is
    /// something to drain.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        Self::with_threads(0, wake)
    }

    /// The same with so many threads that compute what a job asks; 0 takes one for each core. No number depends on
    /// how many there are.
    pub fn with_threads(
        threads: usize,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with(threads, wake, Models::new)
    }

    fn start_with(
        threads: usize,
        wake: impl Fn() + Send + Sync + 'static,
        models: impl FnOnce(Outbox) -> Models + Send + 'static,
    ) -> io::Result<Self> {
        let outbox = Outbox::new(wake);
        let desk = Desk::default();
        let (commands, inbox) = sync_channel::<Envelope>(WAITING_COMMANDS);
        let model_outbox = outbox.clone();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("engine-{number}"))
            .build()
            .map_err(io::Error::other)?;
        let model_thread = Builder::new().name("engine-model".to_owned()).spawn(move || {
            let mut models = models(model_outbox);
            for envelope in inbox {
                // Inside the pool, so that no product is handed in from outside: a step of one token has hundreds.
                pool.install(|| models.handle(envelope.id, envelope.switch, envelope.command));
            }
        })?;
        let (lens_desk, lens_outbox) = (desk.clone(), outbox.clone());
        let lens_thread = Builder::new()
            .name("engine-lens".to_owned())
            .spawn(move || lens_desk.serve_looks(&lens_outbox))?;
        let (rows_desk, rows_outbox) = (desk.clone(), outbox.clone());
        let rows_thread = Builder::new()
            .name("engine-rows".to_owned())
            .spawn(move || rows_desk.serve_rows(&rows_outbox))?;
        Ok(Self {
            commands: Some(commands),
            switches: BTreeMap::new(),
            desk,
            outbox,
            last_id: 0,
            threads: vec![model_thread, lens_thread, rows_thread],
        })
    }

    /// Hands a command to the model thread; `None` when too many wait already.
    pub fn send(&mut self, command: Command) -> Option<JobId> {
        self.last_id += 1;
        let id = JobId(self.last_id);
        let switch = CancelSwitch::default();
        let envelope = Envelope { id, switch: switch.clone(), command };
        match self.commands.as_ref()?.try_send(envelope) {
            Ok(()) => {
                self.switches.insert(id, switch);
                Some(id)
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }

    /// Asks for a view; a newer request replaces one that has not begun. Returns its ticket.
    pub fn look(&mut self, look: Look) -> u64 {
        self.last_id += 1;
        self.desk.look(self.last_id, look);
        self.last_id
    }

    /// Asks for the token table; a newer request replaces one that has not begun. Returns its ticket.
    pub fn rows(&mut self, recording: Shared<Recording>, request: RowsRequest) -> u64 {
        self.last_id += 1;
        self.desk.rows(self.last_id, recording, request);
        self.last_id
    }

    /// Asks a job to end; takes effect within one block of one batch.
    pub fn cancel(&self, job: JobId) {
        if let Some(switch) = self.switches.get(&job) {
            switch.cancel();
        }
    }

    /// Takes every event that is there; never blocks.
    pub fn drain(&mut self) -> Vec<Event> {
        let events = self.outbox.drain();
        self.forget_ended(&events);
        events
    }

    /// Waits for events, at most `limit`; for programs without a frame to draw.
    pub fn wait(&mut self, limit: Duration) -> Vec<Event> {
        let events = self.outbox.wait(limit);
        self.forget_ended(&events);
        events
    }

    fn forget_ended(&mut self, events: &[Event]) {
        for event in events {
            if let Some(job) = event.ends() {
                self.switches.remove(&job);
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for switch in self.switches.values() {
            switch.cancel();
        }
        self.commands = None;
        self.desk.close();
        for thread in self.threads.drain(..) {
            // A panic inside was turned into an event already; there is nobody left to tell.
            drop(thread.join());
        }
    }
}

/// A panic as a problem: a defect of ours, with the words it left.
fn words_of_a_panic(panic: &(dyn Any + Send)) -> Problem {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Problem {
        what: format!("A defect of Layerscope stopped this work: {words}"),
        hint: "What was open is still there. Please report it with the file that you used."
            .to_owned(),
        blame: Blame::Engine,
    }
}
