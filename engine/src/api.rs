//! What an app may name. No tensor type, no file handle, no model is reachable from here.

pub use crate::checkpoint::ClassMeansFrom;
pub use crate::count::counted;
pub use crate::dataset::Cut;
pub use crate::figure::{
    Axis, ColorMap, Direction, Figure, Heat, Ink, Mark, OTHERS, Palette, Pick, PngError, Rgb,
    Round, Scale, Size, Theme, round_step, thin_line, to_csv, to_png, to_svg, wants_dark_text,
};
pub use crate::generate::Settings as GenerateSettings;
pub use crate::job::{JobId, Progress, per_second};
pub use crate::kernel::numerics::Numerics;
pub use crate::knob::{
    ChoiceOption, KnobCard, KnobError, KnobKind, Knobs, Part, Places, PlacesKnob, Value,
};
pub use crate::lens::{
    DataTable, LensCard, Reading, ReadingKind, ReadingRow, RowColumn, RowsRequest, Selection,
    Suggestion, TokenRows, Versus, View,
};
pub use crate::live::Treatment;
pub use crate::means::MadeMeans;
pub use crate::measure::{
    Absent as BenchAbsent, Machine as BenchMachine, Model as BenchModel, Report as BenchReport,
    Row as BenchRow, Source as BenchSource, Work as BenchWork,
};
pub use crate::model::{ModelCard, Point, Pooling};
pub use crate::notes::Note;
pub use crate::policy::COST_MODEL_KNOBS;
pub use crate::recording::{
    BlockCost, End, Generation, Manifest, Provenance, ReadAt, Recording, Sampling, Top5,
};
pub use crate::signal::{ReadBy, Subject};
pub use crate::worker::{
    BenchRequest, Blame, Command, Engine, Event, GenerateRequest, Input, Inspected, Live, Look,
    MeansRequest, Problem, RecordRequest, Shared, SkipGenerate, SkipRequest, Start, VerifyRequest,
    WriteRequest,
};

/// The card of every lens, in the order of menus.
pub fn lenses() -> Vec<&'static LensCard> {
    crate::lens::LENSES.iter().map(|lens| lens.card()).collect()
}

/// The knobs of a lens as they are for this recording and these values; empty for an unknown lens.
pub fn knobs(lens: &str, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    crate::lens::find(lens).map(|lens| lens.knobs(recording, knobs)).unwrap_or_default()
}

/// Whether a lens looks at recordings of other models beside the first.
pub fn looks_at_others(lens: &str) -> bool {
    crate::lens::find(lens).is_some_and(|lens| lens.over_members().is_some())
}

/// Whether a recording can stand beside another: both are of the same data, row by row.
pub fn check_beside(first: &Shared<Recording>, other: &Shared<Recording>) -> Result<(), Problem> {
    crate::worker::check_beside(first, other)
}

/// An exit rule or a skip rule, for menus and lists.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RuleListing {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case.
    pub label: &'static str,
    /// One line: when a token stops, or what is left out.
    pub meaning: &'static str,
    /// Paper, section, or code.
    pub source: &'static str,
    /// Its own knobs, with the ranges of a usual model.
    pub knobs: Vec<KnobCard>,
}

/// Every exit rule, in the order of menus.
pub fn exit_rules() -> Vec<RuleListing> {
    use crate::policy::{About, RULES};
    let listing = |rule: &&dyn crate::policy::RuleEntry| {
        let card = rule.card();
        let (id, label, meaning, source) = (card.id, card.label, card.meaning, card.source);
        RuleListing { id, label, meaning, source, knobs: rule.knobs(&About::of(None)) }
    };
    RULES.iter().map(listing).collect()
}

/// Every skip rule, in the order of menus.
pub fn skip_rules() -> Vec<RuleListing> {
    use crate::policy::skip::{Entry, RULES};
    let listing = |rule: &&'static Entry| {
        let card = &rule.card;
        let (id, label, meaning, source) = (card.id, card.label, card.meaning, card.source);
        RuleListing { id, label, meaning, source, knobs: rule.usual_knobs() }
    };
    RULES.iter().map(listing).collect()
}

/// The knobs of a run with skips as they are for this recording and these values: the rule, its own, and those of what
/// is measured besides.
pub fn skip_knobs(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    crate::skips::cards(recording, knobs)
}

/// Names of the training runs, in the order in which they are listed.
pub fn training_runs() -> Vec<&'static str> {
    crate::train::RUNS.iter().map(|run| run.name()).collect()
}

/// What `path` holds, read from its header only: no weight and no table is touched.
pub fn inspect(path: &std::path::Path) -> Result<Inspected, Problem> {
    crate::worker::inspect(path)
}

/// Whether a recording could be written to `folder`: it is new, empty or holds an older recording, and a file can be
/// made there. Leaves everything as it was.
pub fn check_recording_folder(folder: &std::path::Path) -> Result<(), Problem> {
    crate::worker::check_recording_folder(folder)
}

/// Whether settings of a sampler mean something.
pub fn check_sampling(sampling: &Sampling) -> Result<(), Problem> {
    crate::worker::check_sampling(sampling)
}

/// Whether a folder looks like one of images, for a model that reads images; from a few names, no file is read.
pub fn is_folder_of_images(path: &std::path::Path) -> bool {
    crate::dataset::images::is_folder_of_images(path)
}

