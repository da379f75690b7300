//! What a verification shows: replay beside run, token by token, and time beside the model of cost.

use crate::count::counted;
use crate::figure::{Axis, Figure, Ink, Mark};
use crate::lens::{DataTable, Reading, ReadingKind, View};
use crate::live::forced::{Stopped, Timed};
use crate::live::treatment::Treatment;
use crate::model::NO_TOKEN;
use crate::notes::Note;
use crate::policy::{Chosen, flops_saved};
use crate::recording::{Recording, Slice, Tally, depth_of};
use crate::signal::{Depth, Signal, Subject};

/// Rows that the figure of single rows shows.
const SHOWN: usize = 2000;

/// One row: what the replay says and what the run did.
struct Row {
    live: Stopped,
    replay: Depth,
    /// First choices of the full model and, at the depth of the replay, of the recording.
    full_id: u32,
    replay_id: u32,
    full_nll: f32,
    replay_nll: f32,
}

/// Of a run over a recording's own texts.
pub(super) fn view(
    recording: &Recording,
    chosen: &Chosen,
    treatment: Treatment,
    done: &Timed,
) -> View {
    let rows = rows(recording, chosen, &done.live.stopped);
    let subject = recording.subject();
    let is_exact = subject == Subject::Sample || treatment.is_exact();
    View {
        figures: vec![depths(&rows, subject), histogram(&rows, recording.num_layers(), subject)],
        readings: readings(recording, chosen, (&rows, done), is_exact),
        tables: vec![table(recording, &rows)],
        suggestions: Vec::new(),
        notes: notes(recording, (&rows, treatment), is_exact),
        versus: None,
    }
}

fn rows(recording: &Recording, chosen: &Chosen, stopped: &[Stopped]) -> Vec<Row> {
    let exits = chosen.all_exits(recording);
    let last = depth_of(recording.num_layers());
    let nll = |depth: Depth, row: usize| {
        let column = recording.column(Signal::Nll, depth);
        column.and_then(|column| column.get(row)).copied().unwrap_or(f32::NAN)
    };
    let id = |depth: Depth, row| recording.first_choice(depth.index(), row).unwrap_or(NO_TOKEN);
    let row = |live: &Stopped| {
        let replay = exits.get(live.row).copied().unwrap_or(last);
        Row {
            live: *live,
            replay,
            full_id: id(last, live.row),
            replay_id: id(replay, live.row),
            full_nll: nll(last, live.row),
            replay_nll: nll(replay, live.row),
        }
    };
    stopped.iter().map(row).collect()
}

fn readings(
    recording: &Recording,
    chosen: &Chosen,
    (rows, done): (&[Row], &Timed),
    is_exact: bool,
) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Measured, Modelled};
    let replayed = if is_exact { Exact } else { Estimate };
    let share = |holds: fn(&Row) -> bool| {
        let count = rows.iter().filter(|row| holds(row)).count();
        (!rows.is_empty()).then(|| count as f64 / rows.len() as f64)
    };
    // Where the full model chose nothing nothing can agree.
    let agreement = |id: fn(&Row) -> u32| {
        let answered = rows.iter().filter(|row| row.full_id != NO_TOKEN);
        let count = answered.clone().count();
        let same = answered.filter(|row| id(row) == row.full_id).count();
        (count > 0).then(|| same as f64 / count as f64)
    };
    let mean_of = |value: fn(&Row) -> f64| mean(rows.iter().map(value));
    let mut tally = Tally::empty(recording.num_layers() + 1);
    tally.add(recording, rows.iter().map(|row| (row.live.row, row.live.depth)));
    let saved = flops_saved(
        recording,
        &Slice::all(),
        &tally,
        (&chosen.checks, chosen.rule.card().reads_out),
    );
    let speedup = (done.live_secs > 0.0).then(|| done.full_secs / done.live_secs);
    let bytes = |bytes: u64| (done.full_cache_bytes > 0).then_some(bytes as f64);
    let nouns = recording.subject().nouns();
    let count = Some(rows.len() as f64);
    let one = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    vec![
        one("rows", "Rows that were run", count, nouns, Exact),
        one(
            "mean_depth_live",
            "Mean exit depth, run",
            mean_of(|r| r.live.depth.0.into()),
            "layers",
            Exact,
        ),
        one(
            "mean_depth_replay",
            "Mean exit depth, replay",
            mean_of(|r| r.replay.0.into()),
            "layers",
            replayed,
        ),
        one(
            "same_depth",
            "Rows that stop where the replay says",
            share(|r| r.live.depth == r.replay),
            "fraction",
            Exact,
        ),
        one(
            "same_answer",
            "Rows that answer what the replay says",
            share(|r| r.live.id == r.replay_id),
            "fraction",
            Exact,
        ),
        one(
            "agreement_live",
            "Agreement of the run with the full model",
            agreement(|r| r.live.id),
            "fraction",
            Exact,
        ),
        one(
            "agreement_replay",
            "Agreement of the replay with the full model",
            agreement(|r| r.replay_id),
            "fraction",
            replayed,
        ),
        one("nll_full", "NLL of the full model", mean_of(|r| r.full_nll.into()), "nats", Exact),
        one("nll_live", "NLL at the exit, run", mean_of(|r| r.live.nll.into()), "nats", Exact),
        one(
            "nll_replay",
            "NLL at the exit, replay",
            mean_of(|r| r.replay_nll.into()),
            "nats",
            replayed,
        ),
        one("secs_full", "Time of the full run", Some(done.full_secs), "s", Measured),
        one("secs_live", "Time of the run with exits", Some(done.live_secs), "s", Measured),
        one("speedup", "Speedup", speedup, "x", Measured),
        one(
            "speedup_modelled",
            "Speedup (modelled)",
            saved.map(|saved| (1.0 - saved).recip()),
            "x",
            Modelled,
        ),
        one(
            "cache_bytes_full",
            "Keys and values, full run",
            bytes(done.full_cache_bytes),
            "bytes",
            Exact,
        ),
        one(
            "cache_bytes_live",
            "Keys and values, run with exits",
            bytes(done.live.cache_bytes),
            "bytes",
            Exact,
        ),
    ]
}

