//! The classes of a data set: its different labels.

use std::collections::{BTreeMap, BTreeSet};

use super::MeansError;
use crate::count::counted;
use crate::dataset::Data;
use crate::notes::Note;

/// Most different labels: more are no classes but the samples themselves.
const MOST: usize = 1 << 16;

/// The classes, and which one each sample is of.
pub(super) struct Labels {
    /// By number where all are whole numbers, else by letter.
    pub(super) names: Vec<String>,
    /// Of each sample of the data; `None` where it has no label.
    classes: Vec<Option<usize>>,
}

impl Labels {
    /// Labels are taken as they stand, but for spaces around them.
    pub(super) fn of(data: &Data) -> Result<Self, MeansError> {
        let Some(column) = &data.label else {
            let found = data.samples.first().map(|s| s.columns.keys().cloned().collect());
            let (found, data) = (found.unwrap_or_default(), data.name.clone());
            return Err(MeansError::NoLabels { found, data });
        };
        let labels: Vec<Option<&str>> = data
            .samples
            .iter()
            .map(|sample| sample.columns.get(column).map(|label| label.trim()))
            .map(|label| label.filter(|label| !label.is_empty()))
            .collect();
        let different: BTreeSet<&str> = labels.iter().copied().flatten().collect();
        let (found, column, data) = (different.len(), column.clone(), data.name.clone());
        match found {
            0 => return Err(MeansError::NoLabels { found: vec![column], data }),
            1 => {
                let label = different.first().copied().unwrap_or_default().to_owned();
                return Err(MeansError::OneClass { label, column, data });
            }
            2..=MOST => {}
            _ => return Err(MeansError::TooManyClasses { found, allowed: MOST, column, data }),
        }
        let mut names: Vec<&str> = different.into_iter().collect();
        if names.iter().all(|label| label.parse::<i64>().is_ok()) {
            names.sort_by_key(|label| label.parse::<i64>().unwrap_or_default());
        }
        let numbered: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(class, label)| (*label, class)).collect();
        let classes = labels.iter().map(|label| numbered.get((*label)?).copied()).collect();
        Ok(Self { names: names.into_iter().map(str::to_owned).collect(), classes })
    }

    /// The class of a sample of the data.
    pub(super) fn class_of(&self, sample: usize) -> Option<usize> {
        self.classes.get(sample).copied().flatten()
    }

    /// How many samples no class is known of.
    pub(super) fn note(&self) -> Option<Note> {
        let without = self.classes.iter().filter(|class| class.is_none()).count();
        let what = format!("Left out, because they have no label: {}", counted(without, "sample"));
        (without > 0).then(|| Note::new(what, ""))
    }
}
