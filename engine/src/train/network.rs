//! The decoder that is trained: Llama's architecture, with a readout at every depth, differentiable throughout.
//!
//! Only plain tensor operations are used, because candle's fused norms and softmax have no gradient.
//! Must not know: the grammar, files.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// The size of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Words in the vocabulary.
    pub(crate) vocabulary: usize,
    /// Width of the residual stream.
    pub(crate) width: usize,
    /// Width inside the MLP.
    pub(crate) inner: usize,
    /// Number of blocks.
    pub(crate) blocks: usize,
    /// Attention heads; each is `width / heads` wide.
    pub(crate) heads: usize,
    /// Longest sequence.
    pub(crate) context: usize,
}

/// Added below the root of the norm.
pub(crate) const NORM_EPS: f64 = 1e-5;
/// Base of the rotary angles.
pub(crate) const ROPE_THETA: f64 = 10_000.0;

struct Block {
    attn_norm: Var,
    q: Var,
    k: Var,
    v: Var,
    o: Var,
    mlp_norm: Var,
    gate: Var,
    up: Var,
    down: Var,
}

/// The network: its weights, by name and by place.
pub(crate) struct Network {
    shape: Shape,
    named: Vec<(String, Var)>,
    embedding: Var,
    blocks: Vec<Block>,
    norm: Var,
    head: Var,
    /// Rotary tables [context, head width].
    cos: Tensor,
    sin: Tensor,
}

/// Makes weights and remembers their names.
struct Maker<'a> {
    rng: &'a mut ChaCha8Rng,
    device: &'a Device,
    named: Vec<(String, Var)>,
}

impl Maker<'_> {
    /// Normal weights [rows, columns] of deviation `std`.
    fn matrix(&mut self, name: String, rows: usize, columns: usize, std: f64) -> Result<Var> {
        let mut values = Vec::with_capacity(rows * columns);
        while values.len() < rows * columns {
            // Box-Muller: u, v uniform; sqrt(-2 ln u) cos(2 pi v) is normal.
            let u = 1.0 - self.rng.random::<f64>();
            let v = self.rng.random::<f64>();
            let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            values.push(narrow(std * normal));
        }
        self.keep(name, &Tensor::from_vec(values, (rows, columns), self.device)?)
    }

    fn ones(&mut self, name: String, width: usize) -> Result<Var> {
        self.keep(name, &Tensor::ones(width, DType::F32, self.device)?)
    }

    fn keep(&mut self, name: String, values: &Tensor) -> Result<Var> {
        let var = Var::from_tensor(values)?;
        self.named.push((name, var.clone()));
        Ok(var)
    }
}

impl Network {
    /// Fresh weights. What writes into the stream is scaled down by the number of blocks, so that the stream begins
    /// close to the embedding at every depth.
    pub(crate) fn new(shape: Shape, rng: &mut ChaCha8Rng, device: &Device) -> Result<Self> {
        let Shape { vocabulary, width, inner, blocks, .. } = shape;
        let std = (width as f64).powf(-0.5);
        let quiet = (2.0 * blocks as f64).powf(-0.5);
        let mut make = Maker { rng, device, named: Vec::new() };
        let embedding =
            make.matrix("model.embed_tokens.weight".to_owned(), vocabulary, width, 0.1)?;
        let mut stack = Vec::with_capacity(blocks);
        for layer in 0..blocks {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            let out = std * quiet;
            let down = (inner as f64).powf(-0.5) * quiet;
            stack.push(Block {
                attn_norm: make.ones(name("input_layernorm"), width)?,
                q: make.matrix(name("self_attn.q_proj"), width, width, std)?,
                k: make.matrix(name("self_attn.k_proj"), width, width, std)?,
                v: make.matrix(name("self_attn.v_proj"), width, width, std)?,
                o: make.matrix(name("self_attn.o_proj"), width, width, out)?,
                mlp_norm: make.ones(name("post_attention_layernorm"), width)?,
                gate: make.matrix(name("mlp.gate_proj"), inner, width, std)?,
                up: make.matrix(name("mlp.up_proj"), inner, width, std)?,
                down: make.matrix(name("mlp.down_proj"), width, inner, down)?,
            });
        }
        let norm = make.ones("model.norm.weight".to_owned(), width)?;
        let head = make.matrix("lm_head.weight".to_owned(), vocabulary, width, std)?;
        let (cos, sin) = rotary_tables(shape, device)?;
        Ok(Self { shape, named: make.named, embedding, blocks: stack, norm, head, cos, sin })
    }

    /// The size.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Where it computes.
    pub(crate) fn device(&self) -> &Device {
        self.embedding.device()
    }

    /// Every weight under its Hugging Face name, in the order of the network.
    pub(crate) fn named(&self) -> &[(String, Var)] {
        &self.named
    }

