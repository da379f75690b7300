//! The feed-forward sublayer of one block.

use crate::kernel::add;
use crate::kernel::norm::Norm;
use crate::kernel::routing;
use crate::model::decoder::attention::columns;
use crate::model::decoder::linear::{Linear, Take};
use crate::model::decoder::names::Mlp;
use crate::model::decoder::plan::Plan;
use crate::model::decoder::running::Running;
use crate::model::{ModelError, Point};

/// Its weights.
#[derive(Debug)]
pub(super) struct FeedForward {
    norm: Option<Norm>,
    kind: Kind,
    post_norm: Option<Norm>,
}

#[derive(Debug)]
enum Kind {
    Plain { up: Linear, down: Linear },
    Gated(Gated),
    GatedFused { gate_up: Linear, down: Linear },
    Experts { router: Linear, experts: Vec<Gated> },
}

#[derive(Debug)]
struct Gated {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl FeedForward {
    pub(super) fn take(from: &mut Take<'_, '_>) -> Result<Self, ModelError> {
        let plan = from.plan;
        let (d, names, bias) = (plan.width, plan.names, plan.biases.mlp);
        let kind = match names.mlp {
            Mlp::Plain { up, down } => {
                Kind::Plain { up: from.linear(up, bias)?, down: from.linear(down, bias)? }
            }
            Mlp::Gated { gate, up, down } => Kind::Gated(Gated::take(from, gate, up, down)?),
            Mlp::GatedFused { gate_up, down } => Kind::GatedFused {
                gate_up: from.linear(gate_up, bias)?,
                down: from.linear(down, bias)?,
            },
            Mlp::Experts { router, expert, gate, up, down } => {
                let router = from.linear(router, false)?;
                let experts = (0..plan.experts.count)
                    .map(|number| {
                        let of = |name: &str| format!("{expert}{number}.{name}");
                        Gated::take(from, &of(gate), &of(up), &of(down))
                    })
                    .collect::<Result<_, _>>()?;
                Kind::Experts { router, experts }
            }
            Mlp::StackedExperts { router, gate, up, down } => {
                let router = from.linear(router, false)?;
                let stacks = from.stack(gate)?.into_iter().zip(from.stack(up)?);
                let experts = stacks
                    .zip(from.stack(down)?)
                    .map(|((gate, up), down)| Gated { gate, up, down })
                    .collect();
                Kind::Experts { router, experts }
            }
        };
        let norm = from.norm_if(names.ffn_norm, d)?;
        Ok(Self { norm, kind, post_norm: from.norm_if(names.ffn_post_norm, d)? })
    }

    /// What the sublayer adds to the stream `h`.
    pub(super) fn run(&self, at: &mut Running<'_>, h: &[f32]) -> Vec<f32> {
        let plan = at.plan;
        let normed = self.norm.as_ref().map(|norm| norm.of(h));
        let x = normed.as_deref().unwrap_or(h);
        let mut added = match &self.kind {
            Kind::Plain { up, down } => {
                let mut inner = up.apply(x);
                plan.activation.apply(&mut inner);
                down.apply(&inner)
            }
            Kind::Gated(gated) => gated.run(plan, x),
            Kind::GatedFused { gate_up, down } => {
                let (both, f) = (gate_up.apply(x), plan.ffn_width);
                let mut gate = columns(&both, 2 * f, 0..f);
                plan.gate.apply(&mut gate, &columns(&both, 2 * f, f..2 * f));
                down.apply(&gate)
            }
            Kind::Experts { router, experts } => {
                let mut probabilities = router.apply(x);
                routing::probabilities(&mut probabilities, experts.len());
                at.look(Point::Router, || &probabilities);
                mixed(plan, experts, &probabilities, x)
            }
        };
        if let Some(norm) = &self.post_norm {
            norm.apply(&mut added);
        }
        added
    }
}

impl Gated {
    fn take(from: &mut Take<'_, '_>, gate: &str, up: &str, down: &str) -> Result<Self, ModelError> {
        let bias = from.plan.biases.mlp;
        Ok(Self {
            gate: from.linear(gate, bias)?,
            up: from.linear(up, bias)?,
            down: from.linear(down, bias)?,
        })
    }

    fn run(&self, plan: &Plan, x: &[f32]) -> Vec<f32> {
        let (mut inner, up) = rayon::join(|| self.gate.apply(x), || self.up.apply(x));
        plan.gate.apply(&mut inner, &up);
        self.down.apply(&inner)
    }
}

/// Every token through its own experts, whose results are added in the order of their numbers.
fn mixed(plan: &Plan, experts: &[Gated], probabilities: &[f32], x: &[f32]) -> Vec<f32> {
    let width = plan.width;
    let mut tokens_of = vec![Vec::new(); experts.len()];
    for (token, row) in probabilities.chunks_exact(experts.len().max(1)).enumerate() {
        for (expert, weight) in routing::chosen(row, plan.experts.used) {
            tokens_of[expert].push((token, weight));
        }
    }
    let mut out = vec![0.0; x.len()];
    for (expert, tokens) in experts.iter().zip(tokens_of) {
        let rows: Vec<f32> =
            tokens.iter().flat_map(|&(token, _)| &x[token * width..][..width]).copied().collect();
        let mut given = expert.run(plan, &rows);
        for (&(token, weight), row) in tokens.iter().zip(given.chunks_exact_mut(width)) {
            for value in row.iter_mut() {
                *value *= weight;
            }
            add(&mut out[token * width..][..width], row);
        }
    }
    out
}
