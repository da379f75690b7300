//! Samples become token sequences no longer than the model's context; a sequence never mixes two samples.

use crate::checkpoint::{Encoded, Tokenizer};
use crate::count::counted;
use crate::dataset::{Data, DataError, TextSample};
use crate::job::Job;
use crate::notes::Note;
use crate::signal::Subject;

/// Token ids that are run together, from one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) ids: Vec<u32>,
    /// Which of two texts each is from; empty where there is one.
    pub(crate) segments: Vec<u32>,
    /// Index of its sample in the data set.
    pub(crate) sample: usize,
}

/// How many tokens some sequences have.
pub(crate) fn tokens_of(sequences: &[Sequence]) -> u64 {
    sequences.iter().map(|sequence| sequence.ids.len() as u64).sum()
}

/// Sequences in the order of their samples, and what was done differently than asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Packed {
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) notes: Vec<Note>,
}

/// Tokenizes, cuts at `context` tokens, and stops after `limit_tokens`.
///
/// Each piece of a cut sample is a sequence of its own, and its last token has no next one. Every sequence
/// has at least one token. Where the subject is the sample it stays one sequence: what is beyond the context is
/// left out, and a sample that the limit would cut is not run. A pair of texts is one sequence, too.
pub(crate) fn pack(
    data: &Data,
    tokenizer: &Tokenizer,
    subject: Subject,
    context: usize,
    limit_tokens: Option<u64>,
    job: &Job,
) -> Result<Packed, DataError> {
    let encode = |sample: usize, text: &str| {
        if let Some(second) = data.pairs.get(sample) {
            return Ok(tokenizer.encode_pair(text, second, context)?);
        }
        let (ids, was_cut) = match subject {
            Subject::Token | Subject::OwnToken => (tokenizer.encode(text)?, false),
            Subject::Sample => tokenizer.encode_within(text, context)?,
        };
        Ok(Encoded { ids, segments: Vec::new(), was_cut })
    };
    pack_with(&data.samples, encode, subject, context, limit_tokens, job)
}

/// `encode` takes the number of a sample and its text.
fn pack_with(
    samples: &[TextSample],
    encode: impl Fn(usize, &str) -> Result<Encoded, DataError>,
    subject: Subject,
    context: usize,
    limit_tokens: Option<u64>,
    job: &Job,
) -> Result<Packed, DataError> {
    let context = context.max(1);
    let mut left = limit_tokens.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut sequences = Vec::new();
    let (mut empty, mut cut, mut lost_tokens, mut begun) = (0_usize, 0_usize, 0_usize, 0_usize);
    for (sample, TextSample { text, .. }) in samples.iter().enumerate() {
        job.progress("Tokenizing", "samples", sample as u64, samples.len() as u64)?;
        if left == 0 {
            break;
        }
        // A tokenizer that puts <s> in front would make a token out of nothing.
        let is_empty = text.trim().is_empty();
        let Encoded { mut ids, mut segments, was_cut } =
            if is_empty { Encoded::default() } else { encode(sample, text)? };
        if subject == Subject::Sample && ids.len() > left {
            break;
        }
        begun = sample + 1;
        cut += usize::from(was_cut);
        if ids.is_empty() {
            empty += 1;
            continue;
        }
        lost_tokens = ids.len().saturating_sub(left);
        ids.truncate(left);
        segments.truncate(left);
        left -= ids.len();
        cut += usize::from(ids.len() > context);
        // Only one text is ever longer than the context: pairs are one chunk.
        sequences.extend(ids.chunks(context).map(|ids| Sequence {
            ids: ids.to_owned(),
            segments: segments.clone(),
            sample,
        }));
    }
    job.progress("Tokenizing", "samples", samples.len() as u64, samples.len() as u64)?;
    let mut notes = Vec::new();
    if empty > 0 {
        notes.push(Note::new(format!("Skipped without text: {}", counted(empty, "sample")), ""));
    }
    if cut > 0 {
        let (context, cut) = (counted(context, "token"), counted(cut, "sample"));
        let what = format!("Cut at the model's context of {context}: {cut}");
        notes.push(Note::new(what, "Shorter texts are run whole."));
    }
    let unread = samples.len() - begun;
    if let Some(limit) = limit_tokens
        && unread + lost_tokens > 0
    {
        let (limit, all) = (counted(limit, "token"), counted(samples.len(), "sample"));
        let lost = counted(lost_tokens, "token");
        let short = format!(", the last one that was run is short of {lost}");
        let short = if lost_tokens > 0 { short } else { String::new() };
        let what = format!("Stopped at the limit of {limit}: {unread} of {all} left out{short}");
        notes.push(Note::new(what, "Raise the token limit to run more."));
    }
    Ok(Packed { sequences, notes })
}

