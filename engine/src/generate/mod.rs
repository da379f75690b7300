//! Goes on with a text: a model chooses token after token, and every one leaves the readout of all depths.
//!
//! Must not know: lenses, windows.

mod chat;
mod error;
mod sampler;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use error::GenerateError;
pub(crate) use sampler::{check as check_sampling, largest};

use std::path::Path;

use crate::checkpoint::{Marks, Tokenizer};
use crate::dataset::Data;
use crate::job::Job;
use crate::model::{LayeredModel, ModelCard, NO_TOKEN};
use crate::notes::Note;
use crate::record::{Goal, Growing, RecordError};
use crate::recording::{End, Generation, Recording, Sampling};
use sampler::Sampler;
use text::Text;

/// How far to go and how to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How each token is chosen.
    pub sampling: Sampling,
    /// Most new tokens.
    pub most_tokens: u64,
    /// The text ends before the first of these.
    pub stops: Vec<String>,
}

/// What is gone on with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prompt {
    /// What is there so far.
    pub(crate) ids: Vec<u32>,
    /// So many of them were given; the others were chosen before.
    pub(crate) given: usize,
    /// Whether they stand inside a chat template.
    pub(crate) is_chat: bool,
}

/// Everything about one generation.
pub(crate) struct Asked<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) settings: &'a Settings,
    pub(crate) marks: &'a Marks,
    /// More bytes than this are refused before the run.
    pub(crate) budget_bytes: u64,
    /// Of what was done before.
    pub(crate) notes: Vec<Note>,
    /// Where the recording will be saved; what a kill leaves lies there.
    pub(crate) folder: Option<&'a Path>,
}

/// What whoever watches is told after every token.
pub(crate) struct Step<'a> {
    /// What was generated so far, as far as no later token changes it.
    pub(crate) text: &'a str,
    /// How many tokens were generated.
    pub(crate) tokens: u64,
    /// What is there so far, labelled partial.
    pub(crate) recording: &'a dyn Fn() -> Recording,
}

/// What a generation leaves.
#[derive(Debug)]
pub(crate) struct Generated {
    /// Without the marks that end it.
    pub(crate) text: String,
    /// New tokens.
    pub(crate) tokens: u64,
    pub(crate) recording: Recording,
}

/// A text as the tokenizer of the checkpoint begins one.
pub(crate) fn plain(text: &str, tokenizer: &Tokenizer) -> Result<Prompt, GenerateError> {
    prompt(tokenizer.encode(text)?, false)
}

/// A text as what a user says, in the chat template of the checkpoint.
pub(crate) fn chat(
    text: &str,
    template: Option<&str>,
    marks: &Marks,
    tokenizer: &Tokenizer,
    path: &Path,
) -> Result<Prompt, GenerateError> {
    let Some(template) = template else {
        return Err(GenerateError::NoTemplate { path: path.to_owned() });
    };
    prompt(tokenizer.encode_bare(&chat::wrapped(template, text, marks, path)?)?, true)
}

fn prompt(ids: Vec<u32>, is_chat: bool) -> Result<Prompt, GenerateError> {
    if ids.is_empty() {
        return Err(GenerateError::EmptyPrompt);
    }
    Ok(Prompt { given: ids.len(), ids, is_chat })
}

/// The text of a recording, to go on with; refused where it is of another model, of several texts, or
/// does not hold every token.
pub(crate) fn more(recording: &Recording, card: &ModelCard) -> Result<Prompt, GenerateError> {
    let from = &recording.manifest.provenance;
    let prints = [&from.model_fingerprint, &from.tokenizer_fingerprint];
    if prints != [&card.fingerprint, &card.tokenizer_fingerprint] {
        let (found, allowed) = (from.model.clone(), card.name.clone());
        return Err(GenerateError::OtherModel { found, allowed });
    }
    let texts = recording.samples.len();
    if texts != 1 {
        return Err(GenerateError::SeveralTexts { texts });
    }
    if recording.manifest.read_at.has_gaps() {
        return Err(GenerateError::Gaps { read_at: recording.manifest.read_at });
    }
    let generation = recording.manifest.generation.as_ref();
    let given = generation.and_then(|generation| usize::try_from(generation.prompt_tokens).ok());
    let ids = recording.tokens.ids.clone();
    let given = given.unwrap_or(ids.len()).min(ids.len());
    Ok(Prompt { given, is_chat: generation.is_some_and(|g| g.is_chat), ids })
}

