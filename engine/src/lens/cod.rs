//! How far can the full depth be foretold from the first exits? Clusters of difficulty, one curve for each.
//!
//! # Question
//! If only the exits up to some depth were known, how well could the accuracy at full depth be predicted?
//! # Source
//! COD: arXiv 2502.17262 (ICLR 2026), the pipeline of clusters, curves, filter, predictable subset and map. The inside of
//! the improved mean-shift is ours, as are compute in units of the first exit and the price of the spline's bends; the
//! quartic is the first version's, its form remembered. That the series is the exits of one model is an extension.
//! # What it records
//! NLL or first choice of every token (or sample) with a known truth, at every depth; FLOPs of every block.
//! # What it shows
//! Curves of the clusters, the forecast over depth, the map from the predictable subset to all items, the error of each
//! way to predict, sizes of clusters, and items in the plane of two principal components.
//! # Knobs
//! known-depth, first-depth, feature, radius, least-size, guess, least-a, least-b, most-c, least-level, least-rise,
//! map, items, seed.
//! # What is modelled
//! Compute of an exit: FLOPs of the blocks before it and one readout, from shapes.
//! # What cannot be known here
//! What a larger model would do: exits of one model are no models of rising size.

mod curve;
mod figures;
mod forecast;
mod items;
mod knobs;
mod mean_shift;
mod monotone;
mod readings;
#[cfg(test)]
mod tests;

use crate::figure::cell;
use crate::knob::{KnobCard, Knobs};
use crate::lens::{Lens, LensCard, Selection, TokenColumns, View};
use crate::recording::Recording;
use crate::signal::Subject;
use forecast::{Forecast, Settings, Verdict, clustered};
use items::{Feature, Missing};
use knobs::settings;

/// Registry entry.
pub(super) static LENS: Cod = Cod;

/// How far can the full depth be foretold?
#[derive(Debug)]
pub(super) struct Cod;

static CARD: LensCard = LensCard {
    id: "cod",
    name: "Growing exits",
    question: "If only the first exits were known, how well could the full depth be predicted?",
    source: "COD, arXiv 2502.17262 (ICLR 2026): clusters of difficulty, curves, filter, predictable subset, map. Extension of ours: the series is the exits of one model; ours, too, are the inside of the mean-shift and how much the spline bends; the quartic map is remembered, not read",
    modelled: "Compute of an exit: FLOPs of the blocks before it and one readout, in units of the first exit's",
    unknown: "What a larger model would do: exits of one model are no models of rising size, and probabilities of one answer are no pass rates of sampled answers",
};

/// All that the figures are drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    settings: Settings,
    forecast: Option<Forecast>,
    /// Why there is none.
    missing: Option<Missing>,
}

impl<'a> Scene<'a> {
    fn new(recording: &'a Recording, knobs: &Knobs) -> Self {
        let settings = settings(recording, knobs);
        let (forecast, missing) = match clustered(recording, settings.groups) {
            Ok(clustered) => (Some(Forecast::new(clustered, settings.filter, settings.form)), None),
            Err(missing) => (None, Some(missing)),
        };
        Self { recording, settings, forecast, missing }
    }

    /// What is on the axes: the mean of the feature.
    fn accuracy(&self) -> &'static str {
        match (self.settings.groups.series.feature, self.recording.subject()) {
            (Feature::Correctness, _) => "Accuracy",
            (Feature::Probability, Subject::Sample) => "Mean probability of the label",
            (Feature::Probability, _) => "Mean probability of the next token",
        }
    }
}

impl Lens for Cod {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, _: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, _: Selection) -> View {
        let scene = Scene::new(recording, knobs);
        View {
            figures: vec![
                figures::forecast(&scene),
                figures::curves(&scene),
                figures::map(&scene),
                figures::errors(&scene),
                figures::sizes(&scene),
                figures::plane(&scene),
            ],
            readings: readings::readings(&scene),
            tables: readings::tables(&scene),
            suggestions: Vec::new(),
            notes: readings::notes(&scene),
            versus: None,
        }
    }

    /// | column | meaning |
    /// |---|---|
    /// | cluster | number of its cluster, 1 the largest; "none" for an item in no cluster, empty for what is no item |
    /// | predictable | 1 where the filter takes the curve of the cluster, 0 where not |
    /// | value_known, value_full | its pass rate at the last known exit and at full depth |
    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a> {
        let names = ["cluster", "predictable", "value_known", "value_full"];
        let scene = Scene::new(recording, knobs);
        let cells = move |token: usize| {
            let absent = || vec![String::new(); names.len()];
            let Some(forecast) = &scene.forecast else {
                return absent();
            };
            let items = &forecast.clustered.items;
            let Ok(item) = items.rows.binary_search(&token) else {
                return absent();
            };
            let label = forecast.clustered.clusters.of_point.get(item).copied().flatten();
            let verdict = label.and_then(|label| forecast.verdicts.get(label));
            let is_predictable = verdict == Some(&Verdict::Predictable);
            let values = items.values.get(item).map(Vec::as_slice).unwrap_or_default();
            let value = |value: Option<&f64>| value.copied().map(cell).unwrap_or_default();
            vec![
                label.map_or_else(|| "none".to_owned(), |label| (label + 1).to_string()),
                u8::from(is_predictable).to_string(),
                value(items.known(values).last()),
                value(values.last()),
            ]
        };
        TokenColumns { names: names.map(str::to_owned).to_vec(), cells: Box::new(cells) }
    }
}
