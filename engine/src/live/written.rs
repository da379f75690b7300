//! What a comparison of two written texts shows.

use crate::count::counted;
use crate::figure::{Axis, Figure, Ink, Mark};
use crate::lens::{DataTable, Reading, ReadingKind, View};
use crate::live::treatment::Treatment;
use crate::live::writing::{Compared, Passes, Written};
use crate::model::{ModelCard, NO_TOKEN};
use crate::notes::Note;

/// Adds both texts to a view.
pub(super) fn add(
    view: &mut View,
    (done, treatment): (&Compared, Treatment),
    card: &ModelCard,
    piece: &dyn Fn(u32) -> String,
) {
    view.figures.push(figure(done));
    view.readings.extend(readings(done, treatment, card));
    view.tables.push(table(done, piece));
    view.notes.extend(notes(done, treatment, piece));
}

fn readings(done: &Compared, treatment: Treatment, card: &ModelCard) -> Vec<Reading> {
    use ReadingKind::{Exact, Measured, Modelled};
    let Compared { full, live, full_secs, live_secs } = done;
    let is_draft = treatment == Treatment::Speculate;
    // Of the tokens behind the first, which the prompt gives to both.
    let depths = live.depths.get(1..).unwrap_or_default();
    let depth = depths.iter().map(|depth| f64::from(depth.0)).sum::<f64>() / depths.len() as f64;
    let rate = |written: &Written, secs: f64| {
        let rate = (written.ids.len() - 1) as f64 / secs;
        Some(rate).filter(|rate| rate.is_finite() && *rate > 0.0)
    };
    let (full_rate, live_rate) = (rate(full, *full_secs), rate(live, *live_secs));
    let same = done.same_until();
    let longest = full.ids.len().max(live.ids.len());
    let cost = |written: &Written| {
        let cost = written.passes.flops(card) / (written.ids.len() - 1) as f64;
        Some(cost).filter(|cost| cost.is_finite() && *cost > 0.0)
    };
    let modelled = cost(full).zip(cost(live)).map(|(full, live)| full / live);
    let accepted = live.accepted as f64 / live.drafted as f64;
    let one = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    let mut readings = vec![
        one("written_tokens", "Written tokens", Some(live.ids.len() as f64), "tokens", Exact),
        one(
            "written_depth",
            "Mean exit depth while writing",
            Some(depth).filter(|d| d.is_finite() && !is_draft),
            "layers",
            Exact,
        ),
        one(
            "written_same",
            "Written as the full model writes, from the start",
            Some(same as f64),
            "tokens",
            Exact,
        ),
        one(
            "written_agreement",
            "Written tokens that are the full model's at their place",
            Some(done.same_places() as f64 / longest as f64),
            "fraction",
            Exact,
        ),
        one("written_rate_full", "Writing, full model", full_rate, "tokens/s", Measured),
        one("written_rate_live", "Writing, with exits", live_rate, "tokens/s", Measured),
        one(
            "written_speedup",
            "Speedup of writing",
            full_rate.zip(live_rate).map(|(full, live)| live / full),
            "x",
            Measured,
        ),
        one("written_speedup_modelled", "Speedup of writing (modelled)", modelled, "x", Modelled),
        one(
            "written_cache_full",
            "Keys and values while writing, full model",
            Some(full.cache_bytes as f64),
            "bytes",
            Exact,
        ),
        one(
            "written_cache_live",
            "Keys and values while writing, with exits",
            Some(live.cache_bytes as f64),
            "bytes",
            Exact,
        ),
    ];
    if is_draft {
        let drafted = Some(live.drafted as f64);
        let accepted = Some(accepted).filter(|rate| rate.is_finite());
        readings.push(one("drafted", "Drafted tokens", drafted, "tokens", Exact));
        readings.push(one(
            "acceptance_rate",
            "Drafted tokens that were accepted",
            accepted,
            "fraction",
            Exact,
        ));
    }
    readings
}

impl Passes {
    /// FLOPs of one row for each pass over weights: what one token pays, while those that pass with it pay nothing. While one token is
    /// written at a time, reading the weights is what takes the time.
    fn flops(self, card: &ModelCard) -> f64 {
        let projections = 2 * card.width * 2 * card.kv_heads * card.head_dim;
        self.blocks as f64 * card.flops_fixed()
            + self.projections as f64 * projections as f64
            + self.readouts as f64 * card.flops_per_readout()
    }
}

impl Compared {
    /// How many tokens from the start are the same.
    pub(super) fn same_until(&self) -> usize {
        self.full.ids.iter().zip(&self.live.ids).take_while(|(full, live)| full == live).count()
    }

    fn same_places(&self) -> usize {
        self.full.ids.iter().zip(&self.live.ids).filter(|(full, live)| full == live).count()
    }

    fn is_same(&self) -> bool {
        self.full.ids == self.live.ids
    }
}

fn notes(done: &Compared, treatment: Treatment, piece: &dyn Fn(u32) -> String) -> Vec<Note> {
    let text = |written: &Written| {
        let known = written.ids.iter().filter(|id| **id != NO_TOKEN);
        known.map(|id| piece(*id)).collect::<String>()
    };
    let mut notes = Vec::new();
    if done.is_same() {
        let all = counted(done.full.ids.len(), "token");
        let what = format!("With exits the text is the full model's ({all}): {}", text(&done.live));
        notes.push(Note::new(what, ""));
    } else {
        notes.push(Note::new(format!("The full model writes: {}", text(&done.full)), ""));
        let at = done.same_until();
        let what =
            format!("With exits it writes another text from token {at} on: {}", text(&done.live));
        let why = match treatment {
            Treatment::Speculate => {
                "Two logits lie within rounding of each other there; a draft never decides."
            }
            _ => {
                "Tokens that stop earlier say something else, and everything behind them follows that."
            }
        };
        notes.push(Note::new(what, why));
    }
    if treatment != Treatment::Speculate {
        let what = "In a text that is written, what a token says changes what comes after it: the replay is an estimate for every treatment";
        notes.push(Note::new(what, ""));
    }
    notes
}

fn figure(done: &Compared) -> Figure {
    let depths = done.live.depths.iter().enumerate();
    let points = depths.map(|(step, depth)| [step as f64, f64::from(depth.0)]).collect();
    Figure {
        id: "written-depths",
        title: "Where each written token stops".to_owned(),
        x: Axis::integer("Written token"),
        y: Axis::integer("Depth"),
        marks: vec![Mark::Points { label: "Run".to_owned(), points, ink: Ink::Series(1) }],
        picks: Vec::new(),
    }
}

fn table(done: &Compared, piece: &dyn Fn(u32) -> String) -> DataTable {
    let number = |ids: &[u32], step: usize| {
        let id = ids.get(step).copied().filter(|id| *id != NO_TOKEN);
        id.map_or(f64::NAN, f64::from)
    };
    let longest = done.full.ids.len().max(done.live.ids.len());
    let row = |step: usize| {
        let depth = done.live.depths.get(step).map_or(f64::NAN, |depth| depth.0.into());
        vec![step as f64, depth, number(&done.live.ids, step), number(&done.full.ids, step)]
    };
    let text = |step: usize| done.live.ids.get(step).map(|id| piece(*id)).unwrap_or_default();
    DataTable {
        id: "written",
        columns: vec!["step", "live_depth", "live_id", "full_id"],
        rows: (0..longest).map(row).collect(),
        names: Some(("text", (0..longest).map(text).collect())),
    }
}