/// The mean of those that are numbers.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values
        .filter(|value| !value.is_nan())
        .fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn notes(
    recording: &Recording,
    (rows, treatment): (&[Row], Treatment),
    is_exact: bool,
) -> Vec<Note> {
    let subject = recording.subject();
    let mut notes = vec![Note::new(treatment.why(subject), "")];
    let other = rows.iter().filter(|row| row.live.depth != row.replay).count();
    if other > 0 {
        let verb = if other == 1 { "stops" } else { "stop" };
        let what =
            format!("{} {verb} elsewhere than in the replay", counted(other, subject.noun()));
        let why = if is_exact {
            "Fewer rows that run together are summed in another order: what lies within rounding of a threshold can fall on its other side."
        } else {
            "That is what the treatment does to later tokens; recompute gives the replay."
        };
        notes.push(Note::new(what, why));
    }
    let left_out = recording.num_tokens().saturating_sub(rows.len());
    if left_out > 0 {
        let what = format!("Not run within the limit: {}", counted(left_out, subject.noun()));
        notes.push(Note::new(what, "Raise the limit to run more."));
    }
    if rows.len() > SHOWN {
        let what = format!("The figure of single rows shows the first {SHOWN}");
        notes.push(Note::new(what, "The table holds all of them."));
    }
    notes
}

fn depths(rows: &[Row], subject: Subject) -> Figure {
    let points = |depth: fn(&Row) -> Depth| {
        let shown = rows.iter().take(SHOWN);
        shown.map(|row| [row.live.row as f64, f64::from(depth(row).0)]).collect()
    };
    let mark = |label: &str, points, series| Mark::Points {
        label: label.to_owned(),
        points,
        ink: Ink::Series(series),
    };
    Figure {
        id: "live-depths",
        title: format!("Where each {} stops", subject.noun()),
        x: Axis::integer(format!("Number of the {}", subject.noun())),
        y: Axis::integer("Depth"),
        marks: vec![
            mark("Replay", points(|row| row.replay), 0),
            mark("Run", points(|row| row.live.depth), 1),
        ],
        picks: Vec::new(),
    }
}

fn histogram(rows: &[Row], layers: usize, subject: Subject) -> Figure {
    let counts = |depth: fn(&Row) -> Depth| {
        let mut counts = vec![0_u32; layers + 1];
        for row in rows {
            if let Some(count) = counts.get_mut(depth(row).index()) {
                *count += 1;
            }
        }
        counts
    };
    let bars = |label: &str, counts: Vec<u32>, shift: f64, series| {
        let bar = |(depth, count): (usize, u32)| [depth as f64 + shift, f64::from(count)];
        let bars = counts.into_iter().enumerate().map(bar).collect();
        Mark::Bars { label: label.to_owned(), bars, width: 0.4, ink: Ink::Series(series) }
    };
    Figure {
        id: "live-exits",
        title: format!("How many {} stop at each depth", subject.nouns()),
        x: Axis::integer("Depth"),
        y: Axis::linear("Count", subject.nouns()),
        marks: vec![
            bars("Replay", counts(|row| row.replay), -0.2, 0),
            bars("Run", counts(|row| row.live.depth), 0.2, 1),
        ],
        picks: Vec::new(),
    }
}

fn table(recording: &Recording, rows: &[Row]) -> DataTable {
    let number = |id: u32| if id == NO_TOKEN { f64::NAN } else { f64::from(id) };
    let of = |column: &[u32], row: usize| column.get(row).copied().map_or(f64::NAN, f64::from);
    let cells = |row: &Row| {
        let at = row.live.row;
        vec![
            at as f64,
            of(&recording.tokens.sample, at),
            of(&recording.tokens.position, at),
            row.replay.0.into(),
            row.live.depth.0.into(),
            number(row.full_id),
            number(row.replay_id),
            number(row.live.id),
            row.full_nll.into(),
            row.replay_nll.into(),
            row.live.nll.into(),
        ]
    };
    DataTable {
        id: "live_rows",
        columns: vec![
            "row",
            "sample",
            "position",
            "replay_depth",
            "live_depth",
            "full_id",
            "replay_id",
            "live_id",
            "nll_full",
            "nll_replay",
            "nll_live",
        ],
        rows: rows.iter().map(cells).collect(),
        names: Some(("text", rows.iter().map(|row| recording.text(row.live.row)).collect())),
    }
}
