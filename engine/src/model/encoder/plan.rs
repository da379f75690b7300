//! Everything that decides which encoder it is: a table that a family fills from a configuration.
//!
//! Must not know: configurations, weights.

use crate::kernel::activation::Activation;
use crate::kernel::attention::Heads;
use crate::model::network::Sizes;
use crate::model::{ModelError, Point};
use crate::signal::{ReadBy, Subject};

/// What a probe can look at.
const POINTS: [Point; 6] = [
    Point::ResidPre,
    Point::ResidMid,
    Point::ResidPost,
    Point::AttnOut,
    Point::MlpOut,
    Point::AttnColumns,
];

/// A configured encoder.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) family: &'static str,
    pub(crate) names: &'static Names,
    /// Stands before the names of the body: "bert." or nothing.
    pub(crate) prefix: &'static str,
    pub(crate) norm_spelling: NormSpelling,
    pub(crate) layers: usize,
    /// One block is used `layers` times.
    pub(crate) sharing: Sharing,
    pub(crate) width: usize,
    pub(crate) num_heads: usize,
    pub(crate) ffn_width: usize,
    pub(crate) norm_eps: f32,
    pub(crate) placement: Placement,
    pub(crate) activation: Activation,
    pub(crate) qkv_bias: bool,
    pub(crate) input: Input,
    pub(crate) head: Head,
}

/// How the weight and the bias of a layer norm are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NormSpelling {
    WeightBias,
    /// As TensorFlow calls them; old conversions kept that.
    GammaBeta,
}

/// Whether blocks have weights of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Own,
    One,
}

/// Where the norms of a block stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In front of each sublayer.
    Before,
    /// Behind each sublayer and its sum with the stream.
    After,
}

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input {
    Words(Words),
    Patches(Patches),
}

/// Token embeddings with learned positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) vocab: usize,
    /// Width of the embeddings; where it is not that of the stream, a projection follows.
    pub(crate) width: usize,
    /// Rows of the table of positions.
    pub(crate) positions: usize,
    /// Positions count from the padding token's id + 1, and that token stands at its own id.
    pub(crate) padding: Option<u32>,
    /// Kinds of segments; 0: none.
    pub(crate) segments: usize,
}

/// Square patches of square images, and a class token in front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patches {
    /// Pixels of an image's side.
    pub(crate) image: usize,
    /// Pixels of a patch's side; divides `image`.
    pub(crate) patch: usize,
    pub(crate) channels: usize,
}

/// What reads out. Names are whole.
#[derive(Debug, Clone)]
pub(crate) enum Head {
    None,
    /// `matrix norm(activation(dense h)) + bias` at every token.
    Masked(Masked),
    /// `out activation(hidden norm(h))` of the first token.
    Classes(Classes),
    /// `exit.l.weight state + exit.l.bias` at depth l.
    Exits(Pooled),
    /// Minus the distances of the state from the rows of `mean.l` at depth l.
    Means(Pooled),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Masked {
    pub(crate) dense: &'static str,
    pub(crate) activation: Activation,
    pub(crate) norm: &'static str,
    /// `None`: the embedding.
    pub(crate) matrix: Option<&'static str>,
    pub(crate) bias: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct Classes {
    pub(crate) norm: Option<String>,
    pub(crate) hidden: Option<(String, Activation)>,
    pub(crate) out: &'static str,
    /// One name for each class.
    pub(crate) names: Vec<String>,
}

/// What reads one state of a sequence at every depth.
#[derive(Debug, Clone)]
pub(crate) struct Pooled {
    pub(crate) pooling: Pooling,
    /// One name for each class.
    pub(crate) names: Vec<String>,
}

/// Which state of a sequence is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over all tokens.
    Mean,
    /// That of the first token.
    First,
}

impl Pooling {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Mean, Self::First];

