//! Exit cubes: for every global threshold at once, how many tokens exit at each depth and how many of them agree.
//!
//! A token that passes for a threshold passes for every milder one. So the thresholds at which it exits
//! at depth d are those stricter than the best it reached before and not stricter than what it reaches
//! at d: one range of the ladder, two entries of a difference array. All sums are whole numbers, hence
//! the same in any order and equal to the replay bit for bit.
//!
//! Must not know: rules, lenses, files.

mod between;
mod ladder;
#[cfg(test)]
mod rough;
mod steps;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use between::{Between, Moves};
pub(crate) use ladder::{Ladder, RUNGS, Sense};
#[cfg(test)]
pub(crate) use rough::rough;
use steps::Steps;
pub(crate) use table::cube_tables;
pub(crate) use tally::Tally;
use tally::{Judge, Outcome, ticks};

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::recording::memo::Memo;
use crate::recording::{Recording, Slice};
use crate::signal::{Depth, Signal};

/// More cubes than this are not kept (about 2 MB each at 32 depths, 4 MB of a million tokens); the memory then begins anew.
const MAX_CUBES: usize = 96;
/// Tokens that one thread takes at a time; 16 bits tell them apart.
const CHUNK: usize = 1 << 14;
/// Lists of what lies between rungs are kept up to so many bytes (at most about 200 MB for a million tokens at 32
/// depths); without its list a threshold between rungs is replayed.
const MAX_LIST_BYTES: usize = 256 << 20;

/// Counts of one threshold and one exit depth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    exits: i32,
    agreeing: i32,
    answered: i32,
    with_nll: i32,
    nll: i128,
    with_truth: i32,
    right: i32,
}

impl Cell {
    fn add(&mut self, other: &Self) {
        self.exits += other.exits;
        self.agreeing += other.agreeing;
        self.answered += other.answered;
        self.with_nll += other.with_nll;
        self.nll += other.nll;
        self.with_truth += other.with_truth;
        self.right += other.right;
    }

    fn subtract(&mut self, other: &Self) {
        self.exits -= other.exits;
        self.agreeing -= other.agreeing;
        self.answered -= other.answered;
        self.with_nll -= other.with_nll;
        self.nll -= other.nll;
        self.with_truth -= other.with_truth;
        self.right -= other.right;
    }
}

/// Counts for every threshold of a ladder, one least depth and one slice.
#[derive(Debug)]
pub(crate) struct Cube {
    num_depths: usize,
    /// `[step][depth]`, the mildest threshold first.
    cells: Vec<Cell>,
    steps: Arc<Steps>,
}

impl Cube {
    fn build(source: &Source<'_>, steps: Arc<Steps>, slice: &Slice) -> Self {
        let num_depths = source.signal.len();
        let mut chunks = Vec::new();
        for range in slice.ranges(source.recording) {
            let starts = range.clone().step_by(CHUNK);
            chunks.extend(starts.map(|start| start..range.end.min(start + CHUNK)));
        }
        let empty = || vec![Cell::default(); (steps.len() + 1) * num_depths];
        let mut cells = chunks
            .into_par_iter()
            .fold(empty, |mut cells, chunk| {
                source.count(&steps, chunk, &mut cells);
                cells
            })
            .reduce_with(|mut sum, part| {
                sum.iter_mut().zip(&part).for_each(|(cell, other)| cell.add(other));
                sum
            })
            .unwrap_or_else(empty);
        // From differences to counts: a running sum over the steps.
        let mut before = vec![Cell::default(); num_depths];
        for step in cells.chunks_mut(num_depths) {
            for (cell, sum) in step.iter_mut().zip(&mut before) {
                sum.add(cell);
                *cell = *sum;
            }
        }
        cells.truncate(steps.len() * num_depths);
        Self { num_depths, cells, steps }
    }

    /// What a rung's threshold does.
    pub(crate) fn tally(&self, rung: usize) -> Tally {
        self.tally_of_step(self.steps.of_rung(rung))
    }

    /// Counts of a step, `[depth]`.
    fn cells(&self, step: usize) -> &[Cell] {
        let from = (step * self.num_depths).min(self.cells.len());
        let to = (from + self.num_depths).min(self.cells.len());
        self.cells.get(from..to).unwrap_or_default()
    }

    /// What a step's threshold does.
    fn tally_of_step(&self, step: usize) -> Tally {
        let mut tally = Tally::empty(self.num_depths);
        let cells = self.cells(step).iter();
        for ((cell, exits), agreeing) in cells.zip(&mut tally.exits).zip(&mut tally.agreeing) {
            *exits = u64::from(cell.exits.unsigned_abs());
            *agreeing = u64::from(cell.agreeing.unsigned_abs());
            tally.answered += u64::from(cell.answered.unsigned_abs());
            tally.with_nll += u64::from(cell.with_nll.unsigned_abs());
            tally.nll_ticks += cell.nll;
            tally.with_truth += u64::from(cell.with_truth.unsigned_abs());
            tally.right += u64::from(cell.right.unsigned_abs());
        }
        tally
    }
}

