//! Exit cubes: for every global threshold at once, how many tokens exit at each depth and how many of them agree.
//!
//! A token that passes for a threshold passes for every milder one. So the thresholds at which it exits
//! at depth d are those stricter than the best it reached before and not stricter than what it reaches
//! at d: one range of the ladder, two entries of a difference array. All sums are whole numbers, hence
//! the same in any order and equal to the replay bit for bit.
//!
//! Must not know: rules, lenses, files.

mod between;
mod crowd;
#[cfg(test)]
mod rough;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use between::{Between, Moves};
use crowd::{Crowd, Marks};
#[cfg(test)]
pub(crate) use rough::rough;
pub(crate) use table::cube_tables;
pub(crate) use tally::Tally;
use tally::ticks;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::recording::memo::Memo;
use crate::recording::{Recording, Slice};
use crate::signal::{Depth, Signal};

/// Thresholds of a ladder: 0, 1/1000, ..., 1 of its top.
pub(crate) const RUNGS: usize = 1001;
/// More cubes than this are not kept (about 1 MB each at 32 depths); the memory then begins anew.
const MAX_CUBES: usize = 96;
/// Tokens that one thread takes at a time; 16 bits tell them apart.
const CHUNK: usize = 1 << 14;
/// Lists of what lies between rungs are kept up to so many bytes (at most about 200 MB for a million tokens at 32
/// depths); without its list a threshold between rungs is replayed.
const MAX_LIST_BYTES: usize = 256 << 20;

/// How a signal is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sense {
    /// Passes where signal >= threshold.
    AtLeast,
    /// Passes where signal < threshold.
    Below,
}

/// A signal, its comparison, and evenly spaced thresholds from 0 to `top`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ladder {
    pub(crate) signal: Signal,
    pub(crate) sense: Sense,
    pub(crate) top: f64,
}

impl Ladder {
    /// The ladders whose cubes are stored with a recording.
    pub(crate) fn stored(vocab: usize) -> [Self; 3] {
        let entropy = (vocab.max(2) as f64).ln();
        [
            Self { signal: Signal::MaxProb, sense: Sense::AtLeast, top: 1.0 },
            Self { signal: Signal::Margin, sense: Sense::AtLeast, top: 1.0 },
            Self { signal: Signal::Entropy, sense: Sense::Below, top: entropy },
        ]
    }

    /// The threshold of a rung. `top` = 1 gives the number that "0.123" reads as.
    pub(crate) fn threshold(self, rung: usize) -> f64 {
        self.top * rung as f64 / (RUNGS - 1) as f64
    }

    /// The rung that is exactly `threshold`.
    pub(crate) fn rung(self, threshold: f64) -> Option<usize> {
        let rung = self.num_up_to(threshold).checked_sub(1)?;
        (self.threshold(rung) == threshold).then_some(rung)
    }

    /// The rung's own number where `threshold` is one but for rounding (a slider adds up steps), else `threshold`.
    pub(crate) fn snap(self, threshold: f64) -> f64 {
        let near = self.num_up_to(threshold);
        [near.saturating_sub(1), near.min(RUNGS - 1)]
            .into_iter()
            .map(|rung| self.threshold(rung))
            .find(|t| (t - threshold).abs() <= 1e-9 * self.top)
            .unwrap_or(threshold)
    }

    /// Number of rungs whose threshold is <= `value`; 0 for NaN.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, NaN becomes 0, and the loops below correct the guess"
    )]
    fn num_up_to(self, value: f64) -> usize {
        if value.is_nan() {
            return 0;
        }
        let guess = (value / self.top * (RUNGS - 1) as f64) as usize;
        let mut num = guess.saturating_add(1).min(RUNGS);
        while num > 0 && self.threshold(num - 1) > value {
            num -= 1;
        }
        while num < RUNGS && self.threshold(num) <= value {
            num += 1;
        }
        num
    }

    /// How many rungs a value passes, counted from the mildest.
    fn reach(self, value: f32) -> usize {
        let value = f64::from(value);
        match self.sense {
            _ if value.is_nan() => 0,
            Sense::AtLeast => self.num_up_to(value),
            Sense::Below => RUNGS - self.num_up_to(value),
        }
    }

    /// The strictest rung that is not stricter than `threshold`; `None` where there is none.
    fn milder(self, threshold: f64) -> Option<usize> {
        let num = self.num_up_to(threshold);
        match self.sense {
            Sense::AtLeast => num.checked_sub(1),
            Sense::Below if num > 0 && self.threshold(num - 1) == threshold => Some(num - 1),
            Sense::Below => Some(num).filter(|rung| *rung < RUNGS && !threshold.is_nan()),
        }
    }

    /// The rung beside one, on its stricter side.
    fn stricter(self, rung: usize) -> usize {
        match self.sense {
            Sense::AtLeast => rung + 1,
            Sense::Below => rung.saturating_sub(1),
        }
    }

    /// Position of a rung counted from the mildest threshold.
    fn step(self, rung: usize) -> usize {
        match self.sense {
            Sense::AtLeast => rung,
            Sense::Below => RUNGS - 1 - rung,
        }
    }
}

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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cube {
    num_depths: usize,
    /// `[step][depth]`, the mildest threshold first.
    cells: Vec<Cell>,
    /// Whether the ladder's mildest threshold is its last.
    is_reversed: bool,
}

