//! What reads out at every depth: a masked-language-model head, a classification head, exit heads, or class means.

use crate::job::Job;
use crate::kernel::activation::Activation;
use crate::kernel::geometry::distances;
use crate::kernel::layer_norm::LayerNorm;
use crate::kernel::logits::of_logits;
use crate::kernel::matrix::Matrix;
use crate::kernel::numerics::Numerics;
use crate::kernel::readout::{self, Readouts, Request, readout};
use crate::model::encoder::embed::Embed;
use crate::model::encoder::linear::{Linear, norm};
use crate::model::encoder::plan::{self, Plan, exit_stem, mean_name};
use crate::model::weights::Weights;
use crate::model::{Depth, ModelError};

/// Weights of a head.
pub(super) enum Head {
    None,
    Masked {
        dense: Linear,
        activation: Activation,
        norm: LayerNorm,
        matrix: Matrix,
        bias: Vec<f32>,
    },
    Classes {
        norm: Option<LayerNorm>,
        hidden: Option<(Linear, Activation)>,
        out: Linear,
    },
    /// One for each depth.
    Exits(Vec<Linear>),
    /// For each depth the mean state of every class, [classes, width].
    Means {
        width: usize,
        means: Vec<Vec<f32>>,
    },
}

impl Head {
    pub(super) fn take(
        plan: &Plan,
        embed: &Embed,
        weights: &mut Weights<'_>,
    ) -> Result<Self, ModelError> {
        let d = plan.width;
        Ok(match &plan.head {
            plan::Head::None => Self::None,
            plan::Head::Masked(masked) => {
                let (vocab, e) = plan.embedding_shape();
                let matrix = match (masked.matrix, embed) {
                    (None, Embed::Words(tables)) => tables.words.clone(),
                    (Some(name), _) => weights.matrix(name, vocab, e)?,
                    (None, Embed::Patches(_)) => {
                        return Err(ModelError::MissingTensor { name: masked.bias.to_owned() });
                    }
                };
                Self::Masked {
                    dense: Linear::take(weights, masked.dense, e, d)?,
                    activation: masked.activation,
                    norm: norm(weights, plan, masked.norm, e)?,
                    matrix,
                    bias: weights.vector(masked.bias, vocab)?,
                }
            }
            plan::Head::Classes(classes) => Self::Classes {
                norm: match &classes.norm {
                    Some(stem) => Some(norm(weights, plan, stem, d)?),
                    None => None,
                },
                hidden: match &classes.hidden {
                    Some((stem, activation)) => {
                        Some((Linear::take(weights, stem, d, d)?, *activation))
                    }
                    None => None,
                },
                out: Linear::take(weights, classes.out, classes.names.len(), d)?,
            },
            plan::Head::Exits(exits) => {
                let mut head =
                    |depth| Linear::take(weights, &exit_stem(depth), exits.names.len(), d);
                Self::Exits((0..=plan.layers).map(&mut head).collect::<Result<_, _>>()?)
            }
            plan::Head::Means(means) => {
                let classes = means.names.len();
                let mut of_depth = |depth| -> Result<Vec<f32>, ModelError> {
                    let stored = weights.matrix(&mean_name(depth), classes, d)?;
                    // Whole, as it was checked to fit; nothing multiplies it, so it is not kept packed.
                    let mut rows = vec![0.0; classes * d];
                    for (class, row) in rows.chunks_exact_mut(d).enumerate() {
                        stored.copy_row(class, row);
                    }
                    Ok(rows)
                };
                let means = (0..=plan.layers).map(&mut of_depth).collect::<Result<_, _>>()?;
                Self::Means { width: d, means }
            }
        })
    }

    /// Statistics of what the head says of the streams of `request`; `outputs`: what it chooses among; `numerics`:
    /// how it rounds over a vocabulary.
    pub(super) fn read(
        &self,
        request: Request<'_>,
        (outputs, numerics): (usize, Numerics),
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        let mut rows = Vec::new();
        for (depth, stream) in request.depths.iter().zip(request.streams) {
            job.check()?;
            rows.push(self.rows(*depth, stream)?);
        }
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let request = Request { streams: &rows, ..request };
        Ok(match self {
            Self::None => Readouts::absent(request.depths.len() * request.next.len()),
            Self::Masked { matrix, bias, .. } => {
                let matrix = &matrix.clone().with_numerics(numerics);
                let head = readout::Head { norm: None, matrix, bias: Some(bias), cap: None };
                readout(head, request, job)?
            }
            Self::Classes { .. } | Self::Exits(_) | Self::Means { .. } => {
                of_logits(request, outputs, job)?
            }
        })
    }

    /// What the last matrix takes at a depth, or, where there are few outputs, the logits themselves.
    fn rows(&self, depth: Depth, h: &[f32]) -> Result<Vec<f32>, ModelError> {
        Ok(match self {
            Self::None => Vec::new(),
            Self::Masked { dense, activation, norm, .. } => {
                let mut rows = dense.apply(h);
                activation.apply(&mut rows);
                norm.apply(&mut rows);
                rows
            }
            Self::Classes { norm, hidden, out } => {
                let mut rows = h.to_vec();
                if let Some(norm) = norm {
                    norm.apply(&mut rows);
                }
                if let Some((hidden, activation)) = hidden {
                    rows = hidden.apply(&rows);
                    activation.apply(&mut rows);
                }
                out.apply(&rows)
            }
            Self::Exits(heads) => of_depth(heads, depth)?.apply(h),
            Self::Means { width, means } => {
                let mut distances = distances(h, of_depth(means, depth)?, *width);
                for distance in &mut distances {
                    *distance = -*distance;
                }
                distances
            }
        })
    }
}

/// What stands at a depth of a list that has one for each.
fn of_depth<T>(all: &[T], depth: Depth) -> Result<&T, ModelError> {
    all.get(depth.index()).ok_or_else(|| ModelError::Request {
        what: "the depth",
        found: depth.index().to_string(),
        allowed: format!("below {}", all.len()),
    })
}
