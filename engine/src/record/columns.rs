//! The columns of a recording while it grows.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::dataset::{Data, Sequence};
use crate::model::{ModelCard, NO_TOKEN};
use crate::record::batch::Part;
use crate::record::prefix::Prefix;
use crate::recording::{
    BlockCost, Manifest, Printer, ReadAt, Recording, Sample, Tokens, Top5, fingerprint,
};
use crate::signal::{Signal, Subject};

/// A recording that grows sequence by sequence.
pub(super) struct Columns {
    subject: Subject,
    read_at: ReadAt,
    /// Tokens of each sequence, read out or not.
    pub(super) lengths: Vec<u32>,
    pub(super) tokens: Tokens,
    pub(super) samples: Vec<Sample>,
    /// Of every token, where not every token has a row; `None` in a copy of only some sequences.
    printer: Option<Printer>,
    pub(super) signals: BTreeMap<Signal, Vec<Vec<f32>>>,
    top1: Vec<Vec<u32>>,
    top5: Vec<Vec<Top5>>,
}

/// Longest text of a sample that is kept.
const MOST_TEXT: usize = 2000;

impl Columns {
    pub(super) fn new(card: &ModelCard, read_at: ReadAt, keeps_top5: bool) -> Self {
        let depths = card.layers + 1;
        Self {
            subject: card.subject,
            read_at,
            lengths: Vec::new(),
            tokens: Tokens::default(),
            samples: Vec::new(),
            printer: read_at.has_gaps().then(Printer::default),
            signals: Signal::ALL.iter().map(|s| (*s, vec![Vec::new(); depths])).collect(),
            top1: vec![Vec::new(); depths],
            top5: if keeps_top5 { vec![Vec::new(); depths] } else { Vec::new() },
        }
    }

    /// Some sequences, what they begin with, and what was read out behind that.
    pub(super) fn take(
        &mut self,
        sequences: &[Sequence],
        prefix: Option<&Prefix>,
        own: &Part,
        data: &Data,
    ) {
        let mut at = 0;
        for sequence in sequences {
            let mut rows = self.take_sequence(sequence, data);
            for part in prefix.iter().flat_map(|prefix| &prefix.parts) {
                self.take_part(part, 0..part.rows());
                rows = rows.saturating_sub(part.rows());
            }
            self.take_part(own, at..at + rows);
            at += rows;
        }
    }

    /// Places for the rows of a sequence; what is said about them comes by `take_part`. How many they are.
    fn take_sequence(&mut self, sequence: &Sequence, data: &Data) -> usize {
        let first_token = self.tokens.ids.len();
        let length = sequence.ids.len();
        self.lengths.push(u32::try_from(length).unwrap_or(u32::MAX));
        let source = data.samples.get(sequence.sample);
        let columns = source.map(|s| s.columns.clone()).unwrap_or_default();
        match self.subject {
            Subject::Token | Subject::OwnToken => {
                for at in self.read_at.positions(length) {
                    self.tokens.ids.extend(sequence.ids.get(at));
                    self.tokens.position.push(u32::try_from(at).unwrap_or(NO_TOKEN));
                }
            }
            Subject::Sample => {
                let first = source.map(|s| s.text.as_str()).unwrap_or_default();
                let text = match data.pairs.get(sequence.sample) {
                    None => shortened(first),
                    Some(second) => shortened(&format!("{first} | {second}")),
                };
                self.tokens.texts.push(text);
                self.tokens.ids.push(NO_TOKEN);
                self.tokens.position.push(0);
            }
        }
        if let Some(printer) = &mut self.printer {
            printer.add(&sequence.ids, None, &columns);
        }
        let num_tokens = self.tokens.ids.len() - first_token;
        let sample = u32::try_from(self.samples.len()).unwrap_or(NO_TOKEN);
        self.tokens.sample.extend(std::iter::repeat_n(sample, num_tokens));
        self.samples.push(Sample { columns, first_token, num_tokens });
        num_tokens
    }

    /// What some rows of a part say about tokens that have their place already.
    pub(super) fn take_part(&mut self, part: &Part, rows: Range<usize>) {
        self.tokens.next_ids.extend(some(&part.next_ids, &rows));
        for (signal, depths) in &mut self.signals {
            for (column, new) in depths.iter_mut().zip(part.signal(*signal)) {
                column.extend(some(new, &rows));
            }
        }
        for (column, new) in self.top1.iter_mut().zip(part.top_ids()) {
            column.extend(some(new, &rows).iter().map(|[first, ..]| *first));
        }
        let top5 = part.top_ids().zip(part.top_probs());
        for (column, (ids, probs)) in self.top5.iter_mut().zip(top5) {
            let both = some(ids, &rows).iter().zip(some(probs, &rows));
            column.extend(both.map(|(ids, probs)| Top5 { ids: *ids, probs: *probs }));
        }
    }

