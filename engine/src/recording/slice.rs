//! Parts of a recording: the samples whose columns have certain values.
//!
//! Must not know: rules, lenses.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::recording::{Recording, Sample};

/// Columns with more values than this are not offered: nobody can compare so many.
pub(crate) const MAX_VALUES: usize = 24;

/// Samples whose columns have all of these values; none means every sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slice(Vec<(String, String)>);

/// The samples of a slice; `None` for all of them.
#[derive(Debug)]
pub(super) struct Members(Option<Vec<bool>>);

impl Members {
    pub(super) fn contains(&self, recording: &Recording, token: usize) -> bool {
        self.0.as_ref().is_none_or(|samples| {
            let sample = recording.tokens.sample.get(token);
            sample.and_then(|sample| samples.get(*sample as usize)).is_some_and(|is_in| *is_in)
        })
    }
}

/// A sample column and the values that occur in it, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// Columns in the order of their names.
#[derive(Debug)]
pub(crate) struct Columns(pub(crate) Vec<Column>);

impl Slice {
    /// The whole recording.
    pub(crate) fn all() -> Self {
        Self::default()
    }

    /// The part of this slice in which `column` is `value`.
    pub(crate) fn with(&self, column: &str, value: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push((column.to_owned(), value.to_owned()));
        parts.sort();
        parts.dedup();
        Self(parts)
    }

    /// Name in memory keys; different slices have different names.
    pub(crate) fn key(&self) -> String {
        format!("{:?}", self.0)
    }

    /// The first token of the slice; 0 where it is empty.
    pub(crate) fn first_token(&self, recording: &Recording) -> usize {
        let first = recording.cubes.memo.get(&format!("first token {}", self.key()), || {
            self.ranges(recording).first().map_or(0, |range| range.start)
        });
        *first
    }

    /// Whether a token belongs to the slice can be asked of these very often.
    pub(super) fn members(&self, recording: &Recording) -> Arc<Members> {
        recording.cubes.memo.get(&format!("members {}", self.key()), || {
            if self.0.is_empty() {
                return Members(None);
            }
            Members(Some(recording.samples.iter().map(|sample| self.holds(sample)).collect()))
        })
    }

    fn holds(&self, sample: &Sample) -> bool {
        self.0.iter().all(|(column, value)| sample.columns.get(column) == Some(value))
    }

    /// Token ranges of the slice, ascending; neighbours are joined.
    pub(crate) fn ranges(&self, recording: &Recording) -> Vec<Range<usize>> {
        let num_tokens = recording.num_tokens();
        if self.0.is_empty() {
            return if num_tokens == 0 {
                Vec::new()
            } else {
                std::iter::once(0..num_tokens).collect()
            };
        }
        let rows = recording.cubes.memo.get(&format!("rows {}", self.key()), || {
            recording.rows_of(recording.samples.iter().filter(|sample| self.holds(sample)))
        });
        rows.to_vec()
    }
}

/// How many positions a token attends to in the mean, where attention is causal: its own and those before it in its
/// sequence, no more than `window` where there is one. 0 without tokens.
pub(crate) fn mean_keys<'a>(
    positions: impl Iterator<Item = &'a u32>,
    window: Option<usize>,
) -> f64 {
    let most = window.map_or(u64::MAX, |window| window as u64);
    let add =
        |(keys, tokens), position: &u32| (keys + (u64::from(*position) + 1).min(most), tokens + 1);
    let (keys, tokens) = positions.fold((0_u64, 0_u64), add);
    keys as f64 / tokens.max(1) as f64
}

impl Recording {
    /// Rows of one sample.
    pub(crate) fn rows(&self, sample: &Sample) -> Range<usize> {
        let num_tokens = self.num_tokens();
        let start = sample.first_token.min(num_tokens);
        start..start.saturating_add(sample.num_tokens).min(num_tokens)
    }

    /// Rows of some samples, which come in the order of the recording; neighbours are joined.
    pub(crate) fn rows_of<'a>(
        &self,
        samples: impl Iterator<Item = &'a Sample>,
    ) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for rows in samples.map(|sample| self.rows(sample)) {
            match ranges.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ if !rows.is_empty() => ranges.push(rows),
                _ => {}
            }
        }
        ranges
    }

    /// How many positions a token of the slice attends to in the mean.
    pub(crate) fn mean_keys(&self, slice: &Slice, window: Option<usize>) -> f64 {
        let count = || {
            let ranges = slice.ranges(self);
            let parts = ranges.iter().filter_map(|range| self.tokens.position.get(range.clone()));
            mean_keys(parts.flatten(), window)
        };
        *self.cubes.memo.get(&format!("mean keys {window:?} {}", slice.key()), count)
    }

    /// Sample columns with at most `MAX_VALUES` values. Numbers are ordered as numbers.
    pub(crate) fn slice_columns(&self) -> Arc<Columns> {
        self.cubes.memo.get("slice columns", || {
            let mut found: BTreeMap<&str, std::collections::BTreeSet<&str>> = BTreeMap::new();
            for sample in &self.samples {
                for (name, value) in &sample.columns {
                    let values = found.entry(name).or_default();
                    if values.len() <= MAX_VALUES {
                        values.insert(value);
                    }
                }
            }
            let columns = found
                .into_iter()
                .filter(|(_, values)| values.len() <= MAX_VALUES)
                .map(|(name, values)| {
                    let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
                    values.sort_by(|a, b| reading_order(a, b));
                    Column { name: name.to_owned(), values }
                })
                .collect();
            Columns(columns)
        })
    }
}

/// Numbers before words, numbers by size, words by letters.
fn reading_order(a: &str, b: &str) -> std::cmp::Ordering {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| !n.is_nan());
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers_and_stand_before_words() {
        let mut values = vec!["10", "b", "9", "a", "2"];
        values.sort_by(|a, b| reading_order(a, b));
        assert_eq!(values, ["2", "9", "10", "a", "b"]);
    }

    #[test]
    fn a_slice_knows_how_much_its_tokens_attend_to() {
        // 1 + 2 + 3 and 1 + 2 keys.
        assert_eq!(mean_keys([0, 1, 2, 0, 1].iter(), None), 1.8);
        assert_eq!(mean_keys([0, 1, 2, 0, 1].iter(), Some(2)), 1.6);
        assert_eq!(mean_keys([].iter(), None), 0.0);
        let mut recording = crate::recording::synthetic(64, 2, 1);
        recording.tokens.position.iter_mut().skip(16).take(16).for_each(|at| *at += 100);
        // Samples of 16 tokens take turns: story, hops.
        let keys = |task| recording.mean_keys(&Slice::all().with("task", task), None);
        assert_eq!((keys("story"), keys("hops"), keys("none")), (8.5, 58.5, 0.0));
    }
}
