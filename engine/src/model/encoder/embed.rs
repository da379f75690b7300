//! What stands at depth 0: embeddings of words or of patches, with everything that the model adds to them.

use crate::kernel::add;
use crate::kernel::layer_norm::LayerNorm;
use crate::kernel::matrix::Matrix;
use crate::model::encoder::linear::{Linear, norm};
use crate::model::encoder::plan::{Input, Patches, Plan, Words};
use crate::model::weights::Weights;
use crate::model::{Batch, ModelError};

/// Weights of the input.
pub(super) enum Embed {
    Words(WordTables),
    Patches(PatchTables),
}

pub(super) struct WordTables {
    plan: Words,
    /// [vocabulary, e].
    pub(super) words: Matrix,
    /// [positions, e].
    positions: Matrix,
    /// [segments, e]; `None` for none.
    segments: Option<Matrix>,
    norm: LayerNorm,
    /// From e to the width of the stream; `None` where they are equal.
    projection: Option<Linear>,
}

pub(super) struct PatchTables {
    plan: Patches,
    class_token: Vec<f32>,
    /// [1 + patches, width].
    positions: Matrix,
    /// [width, channels * patch * patch].
    projection: Linear,
}

impl Embed {
    pub(super) fn take(plan: &Plan, weights: &mut Weights<'_>) -> Result<Self, ModelError> {
        let (d, names) = (plan.width, plan.names);
        match plan.input {
            Input::Words(words) => {
                let e = words.width;
                let table = |weights: &mut Weights<'_>, stem, rows| {
                    weights.matrix(&plan.name(stem), rows, e)
                };
                Ok(Self::Words(WordTables {
                    plan: words,
                    words: table(weights, names.words, words.vocab)?,
                    positions: table(weights, names.positions, words.positions)?,
                    segments: match words.segments {
                        0 => None,
                        rows => Some(table(weights, names.segments, rows)?),
                    },
                    norm: norm(weights, plan, &plan.name(names.input_norm), e)?,
                    projection: if e == d {
                        None
                    } else {
                        Some(Linear::take(weights, &plan.name(names.projection), d, e)?)
                    },
                }))
            }
            Input::Patches(patches) => {
                let Patches { patch, channels, .. } = patches;
                let rows = patches.count() + 1;
                let class_token =
                    weights.matrix_of(&plan.name(names.class_token), &[1, 1, d], 1, d)?;
                let mut first = vec![0.0; d];
                class_token.copy_row(0, &mut first);
                let stem = plan.name(names.projection);
                let shape = [d, channels, patch, patch];
                let matrix =
                    weights.matrix_of(&format!("{stem}.weight"), &shape, d, patches.numbers())?;
                let bias = weights.vector(&format!("{stem}.bias"), d)?;
                let name = plan.name(names.positions);
                Ok(Self::Patches(PatchTables {
                    plan: patches,
                    class_token: first,
                    positions: weights.matrix_of(&name, &[1, rows, d], rows, d)?,
                    projection: Linear { matrix, bias },
                }))
            }
        }
    }

    /// Refuses what these tables cannot take. The layout of sequences was checked.
    pub(super) fn check(&self, batch: &Batch) -> Result<(), ModelError> {
        let request = |what, found: String, allowed: String| {
            Err(ModelError::Request { what, found, allowed })
        };
        match self {
            Self::Words(tables) => {
                let vocab = tables.plan.vocab;
                if let Some(id) = batch.ids.iter().find(|id| **id as usize >= vocab) {
                    return request("a token id", id.to_string(), format!("below {vocab}"));
                }
                let kinds = tables.plan.segments.max(1);
                if let Some(kind) = batch.segments.iter().find(|kind| **kind as usize >= kinds) {
                    return request("a segment", kind.to_string(), format!("below {kinds}"));
                }
                if !batch.segments.is_empty() && batch.segments.len() != batch.ids.len() {
                    let found = batch.segments.len().to_string();
                    return request("the number of segments", found, batch.ids.len().to_string());
                }
                if batch.pixels.is_empty() {
                    return Ok(());
                }
                request("the input", "an image".to_owned(), "text".to_owned())
            }
            Self::Patches(tables) => {
                let each = tables.plan.count() + 1;
                let all_whole = batch.starts.windows(2).all(|pair| pair[1] - pair[0] == each);
                let per_image = tables.plan.count() * tables.plan.numbers();
                let images = batch.ids.len() / each;
                if all_whole && batch.pixels.len() == images * per_image {
                    return Ok(());
                }
                let found = format!("{} numbers in {} places", batch.pixels.len(), batch.ids.len());
                request(
                    "the input",
                    found,
                    format!("{per_image} numbers in {each} places an image"),
                )
            }
        }
    }

    /// The stream at depth 0, [tokens, width].
    pub(super) fn embed(&self, batch: &Batch) -> Vec<f32> {
        match self {
            Self::Words(tables) => tables.embed(batch),
            Self::Patches(tables) => tables.embed(batch),
        }
    }
}