    /// In files and on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::First => "cls",
        }
    }

    /// The one of that id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pooling| pooling.id() == id)
    }

    /// For a person.
    fn words(self) -> &'static str {
        match self {
            Self::Mean => "mean state",
            Self::First => "state of the first token",
        }
    }
}

/// How a family calls its tensors: stems, to which `.weight` and `.bias` are added. They follow the prefix;
/// those of a block follow `block` and, unless all blocks share their weights, its number and a dot.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) words: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) segments: &'static str,
    pub(crate) input_norm: &'static str,
    pub(crate) projection: &'static str,
    /// Whole names; only of images.
    pub(crate) class_token: &'static str,
    pub(crate) block: &'static str,
    pub(crate) q: &'static str,
    pub(crate) k: &'static str,
    pub(crate) v: &'static str,
    pub(crate) o: &'static str,
    pub(crate) attn_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) ffn_norm: &'static str,
    /// Stems of tensors, with or without the prefix, that change no number where nobody takes them: heads that
    /// are not used, and stored copies of a tied one.
    pub(crate) spare: &'static [&'static str],
}

impl Patches {
    /// Patches of one image.
    pub(crate) fn count(&self) -> usize {
        (self.image / self.patch).pow(2)
    }

    /// Numbers of one patch.
    pub(crate) fn numbers(&self) -> usize {
        self.channels * self.patch * self.patch
    }
}

