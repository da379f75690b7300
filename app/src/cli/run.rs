//! Runs engine commands one after the other, shows progress on standard error, and cancels on Ctrl+C.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use layerscope_engine::api::{
    Command, Engine, Event, JobId, Live, Progress, Recording, Shared, per_second,
};

use super::Failure;

/// How often Ctrl+C is looked for while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many threads compute.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct ThreadCount {
    /// Threads that compute; 0 takes one for each core. No number depends on it.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
}

/// An engine whose jobs end at Ctrl+C.
pub(crate) struct Runner {
    engine: Engine,
    interrupted: Arc<AtomicBool>,
    line: ProgressLine,
    /// The last that was heard of the present or the last job.
    progress: Option<Progress>,
}

impl Runner {
    /// Starts an engine; from now on Ctrl+C cancels the job instead of killing the program.
    pub(crate) fn start() -> Result<Self, Failure> {
        Self::with(ThreadCount::default())
    }

    /// The same with so many threads that compute.
    pub(crate) fn with(threads: ThreadCount) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
            .map_err(|error| Failure::Other(error.into()))?;
        let engine = Engine::with_threads(threads.threads.into(), || {})?;
        Ok(Self { engine, interrupted, line: ProgressLine::default(), progress: None })
    }

    /// Reads a recording.
    pub(crate) fn load(&mut self, folder: PathBuf) -> Result<Shared<Recording>, Failure> {
        match self.run(Command::Load(folder))? {
            Event::Recorded(_, recording) => Ok(recording),
            _ => Err(Failure::Other(anyhow::anyhow!("the engine read nothing"))),
        }
    }

    /// Whether a person pressed Ctrl+C.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// How fast the last job was at its end; `None` where it took no second.
    pub(crate) fn rate(&self) -> Option<String> {
        let progress = self.progress.as_ref()?;
        progress.rate().map(|rate| per_second(rate, progress.unit))
    }

    /// Runs one command to its end and returns the event that ended it. After Ctrl+C only what a cancelled run
    /// left is still saved: nothing new begins.
    pub(crate) fn run(&mut self, command: Command) -> Result<Event, Failure> {
        self.run_hearing(command, false, &mut |_| Ok(()))
    }

    /// The same; `hear` is told what was generated so far. Where it `writes` to the terminal, the line with the
    /// progress makes place for it.
    pub(crate) fn run_hearing(
        &mut self,
        command: Command,
        writes: bool,
        hear: &mut dyn FnMut(Live) -> Result<(), Failure>,
    ) -> Result<Event, Failure> {
        if self.was_interrupted() && !matches!(command, Command::Save { .. }) {
            return Err(Failure::Cancelled);
        }
        let Some(job) = self.engine.send(command) else {
            return Err(Failure::Other(anyhow::anyhow!("the engine does not take commands")));
        };
        self.progress = None;
        let ending = self.wait_for(job, writes, hear)?;
        self.line.clear();
        match ending {
            Event::Failed(_, problem) => Err(Failure::Problem(problem)),
            Event::Cancelled(_) => Err(Failure::Cancelled),
            event => Ok(event),
        }
    }

    /// Waits for the event that ends `job`. Ctrl+C while it runs cancels it, once.
    fn wait_for(
        &mut self,
        job: JobId,
        writes: bool,
        hear: &mut dyn FnMut(Live) -> Result<(), Failure>,
    ) -> Result<Event, Failure> {
        let was_interrupted = self.was_interrupted();
        let (mut is_cancelling, mut has_begun) = (false, false);
        loop {
            for event in self.engine.wait(LOOK_EVERY) {
                match event {
                    Event::Progress(_, progress) => {
                        if !has_begun {
                            self.line.show(&progress);
                        }
                        self.progress = Some(progress);
                    }
                    Event::Generated(_, live) => {
                        has_begun = writes;
                        if writes {
                            self.line.clear();
                        }
                        hear(live)?;
                    }
                    event if event.ends() == Some(job) => return Ok(event),
                    _ => {}
                }
            }
            if !is_cancelling && !was_interrupted && self.was_interrupted() {
                is_cancelling = true;
                self.engine.cancel(job);
            }
        }
    }
}

/// One line on a terminal that is written over; nothing where standard error is a file.
#[derive(Default)]
struct ProgressLine {
    width: usize,
}

impl ProgressLine {
    fn show(&mut self, progress: &Progress) {
        if !io::stderr().is_terminal() {
            return;
        }
        self.write(&format!("{} {}", progress.what, progress.words()));
    }

    fn clear(&mut self) {
        if self.width > 0 {
            self.write("");
            drop(io::stderr().write_all(b"\r"));
            self.width = 0;
        }
    }

    fn write(&mut self, text: &str) {
        let width = self.width.max(text.len());
        // A progress line that cannot be written must not end the work.
        drop(io::stderr().write_all(format!("\r{text:width$}").as_bytes()));
        self.width = text.len();
    }
}
