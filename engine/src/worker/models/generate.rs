//! What the model thread does with a text that is to be gone on with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Ending, Models, OpenModel, lent, problem, rounded};
use crate::generate::{self, Asked, Generated, Step};
use crate::job::{Job, JobId};
use crate::recording::Recording;
use crate::worker::outbox::Outbox;
use crate::worker::protocol::{Event, GenerateRequest, Live, Shared, Start};

impl Models {
    pub(super) fn generate(
        &mut self,
        id: JobId,
        job: &Job,
        request: &GenerateRequest,
    ) -> Result<Recording, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, notes, model: place }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open one, then generate again."));
        };
        let Some(tokenizer) = tokenizer else {
            let what = "The open checkpoint reads images and writes no text".to_owned();
            return Err(problem(what, "Open a decoder."));
        };
        let mut watcher = Watcher::new(id, &self.outbox, request.show_every);
        let budget_bytes = (self.budget_bytes)();
        let done = lent(place, (checkpoint, Some(tokenizer)), job, |model| {
            let notes = rounded(model, request.numerics, notes)?;
            let marks = checkpoint.marks(tokenizer)?;
            let prompt = match &request.start {
                Start::Text(text) => generate::plain(text, tokenizer)?,
                Start::Chat(text) => {
                    let template = checkpoint.chat_template();
                    let (template, path) = (template.as_deref(), checkpoint.path());
                    generate::chat(text, template, &marks, tokenizer, path)?
                }
                Start::More(recording) => generate::more(recording, model.card())?,
            };
            let asked = Asked {
                prompt: &prompt,
                settings: &request.settings,
                marks: &marks,
                budget_bytes,
                notes,
                folder: request.folder.as_deref(),
            };
            let watch = &mut |step: Step<'_>| watcher.see(&step);
            Ok(generate::generate(model, tokenizer, asked, job, watch)?)
        });
        let Generated { text, tokens, recording } = done?;
        self.outbox.put(Event::Generated(id, Live { text, tokens, recording: None }));
        Ok(recording)
    }
}

/// Tells the outbox what was generated so far.
struct Watcher<'a> {
    id: JobId,
    outbox: &'a Outbox,
    show_every: Option<Duration>,
    shown: Instant,
    /// The newest recording, so that an event that replaces another that nobody took loses none.
    newest: Option<Shared<Recording>>,
}

impl<'a> Watcher<'a> {
    fn new(id: JobId, outbox: &'a Outbox, show_every: Option<Duration>) -> Self {
        Self { id, outbox, show_every, shown: Instant::now(), newest: None }
    }

    fn see(&mut self, step: &Step<'_>) {
        if self.show_every.is_some_and(|every| self.shown.elapsed() >= every) {
            self.newest = Some(Shared(Arc::new((step.recording)())));
            self.shown = Instant::now();
        }
        let (text, tokens) = (step.text.to_owned(), step.tokens);
        let live = Live { text, tokens, recording: self.newest.clone() };
        self.outbox.put(Event::Generated(self.id, live));
    }
}
