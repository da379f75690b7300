//! Everything that decides which decoder it is. Families differ here and nowhere else.

use crate::kernel::activation::Activation;
use crate::kernel::attention::{Heads, Looking};
use crate::kernel::gate::Gate;
use crate::kernel::rotary::{Pairs, Scaling, Turning};
use crate::kernel::rounded;
use crate::model::decoder::names::{Mlp, Names, QkNorm, Qkv};
use crate::model::weights::Weights;
use crate::model::{ModelError, Point};

/// A decoder without its weights.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) family: &'static str,
    pub(crate) names: &'static Names,
    /// Stands before the names of all tensors but the head's.
    pub(crate) prefix: &'static str,
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: Heads,
    /// Inner width of the feed-forward sublayer, or of one expert.
    pub(crate) ffn_width: usize,
    pub(crate) vocab: usize,
    pub(crate) context: usize,
    pub(crate) norm: NormKind,
    pub(crate) norm_eps: f32,
    pub(crate) residual: Residual,
    /// For each block how many positions a query sees, its own included; `None`: all up to its own.
    pub(crate) windows: Vec<Option<usize>>,
    /// Factor of the attention scores.
    pub(crate) score_scale: f32,
    /// Soft cap of the scaled scores.
    pub(crate) score_cap: Option<f32>,
    pub(crate) positions: Positions,
    /// Of a gated feed-forward sublayer and of experts.
    pub(crate) gate: Gate,
    /// Of a plain feed-forward sublayer.
    pub(crate) activation: Activation,
    pub(crate) experts: Experts,
    pub(crate) biases: Biases,
    /// Whether matrices inside blocks are stored [in, out].
    pub(crate) stored: Stored,
    /// Factor of the embedding.
    pub(crate) embedding_scale: f32,
    /// Soft cap of the final logits.
    pub(crate) logit_cap: Option<f32>,
    /// The head is the embedding.
    pub(crate) tied: bool,
}

/// Sizes of a decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: Heads,
    pub(crate) ffn_width: usize,
    pub(crate) vocab: usize,
    pub(crate) context: usize,
}

/// How every norm of the network works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NormKind {
    /// By the root mean square.
    Rms,
    /// The same, with one less than its weight stored.
    RmsLessOne,
    /// A layer norm with bias.
    Layer,
}

/// What the feed-forward sublayer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Residual {
    /// The stream after attention.
    Sequential,
    /// The stream before attention.
    Parallel,
}

/// How a token knows where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Positions {
    /// A table [context, width], added to the embedding; its name.
    Learned(&'static str),
    /// Queries and keys are turned.
    Rotary {
        turning: Turning,
        /// In blocks with a window, where it is another.
        windowed: Option<Turning>,
    },
}

/// Number of experts, and how many of them a token goes to; both 0 without experts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Experts {
    pub(crate) count: usize,
    pub(crate) used: usize,
}

/// Which matrices have a bias.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Biases {
    pub(crate) qkv: bool,
    pub(crate) o: bool,
    pub(crate) mlp: bool,
}

/// How a matrix of a block lies in the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// [out, in].
    Rows,
    /// [in, out].
    Columns,
}

impl Plan {
    /// Llama with these names and sizes. Refuses sizes that cannot be, before anything is allocated from them.
    pub(crate) fn new(
        family: &'static str,
        names: &'static Names,
        sizes: Sizes,
    ) -> Result<Self, ModelError> {
        let Sizes { layers, width, heads, ffn_width, vocab, context } = sizes;
        let limits = [
            ("number of blocks", layers, 4096),
            ("width", width, 1 << 17),
            ("feed-forward width", ffn_width, 1 << 20),
            ("vocabulary", vocab, 1 << 22),
            ("number of attention heads", heads.count, 1 << 12),
            ("number of key/value heads", heads.kv_count, heads.count),
            ("width of a head", heads.dim, 1 << 12),
        ];
        for (what, size, most) in limits {
            if size == 0 || size > most {
                return Err(refused(what, size, &format!("1 to {most}")));
            }
        }
        if !heads.count.is_multiple_of(heads.kv_count) {
            let allowed = format!("a divisor of {}", heads.count);
            return Err(refused("number of key/value heads", heads.kv_count, &allowed));
        }
        let (dims, theta) = (heads.dim, 10000.0);
        let turning = Turning { dims, theta, scaling: Scaling::None, pairs: Pairs::Halves };
        Ok(Self {
            family,
            names,
            prefix: "",
            layers,
            width,
            heads,
            ffn_width,
            vocab,
            context,
            norm: NormKind::Rms,
            norm_eps: 1e-6,
            residual: Residual::Sequential,
            windows: vec![None; layers],
            score_scale: (heads.dim as f32).sqrt().recip(),
            score_cap: None,
            positions: Positions::Rotary { turning, windowed: None },
            gate: Gate::Silu,
            activation: Activation::GeluErf,
            experts: Experts::default(),
            biases: Biases::default(),
            stored: Stored::Rows,
            embedding_scale: 1.0,
            logit_cap: None,
            tied: false,
        })
    }