    /// FLOPs of one block for a row, where every token attends to its whole sequence; a row is a token or a sample.
    pub(super) fn flops_of_a_row(&self, cost: BlockCost) -> f64 {
        let of_sequence = |(length, sample): (&u32, &Sample)| {
            let tokens = match self.subject {
                Subject::Sample => f64::from(*length),
                Subject::Token | Subject::OwnToken => sample.num_tokens as f64,
            };
            tokens * cost.at(f64::from(*length))
        };
        let sum: f64 = self.lengths.iter().zip(&self.samples).map(of_sequence).sum();
        sum / self.tokens.ids.len().max(1) as f64
    }

    /// Of all tokens that ran; empty where nobody knows them any more.
    pub(super) fn fingerprint(&self) -> String {
        match &self.printer {
            Some(printer) => printer.clone().finish(),
            None if self.read_at.has_gaps() => String::new(),
            None => fingerprint(&self.tokens, &self.samples),
        }
    }

    /// How many rows are here.
    pub(super) fn num_rows(&self) -> usize {
        self.tokens.ids.len()
    }

    /// A copy of the rows from `from` on, their first sequence as number 0. Of one that began before they hold the rest,
    /// at its positions.
    pub(super) fn since(&self, from: usize) -> Self {
        let first = self.samples.partition_point(|s| s.first_token + s.num_tokens <= from);
        let mut samples = self.samples.get(first..).unwrap_or_default().to_vec();
        for sample in &mut samples {
            let end = sample.first_token + sample.num_tokens;
            sample.first_token = sample.first_token.saturating_sub(from);
            sample.num_tokens = end - from - sample.first_token;
        }
        let mut next_ids = tail(&self.tokens.next_ids, from);
        if self.subject == Subject::Token && !self.read_at.has_gaps() {
            // In a table the next token is the one below.
            next_ids.last_mut().into_iter().for_each(|next| *next = NO_TOKEN);
        }
        let number = u32::try_from(first).unwrap_or(NO_TOKEN);
        let sample = tail(&self.tokens.sample, from).into_iter().map(|s| s.saturating_sub(number));
        let tokens = Tokens {
            ids: tail(&self.tokens.ids, from),
            next_ids,
            sample: sample.collect(),
            position: tail(&self.tokens.position, from),
            texts: tail(&self.tokens.texts, from),
        };
        let tails = |depths: &[Vec<f32>]| depths.iter().map(|column| tail(column, from)).collect();
        Self {
            subject: self.subject,
            read_at: self.read_at,
            lengths: tail(&self.lengths, first),
            tokens,
            samples,
            printer: None,
            signals: self.signals.iter().map(|(signal, depths)| (*signal, tails(depths))).collect(),
            top1: self.top1.iter().map(|column| tail(column, from)).collect(),
            top5: self.top5.iter().map(|column| tail(column, from)).collect(),
        }
    }

    pub(super) fn into_recording(
        self,
        manifest: Manifest,
        piece: &dyn Fn(u32) -> String,
    ) -> Recording {
        let Self { tokens, samples, signals, top1, top5, .. } = self;
        let five = top5.iter().flatten().flat_map(|five| &five.ids);
        let said = top1.iter().flatten().chain(five);
        let mut seen = vec![false; manifest.vocab];
        for id in tokens.ids.iter().chain(&tokens.next_ids).chain(said) {
            // `NO_TOKEN` lies outside every vocabulary.
            if let Some(seen) = seen.get_mut(*id as usize) {
                *seen = true;
            }
        }
        let ids = (0_u32..).zip(seen).filter_map(|(id, is_seen)| is_seen.then_some(id));
        let pieces = ids.map(|id| (id, piece(id))).collect();
        Recording {
            manifest,
            tokens,
            samples,
            signals,
            top1,
            top5,
            pieces,
            cubes: Default::default(),
        }
    }
}

/// The begin of a text that is too long for a table of samples.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The end of a column, from `from` on.
fn tail<T: Clone>(column: &[T], from: usize) -> Vec<T> {
    column.get(from..).unwrap_or_default().to_vec()
}

/// Some rows of a column.
fn some<'a, T>(column: &'a [T], rows: &Range<usize>) -> &'a [T] {
    column.get(rows.clone()).unwrap_or_default()
}