impl Plan {
    /// Refuses sizes that cannot be, before anything is allocated from them.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        let mut limits = vec![
            ("number of blocks", self.layers, 4096),
            ("width", self.width, 1 << 17),
            ("feed-forward width", self.ffn_width, 1 << 20),
            ("number of attention heads", self.num_heads, 1 << 12),
        ];
        match self.input {
            Input::Words(words) => limits.extend([
                ("vocabulary", words.vocab, 1 << 22),
                ("width of the embedding", words.width, 1 << 17),
                ("number of positions", self.context(), 1 << 20),
            ]),
            Input::Patches(patches) => limits.extend([
                ("image size", patches.image, 1 << 12),
                ("patch size", patches.patch, patches.image),
                // What files of images have.
                ("number of channels", patches.channels, 3),
            ]),
        }
        for (what, size, most) in limits {
            if size == 0 || size > most {
                return Err(refused(what, size, format!("1 to {most}")));
            }
        }
        if !self.width.is_multiple_of(self.num_heads) {
            let allowed = format!("a divisor of the width {}", self.width);
            return Err(refused("number of attention heads", self.num_heads, allowed));
        }
        if let Input::Patches(Patches { image, patch, .. }) = self.input
            && !image.is_multiple_of(patch)
        {
            let allowed = format!("a divisor of the image size {image}");
            return Err(refused("patch size", patch, allowed));
        }
        let classes = match &self.head {
            Head::Classes(Classes { names, .. })
            | Head::Exits(Pooled { names, .. })
            | Head::Means(Pooled { names, .. }) => names.len(),
            Head::None | Head::Masked(_) => 2,
        };
        // One output is a regression, and its softmax is always 1.
        if !(2..=1 << 20).contains(&classes) {
            return Err(refused("number of classes", classes, format!("2 to {}", 1 << 20)));
        }
        Ok(self)
    }

    pub(crate) fn heads(&self) -> Heads {
        let (count, dim) = (self.num_heads, self.width / self.num_heads.max(1));
        Heads { count, kv_count: count, dim }
    }

    /// Longest sequence.
    pub(crate) fn context(&self) -> usize {
        match self.input {
            Input::Words(words) => {
                let before = words.padding.map_or(0, |padding| padding as usize + 1);
                words.positions.saturating_sub(before)
            }
            Input::Patches(patches) => patches.count() + 1,
        }
    }

    /// Which state of a sequence is read; `None` where every token's is.
    pub(crate) fn pooling(&self) -> Option<Pooling> {
        match &self.head {
            Head::None | Head::Masked(_) => None,
            Head::Classes(_) => Some(Pooling::First),
            Head::Exits(pooled) | Head::Means(pooled) => Some(pooled.pooling),
        }
    }

    /// A whole name of the body.
    pub(crate) fn name(&self, stem: &str) -> String {
        format!("{}{stem}", self.prefix)
    }

    /// A whole name of a block.
    pub(crate) fn of_block(&self, layer: usize, stem: &str) -> String {
        let Names { block, .. } = self.names;
        match self.sharing {
            Sharing::Own => self.name(&format!("{block}{layer}.{stem}")),
            Sharing::One => self.name(&format!("{block}{stem}")),
        }
    }

    /// Blocks that are stored.
    pub(crate) fn stored_blocks(&self) -> usize {
        match self.sharing {
            Sharing::Own => self.layers,
            Sharing::One => 1,
        }
    }

    /// Names of the weight and the bias of a norm.
    pub(crate) fn norm_names(&self, stem: &str) -> [String; 2] {
        let [weight, bias] = match self.norm_spelling {
            NormSpelling::WeightBias => ["weight", "bias"],
            NormSpelling::GammaBeta => ["gamma", "beta"],
        };
        [format!("{stem}.{weight}"), format!("{stem}.{bias}")]
    }

    /// Names and shapes of every tensor that the encoder takes.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (d, f, names) = (self.width, self.ffn_width, self.names);
        let mut list = List { plan: self, all: Vec::new() };
        match self.input {
            Input::Words(words) => {
                let e = words.width;
                list.put(self.name(names.words), &[words.vocab, e]);
                list.put(self.name(names.positions), &[words.positions, e]);
                if words.segments > 0 {
                    list.put(self.name(names.segments), &[words.segments, e]);
                }
                list.norm(&self.name(names.input_norm), e);
                if e != d {
                    list.linear(&self.name(names.projection), d, e);
                }
            }
            Input::Patches(patches) => {
                let Patches { patch, channels, .. } = patches;
                list.put(self.name(names.class_token), &[1, 1, d]);
                list.put(self.name(names.positions), &[1, patches.count() + 1, d]);
                let projection = self.name(names.projection);
                list.put(format!("{projection}.weight"), &[d, channels, patch, patch]);
                list.put(format!("{projection}.bias"), &[d]);
            }
        }
        for layer in 0..self.stored_blocks() {
            let name = |stem| self.of_block(layer, stem);
            for stem in [names.q, names.k, names.v] {
                list.put(format!("{}.weight", name(stem)), &[d, d]);
                if self.qkv_bias {
                    list.put(format!("{}.bias", name(stem)), &[d]);
                }
            }
            list.linear(&name(names.o), d, d);
            list.norm(&name(names.attn_norm), d);
            list.linear(&name(names.up), f, d);
            list.linear(&name(names.down), d, f);
            list.norm(&name(names.ffn_norm), d);
        }
        self.head_tensors(&mut list);
        list.all
    }

    fn head_tensors(&self, list: &mut List<'_>) {
        let d = self.width;
        match &self.head {
            Head::None => {}
            Head::Masked(masked) => {
                let (vocab, e) = self.embedding_shape();
                list.linear(masked.dense, e, d);
                list.norm(masked.norm, e);
                if let Some(matrix) = masked.matrix {
                    list.put(matrix.to_owned(), &[vocab, e]);
                }
                list.put(masked.bias.to_owned(), &[vocab]);
            }
            Head::Classes(Classes { norm, hidden, out, names }) => {
                if let Some(norm) = norm {
                    list.norm(norm, d);
                }
                if let Some((hidden, _)) = hidden {
                    list.linear(hidden, d, d);
                }
                list.linear(out, names.len(), d);
            }
            Head::Exits(exits) => {
                for depth in 0..=self.layers {
                    list.linear(&exit_stem(depth), exits.names.len(), d);
                }
            }
            Head::Means(means) => {
                for depth in 0..=self.layers {
                    list.put(mean_name(depth), &[means.names.len(), d]);
                }
            }
        }
    }

    /// Rows and columns of the token embedding.
    pub(crate) fn embedding_shape(&self) -> (usize, usize) {
        match self.input {
            Input::Words(words) => (words.vocab, words.width),
            Input::Patches(_) => (0, self.width),
        }
    }

    /// Whether a tensor that nobody takes changes no number: a head that is not used, a copy of a tied one.
    pub(crate) fn is_spare(&self, name: &str) -> bool {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let is_exit = |depth| exit_stem(depth) == stem;
        if matches!(self.head, Head::Means(_)) && (0..=self.layers).any(is_exit) {
            return true;
        }
        let inner = stem.strip_prefix(self.prefix).unwrap_or(stem);
        self.names.spare.iter().any(|spare| *spare == stem || *spare == inner)
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let (d, f) = (self.width as u64, self.ffn_width as u64);
        let (vocab, e) = self.embedding_shape();
        let (readout, classes, readout_weights) = match &self.head {
            Head::None => ("none".to_owned(), Vec::new(), 0),
            Head::Masked(_) => {
                let weights = (e as u64) * (d + vocab as u64);
                ("masked-language-model head".to_owned(), Vec::new(), weights)
            }
            Head::Classes(Classes { hidden, names, .. }) => {
                let words = format!("classification head, {} classes", names.len());
                let weights = d * names.len() as u64 + hidden.as_ref().map_or(0, |_| d * d);
                (words, names.clone(), weights)
            }
            Head::Exits(Pooled { pooling, names }) => {
                let (classes, state) = (names.len(), pooling.words());
                let words = format!("an exit head at every depth, {classes} classes, {state}");
                (words, names.clone(), d * classes as u64)
            }
            Head::Means(Pooled { pooling, names }) => {
                let (classes, state) = (names.len(), pooling.words());
                let words = format!("class means at every depth, {classes} classes, {state}");
                (words, names.clone(), d * classes as u64)
            }
        };
        Sizes {
            layers: self.layers,
            width: self.width,
            vocab,
            heads: self.heads(),
            ffn_width: self.ffn_width,
            context: self.context(),
            image_side: match self.input {
                Input::Words(_) => None,
                Input::Patches(patches) => Some(patches.image),
            },
            subject: self.pooling().map_or(Subject::OwnToken, |_| Subject::Sample),
            read_by: match self.head {
                Head::Means(_) => ReadBy::ClassMeans,
                Head::None | Head::Masked(_) | Head::Classes(_) | Head::Exits(_) => ReadBy::Head,
            },
            readout,
            outputs: if classes.is_empty() { vocab } else { classes.len() },
            classes,
            windows: Vec::new(),
            points: POINTS.to_vec(),
            block_weights: 4 * d * d + 2 * d * f,
            readout_weights,
        }
    }
}

/// Where an exit head lies.
pub(crate) fn exit_stem(depth: usize) -> String {
    format!("exit.{depth}")
}

/// Where the class means of a depth lie.
pub(crate) fn mean_name(depth: usize) -> String {
    format!("mean.{depth}")
}

/// Tensors that are collected.
struct List<'a> {
    plan: &'a Plan,
    all: Vec<(String, Vec<usize>)>,
}

impl List<'_> {
    fn put(&mut self, name: String, shape: &[usize]) {
        self.all.push((name, shape.to_vec()));
    }

    fn linear(&mut self, stem: &str, out: usize, inputs: usize) {
        self.put(format!("{stem}.weight"), &[out, inputs]);
        self.put(format!("{stem}.bias"), &[out]);
    }

    fn norm(&mut self, stem: &str, width: usize) {
        for name in self.plan.norm_names(stem) {
            self.put(name, &[width]);
        }
    }
}

fn refused(what: &str, found: usize, allowed: String) -> ModelError {
    ModelError::UnsupportedValue { key: what.to_owned(), found: found.to_string(), allowed }
}