impl WordTables {
    fn embed(&self, batch: &Batch) -> Vec<f32> {
        let e = self.plan.width;
        let mut hidden = vec![0.0; batch.ids.len() * e];
        let mut other = vec![0.0; e];
        let places = self.places(batch);
        for (at, (row, &id)) in hidden.chunks_exact_mut(e).zip(&batch.ids).enumerate() {
            self.words.copy_row(id as usize, row);
            self.positions.copy_row(places[at], &mut other);
            add(row, &other);
            if let Some(segments) = &self.segments {
                let kind = batch.segments.get(at).map_or(0, |kind| *kind as usize);
                segments.copy_row(kind, &mut other);
                add(row, &other);
            }
        }
        self.norm.apply(&mut hidden);
        match &self.projection {
            Some(projection) => projection.apply(&hidden),
            None => hidden,
        }
    }

    /// The row of the table of positions for each token.
    fn places(&self, batch: &Batch) -> Vec<usize> {
        let sequences = batch.starts.windows(2).map(|pair| &batch.ids[pair[0]..pair[1]]);
        match self.plan.padding {
            None => sequences.flat_map(|ids| 0..ids.len()).collect(),
            Some(padding) => sequences
                .flat_map(|ids| {
                    // Padding inside a text is passed over when positions are counted.
                    ids.iter().scan(padding as usize, move |last, id| {
                        let is_padding = *id == padding;
                        *last += usize::from(!is_padding);
                        Some(if is_padding { padding as usize } else { *last })
                    })
                })
                .collect(),
        }
    }
}

impl PatchTables {
    fn embed(&self, batch: &Batch) -> Vec<f32> {
        let Patches { image, patch, channels } = self.plan;
        let (d, count) = (self.class_token.len(), self.plan.count());
        let mut cut = Vec::with_capacity(batch.pixels.len());
        for pixels in batch.pixels.chunks_exact(channels * image * image) {
            for (top, left) in corners(image, patch) {
                for row in (0..channels).flat_map(|c| (0..patch).map(move |y| c * image + top + y))
                {
                    cut.extend_from_slice(&pixels[row * image + left..][..patch]);
                }
            }
        }
        let projected = self.projection.apply(&cut);
        let mut hidden = Vec::with_capacity(batch.ids.len() * d);
        let mut place = vec![0.0; d];
        for patches in projected.chunks_exact(count * d) {
            let rows = std::iter::once(self.class_token.as_slice()).chain(patches.chunks_exact(d));
            for (at, row) in rows.enumerate() {
                self.positions.copy_row(at, &mut place);
                hidden.extend(row.iter().zip(&place).map(|(h, place)| h + place));
            }
        }
        hidden
    }
}

/// Upper left corners of the patches, row by row.
fn corners(image: usize, patch: usize) -> impl Iterator<Item = (usize, usize)> {
    let steps = move || (0..image).step_by(patch);
    steps().flat_map(move |top| steps().map(move |left| (top, left)))
}
