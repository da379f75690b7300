//! A cube as plain columns, for cubes.parquet, and back; nothing is believed that does not add up.

use std::sync::Arc;

use super::tally::{nats, whole_ticks};
use super::{Cell, Cube, Cubes, Ladder, RUNGS, Sense};
use crate::recording::{Manifest, Recording, Slice};
use crate::signal::Depth;

/// The cube of the whole recording with least depth 0. All columns are equally long, rows run over rungs, then depths.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CubeTable {
    /// Id of the signal.
    pub(crate) signal: Vec<String>,
    pub(crate) depth: Vec<u32>,
    /// Rung of the ladder: threshold = top * bin / 1000.
    pub(crate) bin: Vec<u32>,
    pub(crate) exits: Vec<u32>,
    pub(crate) agreeing: Vec<u32>,
    /// Exits whose NLL is known.
    pub(crate) with_nll: Vec<u32>,
    /// Sum of their NLL in nats, a multiple of 2^-24.
    pub(crate) nll: Vec<f64>,
}

/// One table for each stored ladder whose signal was recorded; builds the cubes if need be.
pub(crate) fn cube_tables(recording: &Recording) -> Vec<CubeTable> {
    let ladders = Ladder::stored(recording.manifest.vocab).into_iter();
    let ladders = ladders.filter(|ladder| recording.signals.contains_key(&ladder.signal));
    ladders.map(|ladder| cube_table(recording, ladder)).collect()
}

fn cube_table(recording: &Recording, ladder: Ladder) -> CubeTable {
    let cube = recording.cube(ladder, Depth(0), &Slice::all());
    let mut table = CubeTable::default();
    for (rung, bin) in (0..RUNGS).zip(0_u32..) {
        let from = ladder.step(rung) * cube.num_depths;
        let cells = cube.cells.iter().skip(from).take(cube.num_depths);
        for (cell, depth) in cells.zip(0_u32..) {
            table.signal.push(ladder.signal.id().to_owned());
            table.depth.push(depth);
            table.bin.push(bin);
            table.exits.push(cell.exits.unsigned_abs());
            table.agreeing.push(cell.agreeing.unsigned_abs());
            table.with_nll.push(cell.with_nll.unsigned_abs());
            table.nll.push(nats(cell.nll));
        }
    }
    table
}

impl Cubes {
    /// Takes a cube from a file. Refuses (false, nothing changes) what does not add up: a signal
    /// without a ladder, a missing or extra row, a rung whose exits are not all tokens, more agreeing
    /// than exits, a sum that is not whole. It cannot see a count that was moved to another depth.
    pub(crate) fn insert_checked(
        &self,
        manifest: &Manifest,
        num_tokens: usize,
        table: &CubeTable,
    ) -> bool {
        let num_layers = manifest.layers;
        let is_here = |ladder: &Ladder| {
            table.signal.first().is_some_and(|signal| signal == ladder.signal.id())
        };
        let Some(ladder) = Ladder::stored(manifest.vocab).into_iter().find(is_here) else {
            return false;
        };
        let Some(cells) = num_layers
            .checked_add(1)
            .and_then(|num_depths| checked_cells(ladder, num_depths, num_tokens, table))
        else {
            return false;
        };
        let cube =
            Cube { num_depths: num_layers + 1, cells, is_reversed: ladder.sense == Sense::Below };
        let key = (ladder.signal, ladder.sense, ladder.top.to_bits(), Depth(0), Slice::all());
        self.put(key, Arc::new(cube));
        true
    }
}

fn checked_cells(
    ladder: Ladder,
    num_depths: usize,
    num_tokens: usize,
    table: &CubeTable,
) -> Option<Vec<Cell>> {
    let num_rows = RUNGS.checked_mul(num_depths)?;
    let lengths = [
        table.signal.len(),
        table.depth.len(),
        table.bin.len(),
        table.exits.len(),
        table.agreeing.len(),
        table.with_nll.len(),
        table.nll.len(),
    ];
    if lengths.iter().any(|len| *len != num_rows) {
        return None;
    }
    let mut cells = vec![Cell::default(); num_rows];
    for rung in 0..RUNGS {
        let mut total = 0_usize;
        for depth in 0..num_depths {
            let row = rung * num_depths + depth;
            let exits = *table.exits.get(row)?;
            let agreeing = *table.agreeing.get(row)?;
            let with_nll = *table.with_nll.get(row)?;
            let is_in_place = table.signal.get(row)? == ladder.signal.id()
                && usize::try_from(*table.bin.get(row)?).ok()? == rung
                && usize::try_from(*table.depth.get(row)?).ok()? == depth;
            if !is_in_place || agreeing > exits || with_nll > exits {
                return None;
            }
            total = total.checked_add(usize::try_from(exits).ok()?)?;
            *cells.get_mut(ladder.step(rung) * num_depths + depth)? = Cell {
                exits: i32::try_from(exits).ok()?,
                agreeing: i32::try_from(agreeing).ok()?,
                with_nll: i32::try_from(with_nll).ok()?,
                nll: whole_ticks(*table.nll.get(row)?)?,
            };
        }
        if total != num_tokens {
            return None;
        }
    }
    Some(cells)
}
