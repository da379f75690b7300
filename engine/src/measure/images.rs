//! The images that are run: made, since what is on them changes no time.

use crate::dataset::images::Pixels;
use crate::dataset::{Data, DataError, Sequence};
use crate::measure::{Asked, MeasureError, Source};
use crate::model::{Batch, ModelCard};

/// How many tokens are usual; a larger image goes alone.
const USUAL_TOKENS: usize = 256;
/// As many as a recording sends through a model together.
const MOST_TOKENS: usize = 512;
/// Of the numbers.
const SEED: u32 = 0x5EED;
/// Numerical Recipes' generator of 32 bits.
const FACTOR: u32 = 1_664_525;
const STEP: u32 = 1_013_904_223;

/// As many whole images of `side` as the tokens that are asked for have room for.
pub(super) fn batch(
    asked: Asked<'_>,
    card: &ModelCard,
    side: usize,
) -> Result<Batch, MeasureError> {
    if *asked.source != Source::BuiltIn {
        return Err(MeasureError::ReadsImages);
    }
    let per_image = card.context.max(1);
    let most = MOST_TOKENS.max(per_image);
    let tokens = asked.tokens.unwrap_or_else(|| USUAL_TOKENS.max(per_image));
    if !(per_image..=most).contains(&tokens) {
        return Err(MeasureError::Images { asked: tokens, per_image, most });
    }
    let images = tokens / per_image;
    let mut state = SEED;
    let mut next = || {
        state = state.wrapping_mul(FACTOR).wrapping_add(STEP);
        // -1 to 1, as normalised images are: 16 bits are exact.
        f32::from(u16::try_from(state >> 16).unwrap_or(0)) / 32_768.0 - 1.0
    };
    Ok(Batch {
        ids: vec![0; images * per_image],
        starts: (0..=images).map(|image| image * per_image).collect(),
        pixels: (0..images * 3 * side * side).map(|_| next()).collect(),
        ..Batch::default()
    })
}

/// Numbers of images, one behind the other.
pub(super) struct MadeImages<'a> {
    pub(super) pixels: &'a [f32],
    pub(super) per_image: usize,
}

impl Pixels for MadeImages<'_> {
    fn add_pixels(
        &self,
        (_, samples): (&Data, &[Sequence]),
        pixels: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        for sequence in samples {
            let begin = sequence.sample * self.per_image;
            pixels.extend(self.pixels.get(begin..begin + self.per_image).unwrap_or_default());
        }
        Ok(())
    }
}