    /// How many numbers the weights are.
    pub(crate) fn num_parameters(&self) -> usize {
        self.named.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// The residual stream at every depth 0..=L for tokens [rows, length]; each [rows, length, width].
    ///
    /// `keep` has one tensor [rows, 1, 1] of zeros and ones per block: a row with a zero skips the block.
    /// Empty means that nothing is skipped.
    pub(crate) fn streams(&self, tokens: &Tensor, keep: &[Tensor]) -> Result<Vec<Tensor>> {
        let (rows, length) = tokens.dims2()?;
        let flat =
            self.embedding.index_select(&tokens.flatten_all()?.to_device(self.device())?, 0)?;
        let mut stream = flat.reshape((rows, length, self.shape.width))?;
        let mask = causal_mask(length, self.device())?;
        let mut streams = vec![stream.clone()];
        for (layer, block) in self.blocks.iter().enumerate() {
            let keep = keep.get(layer).map(|keep| keep.to_device(self.device())).transpose()?;
            let keep = keep.as_ref();
            let attn = skip(self.attention(block, &stream, &mask)?, keep)?;
            stream = (stream + attn)?;
            let mlp = skip(mlp(block, &stream)?, keep)?;
            stream = (stream + mlp)?;
            streams.push(stream.clone());
        }
        Ok(streams)
    }

    /// Final norm and head: log probabilities [tokens, vocabulary] of streams [.., width].
    pub(crate) fn log_probs(&self, streams: &Tensor) -> Result<Tensor> {
        let normed = rms_norm(&streams.reshape(((), self.shape.width))?, &self.norm)?;
        let logits = normed.matmul(&self.head.t()?)?;
        let logits = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
        logits.broadcast_sub(&logits.exp()?.sum_keepdim(1)?.log()?)
    }

    fn attention(&self, block: &Block, stream: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (rows, length, width) = stream.dims3()?;
        let head_width = width / self.shape.heads;
        let normed = rms_norm(stream, &block.attn_norm)?.reshape((rows * length, width))?;
        let split = |weight: &Var| -> Result<Tensor> {
            let heads = normed.matmul(&weight.t()?)?;
            let heads = heads.reshape((rows, length, self.shape.heads, head_width))?;
            heads.transpose(1, 2)?.contiguous()
        };
        let q = self.rotate(&split(&block.q)?)?;
        let k = self.rotate(&split(&block.k)?)?;
        let v = split(&block.v)?;
        let scores = (q.matmul(&k.t()?)? * (head_width as f64).powf(-0.5))?;
        let scores = scores.broadcast_add(mask)?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(3)?.detach())?.exp()?;
        let pattern = scores.broadcast_div(&scores.sum_keepdim(3)?)?;
        let z = pattern.matmul(&v)?.transpose(1, 2)?.reshape((rows * length, width))?;
        z.matmul(&block.o.t()?)?.reshape((rows, length, width))
    }

    /// Rotary positions on [rows, heads, length, head width]; halves are paired, as Hugging Face does.
    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, length, head_width) = x.dims4()?;
        let half = head_width / 2;
        let turned = Tensor::cat(&[&x.narrow(3, half, half)?.neg()?, &x.narrow(3, 0, half)?], 3)?;
        let cos = self.cos.narrow(0, 0, length)?;
        let sin = self.sin.narrow(0, 0, length)?;
        x.broadcast_mul(&cos)? + turned.broadcast_mul(&sin)?
    }
}

fn skip(update: Tensor, keep: Option<&Tensor>) -> Result<Tensor> {
    match keep {
        Some(keep) => update.broadcast_mul(keep),
        None => Ok(update),
    }
}

fn mlp(block: &Block, stream: &Tensor) -> Result<Tensor> {
    let (rows, length, width) = stream.dims3()?;
    let normed = rms_norm(stream, &block.mlp_norm)?.reshape((rows * length, width))?;
    let gate = normed.matmul(&block.gate.t()?)?.silu()?;
    let inner = (gate * normed.matmul(&block.up.t()?)?)?;
    inner.matmul(&block.down.t()?)?.reshape((rows, length, width))
}

fn rms_norm(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let last = x.rank() - 1;
    let scale = (x.sqr()?.mean_keepdim(last)? + NORM_EPS)?.sqrt()?.recip()?;
    x.broadcast_mul(&scale)?.broadcast_mul(weight)
}

/// 0 where a token may look, a large negative number where it may not: [length, length].
fn causal_mask(length: usize, device: &Device) -> Result<Tensor> {
    let cells = (0..length * length).map(|at| if at % length > at / length { -1e9 } else { 0.0 });
    Tensor::from_iter(cells.collect::<Vec<f32>>(), device)?.reshape((length, length))
}

fn rotary_tables(shape: Shape, device: &Device) -> Result<(Tensor, Tensor)> {
    let head_width = shape.width / shape.heads;
    let half = head_width / 2;
    let angles: Vec<f64> = (0..shape.context * head_width)
        .map(|at| {
            let (position, column) = (at / head_width, at % head_width);
            let power = 2.0 * (column % half) as f64 / head_width as f64;
            position as f64 * ROPE_THETA.powf(-power)
        })
        .collect();
    let table = |of: fn(f64) -> f64| {
        let values: Vec<f32> = angles.iter().map(|angle| narrow(of(*angle))).collect();
        Tensor::from_vec(values, (shape.context, head_width), device)
    };
    Ok((table(f64::cos)?, table(f64::sin)?))
}

#[expect(clippy::cast_possible_truncation, reason = "weights and angles are meant to be f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