impl Cube {
    fn build(source: &Source<'_>, slice: &Slice) -> Self {
        let num_depths = source.signal.len();
        let mut chunks = Vec::new();
        for range in slice.ranges(source.recording) {
            let starts = range.clone().step_by(CHUNK);
            chunks.extend(starts.map(|start| start..range.end.min(start + CHUNK)));
        }
        let empty = || vec![Cell::default(); (RUNGS + 1) * num_depths];
        let mut cells = chunks
            .into_par_iter()
            .fold(empty, |mut cells, chunk| {
                source.count(chunk, &mut cells);
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
        cells.truncate(RUNGS * num_depths);
        Self { num_depths, cells, is_reversed: source.ladder.sense == Sense::Below }
    }

    /// What a rung's threshold does.
    pub(crate) fn tally(&self, rung: usize) -> Tally {
        self.tally_of_step(if self.is_reversed { (RUNGS - 1).saturating_sub(rung) } else { rung })
    }

    /// The same for a rung that is counted from the mildest threshold.
    fn tally_of_step(&self, step: usize) -> Tally {
        let from = (step * self.num_depths).min(self.cells.len());
        let to = (from + self.num_depths).min(self.cells.len());
        let mut tally = Tally::empty(self.num_depths);
        let cells = self.cells.get(from..to).unwrap_or_default();
        for ((cell, exits), agreeing) in cells.iter().zip(&mut tally.exits).zip(&mut tally.agreeing)
        {
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
    /// `[depth]`, 0..=L.
    nll: Vec<Option<&'a [f32]>>,
    recording: &'a Recording,
}

impl<'a> Source<'a> {
    fn new(recording: &'a Recording, ladder: Ladder, least: Depth) -> Self {
        let depths = || (0..=recording.num_layers()).map(depth_of);
        Self {
            ladder,
            least: least.index(),
            signal: depths().map(|d| recording.column(ladder.signal, d)).collect(),
            nll: depths().map(|d| recording.column(Signal::Nll, d)).collect(),
            recording,
        }
    }

    fn value(&self, depth: usize, token: usize) -> Option<f32> {
        self.signal.get(depth).copied().flatten()?.get(token).copied()
    }

    fn passes(&self, depth: usize, token: usize, threshold: f64) -> bool {
        self.value(depth, token).is_some_and(|value| match self.ladder.sense {
            Sense::AtLeast => f64::from(value) >= threshold,
            Sense::Below => f64::from(value) < threshold,
        })
    }

    /// Adds the tokens to the differences.
    fn count(&self, tokens: Range<usize>, cells: &mut [Cell]) {
        let num_depths = self.signal.len();
        for token in tokens {
            self.stops(token, |reached, reach, depth| {
                let agrees = self.recording.agrees(depth, token);
                let nll = self.nll.get(depth).copied().flatten().and_then(|c| c.get(token));
                let nll = nll.and_then(|v| ticks(*v));
                let is_right = self.recording.is_right(depth, token);
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

    /// Calls `stop` with every depth at which the token stops at some rung: the rungs that it passed before, those
    /// that it passes there, and the depth.
    fn stops(&self, token: usize, mut stop: impl FnMut(usize, usize, usize)) {
        let last = self.signal.len() - 1;
        let mut reached = 0;
        for depth in self.least.min(last)..=last {
            let reach = if depth == last {
                RUNGS
            } else {
                self.value(depth, token).map_or(0, |value| self.ladder.reach(value))
            };
            if reach > reached {
                stop(reached, reach, depth);
                reached = reach;
            }
            if reached == RUNGS {
                break;
            }
        }
    }

    /// Calls `step` with every change of the token's exit while the threshold becomes stricter, up to the strictest rung:
    /// how many rungs its value at the exit passes, that exit, the next.
    fn steps(&self, token: usize, mut step: impl FnMut(usize, usize, usize)) {
        let last = self.signal.len() - 1;
        let mut exit: Option<(usize, f32, usize)> = None;
        for depth in self.least.min(last)..=last {
            let value = self.value(depth, token).filter(|_| depth < last);
            let is_better = |than: f32| match (self.ladder.sense, value) {
                _ if depth == last => true,
                (_, None) => false,
                (Sense::AtLeast, Some(value)) => value > than,
                (Sense::Below, Some(value)) => value < than,
            };
            let reach = match exit {
                Some((reach, than, from)) if is_better(than) => {
                    step(reach, from, depth);
                    value.map_or(RUNGS, |value| self.ladder.reach(value))
                }
                Some(_) => continue,
                None => value.map_or(RUNGS, |value| self.ladder.reach(value)),
            };
            if reach == RUNGS {
                break;
            }
            if let (1.., Some(value)) = (reach, value) {
                exit = Some((reach, value, depth));
            }
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
    lists: Mutex<BTreeMap<ListKey, List>>,
    moves: Mutex<Option<Refined>>,
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
            let cube = Arc::new(Cube::build(&Source::new(self, ladder, least), slice));
            self.cubes.put(key, Arc::clone(&cube));
            cube
        })
    }

    /// What a rung does. A typed threshold may be asked for next, so what lies between the rungs is listed, too; a
    /// cube that is only written to a file needs no list.
    pub(crate) fn tally_at(
        &self,
        ladder: Ladder,
        least: Depth,
        slice: &Slice,
        rung: usize,
    ) -> Tally {
        if let List::Kept(list) = self.list(ladder, least) {
            self.marks(ladder, least, slice, &list);
        }
        self.cube(ladder, least, slice).tally(rung)
    }

    /// What lies between the rungs of a ladder; listed when it is asked for the first time.
    fn list(&self, ladder: Ladder, least: Depth) -> List {
        let key = list_key(ladder, least);
        self.cubes.list(key).unwrap_or_else(|| {
            self.cubes.put_list(key, Between::build(&Source::new(self, ladder, least)))
        })
    }

    /// What was counted along the crowds of a list, for a slice; counted when it is asked for the first time.
    fn marks(
        &self,
        ladder: Ladder,
        least: Depth,
        slice: &Slice,
        list: &Between,
    ) -> Arc<Vec<Marks>> {
        let name = format!("marks {:?} {}", list_key(ladder, least), slice.key());
        self.cubes.memo.get(&name, || {
            let (cube, members) = (self.cube(ladder, least, slice), slice.members(self));
            let marks = |crowd: &Crowd| {
                let start = cube.tally_of_step(crowd.reach.saturating_sub(1));
                crowd.marks(self, start, |token| members.contains(self, token))
            };
            list.crowds.par_iter().map(marks).collect()
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
        let rung = ladder.milder(threshold)?;
        let reach = ladder.step(rung) + 1;
        // Beyond the strictest rung nothing is listed.
        if reach == RUNGS {
            return None;
        }
        let List::Kept(list) = self.list(ladder, least) else { return None };
        let members = slice.members(self);
        let is_member = |token| members.contains(self, token);
        let source = || Source::new(self, ladder, least);
        if let Some(at) = list.crowds.iter().position(|crowd| crowd.reach == reach) {
            let all = self.marks(ladder, least, slice, &list);
            let (crowd, marks) = list.crowds.get(at).zip(all.get(at))?;
            return crowd.tally(&source(), marks, threshold, is_member);
        }
        let key = list_key(ladder, least);
        let moves = self.cubes.moves(key, threshold, || list.moves(&source(), reach, threshold));
        let rung = if moves.is_from_stricter { ladder.stricter(rung) } else { rung };
        let mut tally = self.cube(ladder, least, slice).tally(rung);
        moves.apply(&mut tally, is_member);
        Some(tally)
    }
}

/// A depth from an index; beyond what exists it is the largest.
pub(crate) fn depth_of(idx: usize) -> Depth {
    Depth(u16::try_from(idx).unwrap_or(u16::MAX))
}