/// Images have `places` places each; one that the limit would cut is not run.
pub(crate) fn pack_images(count: usize, places: usize, limit_tokens: Option<u64>) -> Packed {
    let most = limit_tokens.map_or(u64::MAX, |limit| limit / places.max(1) as u64);
    let run = usize::try_from(most).map_or(count, |most| most.min(count));
    let sequences =
        (0..run).map(|sample| Sequence { ids: vec![0; places], segments: Vec::new(), sample });
    let sequences = sequences.collect();
    let mut notes = Vec::new();
    if run < count {
        let all = counted(count, "image");
        let what = format!("Stopped at the token limit: {run} of {all} are run");
        notes.push(Note::new(what, "Raise the token limit to run more."));
    }
    Packed { sequences, notes }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::job::CancelSwitch;

    fn samples(texts: &[&str]) -> Vec<TextSample> {
        let sample =
            |text: &&str| TextSample { text: (*text).to_owned(), columns: BTreeMap::new() };
        texts.iter().map(sample).collect()
    }

    /// A token per letter, with a first token in front of each text.
    fn letters(text: &str) -> Vec<u32> {
        [1].into_iter().chain(text.chars().map(u32::from)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands where a tokenizer may fail")]
    fn whole(_: usize, text: &str) -> Result<Encoded, DataError> {
        Ok(Encoded { ids: letters(text), ..Encoded::default() })
    }

    fn packed(
        texts: &[&str],
        context: usize,
        limit: Option<u64>,
    ) -> (Vec<(usize, usize)>, Vec<String>) {
        let job = Job::unattended();
        let packed =
            pack_with(&samples(texts), whole, Subject::Token, context, limit, &job).unwrap();
        let sizes = packed.sequences.iter().map(|s| (s.sample, s.ids.len())).collect();
        (sizes, packed.notes.into_iter().map(|note| note.what).collect())
    }

    #[test]
    fn a_sequence_is_a_sample_where_nothing_has_to_be_cut() {
        assert_eq!(packed(&["ab", "c"], 8, None), (vec![(0, 3), (1, 2)], vec![]));
    }

    #[test]
    fn long_samples_are_cut_and_empty_ones_skipped_and_both_are_said() {
        let (sizes, notes) = packed(&["", "abcdefg", " \n", "x"], 3, None);
        assert_eq!(sizes, [(1, 3), (1, 3), (1, 2), (3, 2)]);
        assert_eq!(
            notes,
            [
                "Skipped without text: 2 samples.",
                "Cut at the model's context of 3 tokens: 1 sample."
            ]
        );
    }

    #[test]
    fn the_limit_holds_to_the_token_and_says_what_is_left_out() {
        let (sizes, notes) = packed(&["abc", "defg", "h", "i"], 8, Some(6));
        assert_eq!(sizes, [(0, 4), (1, 2)]);
        assert_eq!(
            notes,
            ["Stopped at the limit of 6 tokens: 2 of 4 samples left out, the last one that was \
              run is short of 3 tokens."]
        );
        assert_eq!(
            packed(&["", "abc"], 8, Some(1)).1[1],
            "Stopped at the limit of 1 token: 0 of 2 samples left out, the last one that was run \
             is short of 3 tokens."
        );
        assert_eq!(
            packed(&["abc", "d"], 8, Some(4)).1,
            ["Stopped at the limit of 4 tokens: 1 of 2 samples left out."]
        );
        assert_eq!(packed(&["abc"], 8, Some(4)).1, Vec::<String>::new());
        assert_eq!(packed(&["abc"], 8, Some(0)).0, []);
    }

    #[test]
    fn a_sample_that_is_the_subject_is_run_whole_or_not_at_all() {
        let job = Job::unattended();
        let cut_at_4 = |_: usize, text: &str| {
            let mut ids = letters(text);
            let was_cut = ids.len() > 4;
            ids.truncate(4);
            Ok(Encoded { ids, was_cut, ..Encoded::default() })
        };
        let run = |limit| {
            let texts = samples(&["ab", "abcdefg", "cd"]);
            let packed = pack_with(&texts, cut_at_4, Subject::Sample, 4, limit, &job).unwrap();
            let sizes: Vec<_> = packed.sequences.iter().map(|s| (s.sample, s.ids.len())).collect();
            let notes: Vec<_> = packed.notes.into_iter().map(|note| note.what).collect();
            (sizes, notes)
        };
        let cut = "Cut at the model's context of 4 tokens: 1 sample.";
        assert_eq!(run(None), (vec![(0, 3), (1, 4), (2, 3)], vec![cut.to_owned()]));
        let stopped = "Stopped at the limit of 9 tokens: 1 of 3 samples left out.";
        let expected = (vec![(0, 3), (1, 4)], vec![cut.to_owned(), stopped.to_owned()]);
        assert_eq!(run(Some(9)), expected);
    }

    #[test]
    fn images_are_run_whole() {
        let packed = pack_images(3, 5, Some(14));
        let sizes: Vec<_> = packed.sequences.iter().map(|s| (s.sample, s.ids.len())).collect();
        assert_eq!(sizes, [(0, 5), (1, 5)]);
        assert_eq!(packed.notes[0].what, "Stopped at the token limit: 2 of 3 images are run.");
        assert_eq!(pack_images(3, 5, Some(15)).notes, []);
    }

    #[test]
    fn a_model_without_context_gets_one_token_at_a_time() {
        assert_eq!(packed(&["a"], 0, None).0, [(0, 1), (0, 1)]);
    }

    #[test]
    fn a_cancelled_job_leaves_nothing() {
        let switch = CancelSwitch::default();
        switch.cancel();
        let job = Job::new(switch, |_| {});
        let done = pack_with(&samples(&["abc"]), whole, Subject::Token, 8, None, &job);
        assert!(matches!(done, Err(DataError::Cancelled(_))));
    }
}