/// Columns that a cube is built from.
struct Source<'a> {
    ladder: Ladder,
    least: usize,
    /// The signal at the depths at which a token may stop, 0..L.
    signal: Vec<Option<&'a [f32]>>,
    judge: Judge<'a>,
    recording: &'a Recording,
}

impl<'a> Source<'a> {
    fn new(recording: &'a Recording, ladder: Ladder, least: Depth) -> Self {
        let depths = (0..=recording.num_layers()).map(depth_of);
        Self {
            ladder,
            least: least.index(),
            signal: depths.map(|d| recording.column(ladder.signal, d)).collect(),
            judge: Judge::new(recording),
            recording,
        }
    }

    fn value(&self, depth: usize, token: usize) -> Option<f32> {
        self.signal.get(depth).copied().flatten()?.get(token).copied()
    }

    fn passes(&self, depth: usize, token: usize, threshold: f64) -> bool {
        let sense = self.ladder.sense;
        self.value(depth, token).is_some_and(|value| sense.passes(value, threshold))
    }

    /// Adds the tokens to the differences.
    fn count(&self, steps: &Steps, tokens: Range<usize>, cells: &mut [Cell]) {
        let num_depths = self.signal.len();
        for token in tokens {
            self.stops(steps, token, |reached, reach, depth| {
                let Outcome { agrees, nll, is_right, .. } = self.judge.outcome(token, depth);
                let nll = ticks(nll);
                let cell = Cell {
                    with_truth: i32::from(is_right.is_some()),
                    right: i32::from(is_right == Some(true)),
                    exits: 1,
                    agreeing: i32::from(agrees == Some(true)),
                    answered: i32::from(agrees.is_some()),
                    with_nll: i32::from(nll.is_some()),
                    nll: nll.unwrap_or(0),
                };
                if let Some(first) = cells.get_mut(reached * num_depths + depth) {
                    first.add(&cell);
                }
                if let Some(beyond) = cells.get_mut(reach * num_depths + depth) {
                    beyond.subtract(&cell);
                }
            });
        }
    }

    /// Calls `stop` with every depth at which the token stops at some step: the steps that it passed before, those
    /// that it passes there, and the depth.
    fn stops(&self, steps: &Steps, token: usize, mut stop: impl FnMut(usize, usize, usize)) {
        let last = self.signal.len() - 1;
        let (mut reached, mut best) = (0, None);
        for depth in self.least.min(last)..last {
            let value = self.value(depth, token);
            let value = value.filter(|value| self.ladder.sense.is_beyond(*value, best));
            let Some(value) = value else { continue };
            best = Some(value);
            let reach = steps.reach(value);
            if reach > reached {
                stop(reached, reach, depth);
                reached = reach;
            }
            if reached == steps.len() {
                return;
            }
        }
        stop(reached, steps.len(), last);
    }

    /// Calls `change` with every change of the token's exit while the threshold becomes stricter, from the mildest rung
    /// to the strictest: the value at the exit that it leaves, that exit, the next.
    fn changes(&self, token: usize, mut change: impl FnMut(f32, usize, usize)) {
        let last = self.signal.len() - 1;
        let (sense, mildest, strictest) =
            (self.ladder.sense, self.ladder.mildest_first(0), self.ladder.mildest_first(RUNGS - 1));
        let mut exit: Option<(f32, usize)> = None;
        for depth in self.least.min(last)..last {
            let Some(value) = self.value(depth, token) else { continue };
            let is_next = exit.map_or_else(
                || sense.passes(value, mildest),
                |(than, _)| sense.is_stricter(value.into(), than.into()),
            );
            if !is_next {
                continue;
            }
            if let Some((value, from)) = exit {
                change(value, from, depth);
            }
            if sense.passes(value, strictest) {
                return;
            }
            exit = Some((value, depth));
        }
        if let Some((value, from)) = exit {
            change(value, from, last);
        }
    }
}

/// What a list depends on besides the recording: signal, sense, bits of the top, least depth.
type ListKey = (Signal, Sense, u64, Depth);

/// What a cube depends on besides the recording.
type Key = (ListKey, Slice);

/// A list of what lies between rungs.
#[derive(Debug, Clone)]
enum List {
    Kept(Arc<Between>),
    TooLong,
}

/// What the newest threshold between two rungs moves: every slice of a view asks for it.
#[derive(Debug)]
struct Refined {
    key: ListKey,
    threshold: f64,
    moves: Arc<Moves>,
}

/// Cubes of a recording that were built so far, and what else need not be computed twice.
#[derive(Debug, Default)]
pub(crate) struct Cubes {
    counts: Mutex<BTreeMap<Key, Arc<Cube>>>,
    steps: Mutex<BTreeMap<ListKey, Arc<Steps>>>,
    lists: Mutex<BTreeMap<ListKey, List>>,
    moves: Mutex<Option<Refined>>,
    /// The newest threshold that was answered without cubes.
    asked: Mutex<Option<(ListKey, f64)>>,
    pub(crate) memo: Memo,
}

