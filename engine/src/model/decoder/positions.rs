//! Where tokens stand: a learned table, or rotary angles that grow to the longest sequence that came.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::add;
use crate::kernel::matrix::Matrix;
use crate::kernel::rotary::{Angles, Rotary};
use crate::model::decoder::plan::{self, Plan};
use crate::model::weights::Weights;
use crate::model::{Batch, ModelError};

/// What a plan's positions need.
#[derive(Debug)]
pub(super) enum Places {
    Learned(Matrix),
    Rotary { usual: Growing, windowed: Option<Growing> },
}

impl Places {
    pub(super) fn take(plan: &Plan, weights: &mut Weights<'_>) -> Result<Self, ModelError> {
        let dim = plan.heads.dim;
        match plan.positions {
            plan::Positions::Learned(name) => {
                Ok(Self::Learned(weights.matrix(&plan.weight(name), plan.context, plan.width)?))
            }
            plan::Positions::Rotary { turning, windowed } => {
                let divisors = plan
                    .rope_divisors(weights)
                    .map(|name| weights.vector(name, turning.dims / 2))
                    .transpose()?;
                Ok(Self::Rotary {
                    usual: Growing::new(Rotary::new(dim, turning, divisors.as_deref())),
                    windowed: windowed.map(|other| Growing::new(Rotary::new(dim, other, None))),
                })
            }
        }
    }

    /// Adds what a learned table says to `hidden` ([tokens, width]); token t stands at `positions[t]`.
    pub(super) fn add_to(&self, hidden: &mut [f32], positions: impl Iterator<Item = usize>) {
        let Self::Learned(table) = self else { return };
        let mut place = vec![0.0; table.cols()];
        for (row, position) in hidden.chunks_exact_mut(table.cols()).zip(positions) {
            table.copy_row(position, &mut place);
            add(row, &place);
        }
    }

    /// How the queries and keys of a block are turned; `None` where they are not.
    pub(super) fn turns(
        &self,
        positions: impl Iterator<Item = usize>,
        window: Option<usize>,
    ) -> Option<Turns> {
        let Self::Rotary { usual, windowed } = self else { return None };
        let growing = windowed.as_ref().filter(|_| window.is_some()).unwrap_or(usual);
        let positions: Vec<usize> = positions.collect();
        let angles = growing.angles(positions.iter().max().map_or(0, |last| last + 1));
        Some(Turns { angles, positions })
    }
}

/// The position of every token in its sequence.
pub(super) fn positions(batch: &Batch) -> impl Iterator<Item = usize> {
    let past = batch.past();
    batch.starts.windows(2).flat_map(move |pair| past..past + pair[1] - pair[0])
}

/// Angles and where they are needed.
#[derive(Debug)]
pub(super) struct Turns {
    angles: Arc<Angles>,
    positions: Vec<usize>,
}

impl Turns {
    /// Turns every head of every row of `x` ([tokens, width]).
    pub(super) fn turn(&self, x: &mut [f32], width: usize) {
        self.angles.rotate(x, width, &self.positions);
    }
}

/// Angles of as many positions as were needed so far.
#[derive(Debug)]
pub(super) struct Growing {
    rotary: Rotary,
    angles: Mutex<Arc<Angles>>,
}

impl Growing {
    fn new(rotary: Rotary) -> Self {
        let angles = Mutex::new(Arc::new(rotary.angles(1)));
        Self { rotary, angles }
    }

    fn angles(&self, positions: usize) -> Arc<Angles> {
        let mut angles = self.angles.lock().unwrap_or_else(PoisonError::into_inner);
        if angles.positions() < positions {
            *angles = Arc::new(self.rotary.angles(positions.next_power_of_two()));
        }
        Arc::clone(&angles)
    }
}