/// Goes on with a text. When cancelled, what was done is kept and labelled partial; an error `Cancelled` only where
/// nothing was done.
pub(crate) fn generate(
    model: &dyn LayeredModel,
    tokenizer: &Tokenizer,
    asked: Asked<'_>,
    job: &Job,
    watch: &mut dyn FnMut(Step<'_>),
) -> Result<Generated, GenerateError> {
    let Asked { prompt, settings, marks, budget_bytes, notes, folder } = asked;
    sampler::check(&settings.sampling)?;
    let (tokens, context) = (prompt.ids.len(), model.card().context);
    if tokens > context {
        return Err(GenerateError::LongPrompt { tokens, context });
    }
    let most = usize::try_from(settings.most_tokens).unwrap_or(usize::MAX).min(context - tokens);
    let data = Data { name: "generation".to_owned(), ..Data::default() };
    let piece = |id| tokenizer.piece(id);
    let goal = Goal {
        data: &data,
        piece: &piece,
        given: tokens,
        most: tokens + most,
        budget_bytes,
        notes,
        generation: Generation {
            prompt_tokens: prompt.given as u64,
            is_chat: prompt.is_chat,
            sampling: settings.sampling.clone(),
            ended: End::Cancelled,
        },
        folder,
    };
    let mut text = Text::new(&settings.stops);
    for id in prompt.ids.iter().skip(prompt.given) {
        text.take(&tokenizer.bytes(*id));
    }
    let mut run = Run {
        growing: Growing::begin(model, goal)?,
        sampler: Sampler::new(&settings.sampling),
        ids: prompt.ids.clone(),
        text,
        new: 0,
        asked: (prompt, settings, marks),
    };
    let ended = match run.go(tokenizer, job, watch) {
        // The text of the last token was told already.
        Err(GenerateError::Record(RecordError::Cancelled(_))) if run.growing.is_one_waiting() => {
            run.growing.settle(NO_TOKEN, &Job::unattended())?;
            End::Cancelled
        }
        Err(GenerateError::Record(RecordError::Cancelled(_))) if run.growing.num_tokens() > 0 => {
            End::Cancelled
        }
        other => other?,
    };
    Ok(run.finish(ended))
}

/// A generation while it goes on.
struct Run<'a> {
    growing: Growing<'a>,
    sampler: Sampler,
    /// Prompt and what was chosen.
    ids: Vec<u32>,
    text: Text<'a>,
    /// Tokens that were chosen.
    new: u64,
    asked: (&'a Prompt, &'a Settings, &'a Marks),
}

impl Run<'_> {
    fn go(
        &mut self,
        tokenizer: &Tokenizer,
        job: &Job,
        watch: &mut dyn FnMut(Step<'_>),
    ) -> Result<End, GenerateError> {
        let (prompt, settings, marks) = self.asked;
        let mut done = 0;
        for piece in Growing::pieces(&prompt.ids) {
            tick(job, "Reading the prompt", done, prompt.ids.len() as u64)?;
            // What follows the piece before is the first token of this one.
            self.growing.settle(piece.first().copied().unwrap_or(NO_TOKEN), job)?;
            self.growing.run(piece, job)?;
            done += piece.len() as u64;
        }
        loop {
            if self.new == settings.most_tokens {
                return self.end(End::MostTokens, job);
            }
            if self.growing.room() == 0 {
                return self.end(End::ContextFull, job);
            }
            tick(job, "Generating", self.new, settings.most_tokens)?;
            let Some(next) = self.sampler.choose(self.growing.logits()?, &self.ids)? else {
                return self.end(End::NoNumbers, job);
            };
            self.growing.settle(next, job)?;
            self.growing.run(&[next], job)?;
            self.ids.push(next);
            self.new += 1;
            if marks.ends.contains(&next) {
                return self.end(End::EndOfText, job);
            }
            let stops = self.text.take(&tokenizer.bytes(next));
            watch(Step {
                text: self.text.settled(),
                tokens: self.new,
                recording: &|| self.recording(End::Cancelled),
            });
            if stops {
                return self.end(End::StopText, job);
            }
        }
    }

    fn end(&mut self, end: End, job: &Job) -> Result<End, GenerateError> {
        self.growing.settle(NO_TOKEN, job)?;
        Ok(end)
    }

    fn recording(&self, ended: End) -> Recording {
        let here = self.growing.num_tokens();
        let mut notes = Vec::new();
        if ended == End::NoNumbers {
            let what = format!("Nothing was chosen behind token {here}: the logits are no numbers");
            notes.push(Note::new(what, "The checkpoint may be damaged: download it again."));
        }
        if ended == End::Cancelled {
            let what = format!("Cancelled: {here} tokens are here");
            notes.push(Note::new(what, "Continue to generate the rest."));
        }
        self.growing.recording(ended, notes)
    }

    fn finish(mut self, ended: End) -> Generated {
        self.growing.finish();
        let recording = self.recording(ended);
        Generated { text: self.text.whole(), tokens: self.new, recording }
    }
}

fn tick(job: &Job, what: &'static str, done: u64, total: u64) -> Result<(), RecordError> {
    Ok(job.progress(what, "tokens", done, total)?)
}