    /// Refuses what the changes of a family cannot be.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        let (Experts { count, used }, dim) = (self.experts, self.heads.dim);
        for (what, size, most) in
            [("number of experts", count, 1 << 10), ("number of experts of a token", used, count)]
        {
            if size > most {
                return Err(refused(what, size, &format!("at most {most}")));
            }
        }
        if let Positions::Rotary { turning, windowed } = self.positions {
            for Turning { dims, .. } in [Some(turning), windowed].into_iter().flatten() {
                if !dims.is_multiple_of(2) || !(2..=dim).contains(&dims) {
                    let what = "width of a head that is turned for its position";
                    return Err(refused(what, dims, &format!("an even number from 2 to {dim}")));
                }
            }
        }
        Ok(self)
    }

    /// The name of a tensor of the body.
    pub(crate) fn weight(&self, name: &str) -> String {
        format!("{}{name}.weight", self.prefix)
    }

    /// The name of the head's tensor.
    pub(crate) fn head(&self) -> String {
        format!("{}.weight", self.names.head)
    }

    /// The name of a part of a block, without its end.
    pub(crate) fn of_block(&self, layer: usize, name: &str) -> String {
        format!("{}{}{layer}.{name}", self.prefix, self.names.block)
    }

    /// The name of the stored divisors of rotary frequencies, if there are any.
    pub(crate) fn rope_divisors(&self, weights: &Weights<'_>) -> Option<&'static str> {
        self.names.rope_divisors.filter(|name| weights.has(name))
    }

    /// Names and shapes of every tensor that the decoder takes.
    pub(crate) fn tensors(&self, weights: &Weights<'_>) -> Vec<(String, Vec<usize>)> {
        let (d, names) = (self.width, self.names);
        let mut list = List { plan: self, all: Vec::new() };
        list.add(self.weight(names.embedding), &[self.vocab, d]);
        list.norm(&format!("{}{}", self.prefix, names.final_norm), d);
        if !self.tied {
            list.add(self.head(), &[self.vocab, d]);
        }
        match self.positions {
            Positions::Learned(name) => list.add(self.weight(name), &[self.context, d]),
            Positions::Rotary { turning, .. } => {
                if let Some(name) = self.rope_divisors(weights) {
                    list.add(name.to_owned(), &[turning.dims / 2]);
                }
            }
        }
        for layer in 0..self.layers {
            list.attention(layer);
            list.feed_forward(layer);
        }
        list.all
    }

    /// Whether a tensor that nobody takes changes no number: a stored copy of a tied head, a stored mask.
    pub(crate) fn is_spare(&self, name: &str) -> bool {
        self.tied && name == self.head() || self.names.spare.iter().any(|end| name.ends_with(end))
    }

    /// How the queries of a block look at its keys.
    pub(crate) fn looking(&self, layer: usize) -> Looking {
        Looking {
            heads: self.heads,
            scale: self.score_scale,
            cap: self.score_cap,
            window: self.windows.get(layer).copied().flatten(),
        }
    }

    /// Weights of the matrices of a block that one token is multiplied with; of experts only its own.
    pub(crate) fn block_weights(&self) -> u64 {
        let (d, f) = (self.width as u64, self.ffn_width as u64);
        let inner = (self.heads.count * self.heads.dim) as u64;
        let kv_inner = (self.heads.kv_count * self.heads.dim) as u64;
        let (used, experts) = (self.experts.used as u64, self.experts.count as u64);
        let mlp = match self.names.mlp {
            Mlp::Plain { .. } => 2 * d * f,
            Mlp::Gated { .. } | Mlp::GatedFused { .. } => 3 * d * f,
            Mlp::Experts { .. } | Mlp::StackedExperts { .. } => 3 * d * f * used + d * experts,
        };
        2 * d * (inner + kv_inner) + mlp
    }

    /// What a probe can look at.
    pub(crate) fn points(&self) -> Vec<Point> {
        let mut points = vec![Point::ResidPre];
        if self.residual == Residual::Sequential {
            points.push(Point::ResidMid);
        }
        points.extend([Point::ResidPost, Point::AttnOut, Point::MlpOut, Point::AttnColumns]);
        if self.experts.count > 0 {
            points.push(Point::Router);
        }
        points
    }
}