impl Cubes {
    fn put(&self, key: Key, cube: Arc<Cube>) {
        let mut cubes = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if cubes.len() >= MAX_CUBES {
            cubes.clear();
        }
        cubes.insert(key, cube);
    }

    fn list(&self, key: ListKey) -> Option<List> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn moves(&self, key: ListKey, threshold: f64, make: impl FnOnce() -> Moves) -> Arc<Moves> {
        let lock = || self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |known: &&Refined| known.key == key && known.threshold == threshold;
        let known = lock().as_ref().filter(is_it).map(|known| Arc::clone(&known.moves));
        known.unwrap_or_else(|| {
            let moves = Arc::new(make());
            *lock() = Some(Refined { key, threshold, moves: Arc::clone(&moves) });
            moves
        })
    }

    fn put_list(&self, key: ListKey, list: Between) -> List {
        let bytes = |list: &List| match list {
            List::Kept(list) => list.num_bytes(),
            List::TooLong => 0,
        };
        let fits = list.num_bytes() <= MAX_LIST_BYTES;
        let list = if fits { List::Kept(Arc::new(list)) } else { List::TooLong };
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let known: usize = lists.values().map(bytes).sum();
        if known + bytes(&list) > MAX_LIST_BYTES {
            lists.clear();
        }
        lists.insert(key, list.clone());
        list
    }
}

fn list_key(ladder: Ladder, least: Depth) -> ListKey {
    (ladder.signal, ladder.sense, ladder.top.to_bits(), least)
}

impl Recording {
    /// The cube of a ladder, least depth and slice; built when it is asked for the first time.
    pub(crate) fn cube(&self, ladder: Ladder, least: Depth, slice: &Slice) -> Arc<Cube> {
        let key = (list_key(ladder, least), slice.clone());
        let known =
            self.cubes.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let source = Source::new(self, ladder, least);
            let cube = Arc::new(Cube::build(&source, self.steps(&source), slice));
            self.cubes.put(key, Arc::clone(&cube));
            cube
        })
    }

    /// What a rung does. A typed threshold may be asked for next, so what lies between the rungs is listed, and whose
    /// tokens those are; a cube that is only written to a file needs no list.
    pub(crate) fn tally_at(
        &self,
        ladder: Ladder,
        least: Depth,
        slice: &Slice,
        rung: usize,
    ) -> Tally {
        self.list(ladder, least);
        slice.members(self);
        self.cube(ladder, least, slice).tally(rung)
    }

    /// Whether a threshold is to be answered from cubes: at the least depth 0, where everybody begins, and at another one as
    /// soon as a second threshold is asked for. While only the least depth moves, a replay costs less than its cubes.
    pub(crate) fn is_worth_cubes(&self, ladder: Ladder, least: Depth, threshold: f64) -> bool {
        let key = list_key(ladder, least);
        if least == Depth(0) || self.cubes.list(key).is_some() {
            return true;
        }
        let mut asked = self.cubes.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_second = asked.is_some_and(|(of, first)| of == key && first != threshold);
        *asked = Some((key, threshold));
        is_second
    }

    /// What lies between the rungs of a ladder; listed when it is asked for the first time.
    fn list(&self, ladder: Ladder, least: Depth) -> List {
        let key = list_key(ladder, least);
        self.cubes.list(key).unwrap_or_else(|| {
            let source = Source::new(self, ladder, least);
            self.cubes.put_list(key, Between::build(&source, &self.steps(&source)))
        })
    }

    /// The thresholds that cubes of a source count at.
    fn steps(&self, source: &Source<'_>) -> Arc<Steps> {
        let key = list_key(source.ladder, depth_of(source.least));
        let lock = || self.cubes.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).cloned();
        known.unwrap_or_else(|| {
            let steps = Arc::new(Steps::new(source));
            lock().insert(key, Arc::clone(&steps));
            steps
        })
    }

    /// What a threshold between two rungs does, from the cube and what it moves; `None` where that is not known.
    pub(crate) fn tally_between(
        &self,
        ladder: Ladder,
        least: Depth,
        slice: &Slice,
        threshold: f64,
    ) -> Option<Tally> {
        let List::Kept(list) = self.list(ladder, least) else { return None };
        let cube = self.cube(ladder, least, slice);
        let step = cube.steps.milder(threshold)?;
        // Beyond the strictest rung nothing is listed.
        if step + 1 == cube.steps.len() {
            return None;
        }
        let moves = self.cubes.moves(list_key(ladder, least), threshold, || {
            list.moves(&Source::new(self, ladder, least), step + 1, threshold)
        });
        let mut tally = cube.tally_of_step(step + usize::from(moves.is_from_stricter));
        let members = slice.members(self);
        moves.apply(&mut tally, |token| members.contains(self, token));
        Some(tally)
    }
}

/// A depth from an index; beyond what exists it is the largest.
pub(crate) fn depth_of(idx: usize) -> Depth {
    Depth(u16::try_from(idx).unwrap_or(u16::MAX))
}
