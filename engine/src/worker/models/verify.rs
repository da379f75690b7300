//! What the model thread does with a rule that is to be executed.

use std::path::Path;

use super::{Ending, Models, OpenModel, lent, problem, unknown_lens};
use crate::checkpoint::{Checkpoint, Tokenizer};
use crate::export::{self, Export};
use crate::generate;
use crate::job::Job;
use crate::knob::{ChoiceOption, Value};
use crate::lens::{self, Selection, View};
use crate::live::{self, Asked, Draft, Prompt, Treatment};
use crate::model::ModelCard;
use crate::recording::depth_of;
use crate::signal::Subject;
use crate::worker::protocol::{VerifyRequest, WriteRequest};

/// The lens whose knobs choose the rule.
const LENS: &str = "exits";

impl Models {
    pub(super) fn verify(&mut self, job: &Job, request: &VerifyRequest) -> Result<View, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, model: place, .. }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open the one that made the recording, then verify again."));
        };
        let (recording, tokenizer) = (request.recording.0.as_ref(), tokenizer.as_ref());
        lent(place, (checkpoint, tokenizer), job, |model| {
            // As the recording was read out.
            model.set_numerics(recording.manifest.numerics)?;
            let prompt = request.write.as_ref();
            let prompt = prompt
                .map(|write| prompt_of(write, model.card(), checkpoint.as_ref(), tokenizer))
                .transpose()?;
            let piece = |id| tokenizer.map_or_else(|| recording.piece(id), |t| t.piece(id));
            let asked = Asked {
                recording,
                knobs: &request.knobs,
                treatment: request.treatment,
                limit_tokens: request.limit_tokens,
                repeats: request.repeats,
                prompt: prompt.as_ref(),
                piece: &piece,
            };
            Ok(live::verify(model, tokenizer, &asked, job)?)
        })
    }
}

fn prompt_of(
    write: &WriteRequest,
    card: &ModelCard,
    checkpoint: &dyn Checkpoint,
    tokenizer: Option<&Tokenizer>,
) -> Result<Prompt, Ending> {
    let Some(tokenizer) = tokenizer.filter(|_| card.subject == Subject::Token) else {
        let what = "The open checkpoint writes no text".to_owned();
        return Err(problem(what, "Leave the prompt out, or open a decoder."));
    };
    let ids = generate::plain(&write.prompt, tokenizer)?.ids;
    let Some(room) = card.context.checked_sub(ids.len()).filter(|room| *room > 0) else {
        let (found, context) = (ids.len(), card.context);
        let what =
            format!("The prompt is {found} tokens long, and the context of the model {context}");
        return Err(problem(what, "Shorten the prompt."));
    };
    let last = card.layers.saturating_sub(1);
    let depth = write.draft_depth.map_or(card.layers / 2, usize::from);
    if depth > last || write.draft_length == 0 {
        let what = format!("A draft of {} tokens by {depth} blocks", write.draft_length);
        let hint = format!("Draft at least one token, by 0 to {last} blocks.");
        return Err(problem(what, &hint));
    }
    Ok(Prompt {
        ids,
        most_tokens: usize::try_from(write.most_tokens).unwrap_or(usize::MAX).clamp(1, room),
        ends: checkpoint.marks(tokenizer)?.ends,
        draft: Draft { depth: depth_of(depth.min(last)), length: write.draft_length.max(1) },
    })
}

/// Writes what was found, with the rule's knobs and the treatment.
pub(super) fn export(
    request: &VerifyRequest,
    view: &View,
    folder: &Path,
    job: &Job,
) -> Result<(), Ending> {
    let lens = lens::find(LENS).ok_or_else(|| Ending::Problem(unknown_lens(LENS)))?;
    let recording = request.recording.0.as_ref();
    let options = Treatment::ALL.map(|t| ChoiceOption::new(t.id(), t.label())).to_vec();
    let mut knob_cards = lens.knobs(Some(recording), &request.knobs);
    knob_cards.push(live::TREATMENT.card(options));
    let mut knobs = request.knobs.clone();
    knobs.set(live::TREATMENT.id, Value::Choice(request.treatment.id().to_owned()));
    let token_columns = lens.token_columns(recording, &request.knobs);
    let export = Export {
        card: &live::CARD,
        knobs: knobs.resolved(&knob_cards),
        versus: None,
        recording,
        others: &[],
        selection: Selection::default(),
        view,
        token_columns: &token_columns,
    };
    Ok(export::write_view(&export, folder, job)?)
}