/// Columns of a data file that can hold the text.
pub fn data_columns(path: &std::path::Path) -> Result<Vec<String>, Problem> {
    crate::worker::data_columns(path)
}

/// What `benches/` measures; the inside of the engine stays closed to everybody else.
#[cfg(feature = "bench")]
pub mod bench_support {
    use std::path::Path;
    use std::time::Instant;

    use crate::job::Job;
    use crate::knob::{KnobCard, KnobKind, Knobs, Value};
    use crate::lens::{Members, Selection};
    use crate::recording::{Recording, synthetic};

    /// Matrix products.
    pub use crate::kernel::bench as products;

    /// Writes a synthetic recording; says why not.
    pub fn write(num_tokens: usize, num_layers: usize, folder: &Path) -> Result<(), String> {
        let recording = synthetic(num_tokens, num_layers, 1);
        recording.save(folder, &Job::unattended()).map_err(|error| error.to_string())
    }

    /// How long views of one lens take, in milliseconds.
    #[derive(Debug)]
    pub struct Views {
        /// Which rule.
        pub rule: &'static str,
        /// The first one, in which everything is counted.
        pub first: f64,
        /// One for each position of each knob, in no order; the one that trades answers for depth stands in front.
        pub moves: Vec<(&'static str, Vec<f64>)>,
    }

    /// Milliseconds of a view, as a request of the window makes it.
    fn timed(lens: &str, recording: &Recording, knobs: &Knobs, selection: Selection) -> f64 {
        let Some(lens) = crate::lens::find(lens) else { return f64::NAN };
        let members = Members { first: recording, others: Vec::new() };
        let begin = Instant::now();
        let view = crate::lens::look(lens, &members, knobs, None, selection);
        let millis = begin.elapsed().as_secs_f64() * 1000.0;
        drop(view);
        millis
    }

    /// Values to which a knob is moved, at most so many.
    fn values(card: &KnobCard, most: u32) -> Vec<Value> {
        match &card.kind {
            KnobKind::Real { .. } | KnobKind::Integer { .. } => {
                crate::policy::positions(card, most)
            }
            KnobKind::Choice { options, .. } => {
                let options = options.iter().take(most as usize);
                options.map(|option| Value::Choice(option.id.clone())).collect()
            }
            // From every depth to a few.
            KnobKind::Places { first, last, .. } => (0..u16::try_from(most).unwrap_or(u16::MAX))
                .map(|gap| Value::Choice(format!("{first}, {}-{last}", first + 1 + gap)))
                .take(usize::from(last - first))
                .collect(),
        }
    }

    /// Views of the exits lens, rule by rule, at so many positions of each of its knobs; of the rules that are named, if any
    /// are.
    pub fn rule_views(
        num_tokens: usize,
        num_layers: usize,
        num_positions: u32,
        named: &[String],
    ) -> Vec<Views> {
        let recording = synthetic(num_tokens, num_layers, 1);
        let selection = Selection { token: Some(num_tokens / 2) };
        let of_rule = |rule: &&'static dyn crate::policy::RuleEntry| {
            let mut knobs = Knobs::default();
            knobs.set("rule", Value::Choice(rule.card().id.to_owned()));
            let view = |knobs: &Knobs| timed("exits", &recording, knobs, selection);
            let moved = |card: &KnobCard| {
                let mut knobs = knobs.clone();
                let values = values(card, num_positions);
                // Steps of 7 visit every position once where 7 does not divide their number.
                let order = (0..values.len()).filter_map(|at| values.get(at * 7 % values.len()));
                let moves = order.map(|value| {
                    knobs.set(card.id, value.clone());
                    view(&knobs)
                });
                (card.id, moves.collect())
            };
            let first = view(&knobs);
            let lens = crate::lens::find("exits");
            let cards = lens.map(|lens| lens.knobs(Some(&recording), &knobs)).unwrap_or_default();
            let mut cards: Vec<_> = cards.into_iter().filter(|card| card.id != "rule").collect();
            cards.sort_by_key(|card| card.id != rule.card().main);
            Views { rule: rule.card().id, first, moves: cards.iter().map(moved).collect() }
        };
        let is_asked = |rule: &&&'static dyn crate::policy::RuleEntry| {
            named.is_empty() || named.iter().any(|id| id == rule.card().id)
        };
        crate::policy::RULES.iter().filter(is_asked).map(of_rule).collect()
    }

    /// Milliseconds of the first view of a lens with its knobs as they are, and of a second one.
    pub fn first_view(num_tokens: usize, num_layers: usize, lens: &str) -> [f64; 2] {
        let recording = synthetic(num_tokens, num_layers, 1);
        [(); 2].map(|()| timed(lens, &recording, &Knobs::default(), Selection::default()))
    }

    /// Milliseconds of the first view, in which everything is counted, and of one view for each threshold after it.
    pub fn views(num_tokens: usize, num_layers: usize, thresholds: &[f64]) -> (f64, Vec<f64>) {
        let recording = synthetic(num_tokens, num_layers, 1);
        let selection = Selection { token: Some(num_tokens / 2) };
        let view = |threshold: f64| {
            let mut knobs = Knobs::default();
            knobs.set("threshold", Value::Real(threshold));
            timed("exits", &recording, &knobs, selection)
        };
        (view(0.5), thresholds.iter().map(|threshold| view(*threshold)).collect())
    }
}
