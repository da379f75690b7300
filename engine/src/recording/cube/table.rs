//! A cube as plain columns, for cubes.parquet.

use super::tally::nats;
use super::{Ladder, RUNGS};
use crate::recording::{Recording, Slice};
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
    /// Exits of tokens for which the full model has a first choice.
    pub(crate) answered: Vec<u32>,
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
        let cells = cube.cells(cube.steps.of_rung(rung));
        for (cell, depth) in cells.iter().zip(0_u32..) {
            table.signal.push(ladder.signal.id().to_owned());
            table.depth.push(depth);
            table.bin.push(bin);
            table.exits.push(cell.exits.unsigned_abs());
            table.agreeing.push(cell.agreeing.unsigned_abs());
            table.answered.push(cell.answered.unsigned_abs());
            table.with_nll.push(cell.with_nll.unsigned_abs());
            table.nll.push(nats(cell.nll));
        }
    }
    table
}