/// Factor of attention scores: `1 / sqrt(width)`.
pub(crate) fn score_scale(width: f64) -> f32 {
    rounded(width.sqrt().recip())
}

fn refused(what: &str, found: usize, allowed: &str) -> ModelError {
    let allowed = allowed.to_owned();
    ModelError::UnsupportedValue { key: what.to_owned(), found: found.to_string(), allowed }
}

/// Names and shapes while they are gathered.
struct List<'a> {
    plan: &'a Plan,
    all: Vec<(String, Vec<usize>)>,
}

impl List<'_> {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.all.push((name, shape.to_vec()));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width]);
        if self.plan.norm == NormKind::Layer {
            self.add(format!("{name}.bias"), &[width]);
        }
    }

    fn linear(&mut self, name: &str, out: usize, inner: usize, has_bias: bool) {
        let shape = match self.plan.stored {
            Stored::Rows => [out, inner],
            Stored::Columns => [inner, out],
        };
        self.add(format!("{name}.weight"), &shape);
        if has_bias {
            self.add(format!("{name}.bias"), &[out]);
        }
    }

    fn attention(&mut self, layer: usize) {
        let plan = self.plan;
        let (d, names, biases) = (plan.width, plan.names, plan.biases);
        let inner = plan.heads.count * plan.heads.dim;
        let kv_inner = plan.heads.kv_count * plan.heads.dim;
        let of = |name: &str| plan.of_block(layer, name);
        for norm in [names.attn_norm, names.attn_post_norm].into_iter().flatten() {
            self.norm(&of(norm), d);
        }
        match names.qkv {
            Qkv::Split { q, k, v } => {
                for (name, rows) in [(q, inner), (k, kv_inner), (v, kv_inner)] {
                    self.linear(&of(name), rows, d, biases.qkv);
                }
            }
            Qkv::Fused(name) | Qkv::FusedByHead(name) => {
                self.linear(&of(name), inner + 2 * kv_inner, d, biases.qkv);
            }
        }
        let dim = plan.heads.dim;
        match names.qk_norm {
            None => {}
            Some(QkNorm::PerHead { q, k }) => {
                self.norm(&of(q), dim);
                self.norm(&of(k), dim);
            }
            Some(QkNorm::Whole { q, k }) => {
                self.norm(&of(q), inner);
                self.norm(&of(k), kv_inner);
            }
        }
        self.linear(&of(names.o), d, inner, biases.o);
    }

    fn feed_forward(&mut self, layer: usize) {
        let plan = self.plan;
        let (d, f, names, bias) = (plan.width, plan.ffn_width, plan.names, plan.biases.mlp);
        let of = |name: &str| plan.of_block(layer, name);
        for norm in [names.ffn_norm, names.ffn_post_norm].into_iter().flatten() {
            self.norm(&of(norm), d);
        }
        match names.mlp {
            Mlp::Plain { up, down } => {
                self.linear(&of(up), f, d, bias);
                self.linear(&of(down), d, f, bias);
            }
            Mlp::Gated { gate, up, down } => {
                self.linear(&of(gate), f, d, bias);
                self.linear(&of(up), f, d, bias);
                self.linear(&of(down), d, f, bias);
            }
            Mlp::GatedFused { gate_up, down } => {
                self.linear(&of(gate_up), 2 * f, d, bias);
                self.linear(&of(down), d, f, bias);
            }
            Mlp::Experts { router, expert, gate, up, down } => {
                self.linear(&of(router), plan.experts.count, d, false);
                for number in 0..plan.experts.count {
                    let of = |name: &str| of(&format!("{expert}{number}.{name}"));
                    self.linear(&of(gate), f, d, bias);
                    self.linear(&of(up), f, d, bias);
                    self.linear(&of(down), d, f, bias);
                }
            }
            Mlp::StackedExperts { router, gate, up, down } => {
                let count = plan.experts.count;
                self.linear(&of(router), count, d, false);
                for (name, out, inner) in [(gate, f, d), (up, f, d), (down, d, f)] {
                    self.add(format!("{}.weight", of(name)), &[count, out, inner]);
                }
            }
        }
    }
}
