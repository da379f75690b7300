//! The words for places in a network, and the definition of every signal. Each is defined here, once.
//!
//! A model of L blocks has depths 0..=L: depth 0 is the residual stream after the embedding, depth l the
//! stream after block l, never normed. The readout at depth l is `head(final_norm(h_l))` (the logit
//! lens), with final soft-capping where the model has one; so depth L is the model's own output. Let z
//! be those logits, p = softmax(z), p1 >= p2 the two largest probabilities, x the true next token,
//! h the stream, d its width. All logarithms are natural, all sums over the vocabulary.
//!
//! | signal | definition | range | where it is absent (NaN) |
//! |---|---|---|---|
//! | max probability | p1 | 1/V ..= 1 | |
//! | margin | p1 - p2 | 0 ..= 1 | |
//! | entropy | H = -sum p ln p = lse(z) - sum p z, in nats | 0 ..= ln V | |
//! | KL | sum `p_L` (ln `p_L` - ln `p_l`), final first, in nats; exactly 0 at depth L | >= 0 | |
//! | KL to the depth before | sum `p_l` (ln `p_l` - ln `p_(l-1)`), in nats | >= 0 | depth 0 |
//! | probability step | `norm(p_l - p_(l-1))`, Euclidean norm over the vocabulary | 0 ..= sqrt 2 | depth 0 |
//! | NLL | -ln p(x) = lse(z) - z(x), in nats | >= 0 | where there is no x |
//! | rank | 1 + number of tokens with a logit larger than z(x); 1 = the model's first choice | 1 ..= V | where there is no x |
//! | cosine to next | `<h_l, h_(l+1)> / (norm(h_l) norm(h_(l+1)))` | -1 ..= 1 | depth L |
//! | update | `norm(h_(l+1) - h_l) / norm(h_l)`, Euclidean norms | >= 0 | depth L |
//! | RMS | sqrt(mean of squares of `h_l`) = `norm(h_l)` / sqrt(d) | >= 0 | |
//!
//! That is for a model whose subject is the next token. Where the subject is a whole sample (a classifier), x is
//! its label, the sums run over the classes (V of them), and h is the state that the head reads: the stream of
//! the first token, or the mean over the tokens. A masked-language model reads every token itself: there is no x.
//! x is absent, too, at the last token of a sequence and where a sample has no label.
//!
//! The probability step is what DeeR (arXiv 2411.02359) asks of two actions, asked of two readouts; that reading of it,
//! between depths that follow each other, is ours and not the paper's.
//!
//! Where readouts are by class means (`ReadBy::ClassMeans`), z is no head's: `z_c = -norm(h_l - mean_(l,c))`, Euclidean
//! distances to the mean state of each class at that depth. Depth L then is the class whose mean is nearest to the
//! last state, and not what a head of the checkpoint answers.
//!
//! Where two logits are equal the smaller token id comes first. A NaN in the stream makes every signal
//! of that token and depth NaN, and with them
//! what the next depth says of the depth before; a rule never stops on it.

/// Stands where there is no token: after the end of a sequence.
pub(crate) const NO_TOKEN: u32 = u32::MAX;

/// What a readout is about; every row of a recording is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The token after each token; x is the one that follows.
    #[default]
    Token,
    /// Each token itself, as a masked-language model reads it; there is no x.
    OwnToken,
    /// A whole sample, as a classifier reads it; x is its label.
    Sample,
}

impl Subject {
    /// What rows are called: "token", "sample".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Token | Self::OwnToken => "token",
            Self::Sample => "sample",
        }
    }

    /// The same for more than one.
    pub fn nouns(self) -> &'static str {
        match self {
            Self::Token | Self::OwnToken => "tokens",
            Self::Sample => "samples",
        }
    }
}

/// What turns a state into probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadBy {
    /// A head of the checkpoint.
    #[default]
    Head,
    /// The nearest class mean: softmax of minus the distances to the mean state of each class at that depth.
    ClassMeans,
}

impl ReadBy {
    /// Whether a head of the checkpoint reads, as nearly always; files then say nothing.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks before it writes a field")]
    pub(crate) fn is_head(&self) -> bool {
        *self == Self::Head
    }

    /// In files.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::ClassMeans => "class_means",
        }
    }

    /// What has to stand beside numbers that were read out so; nothing where a head of the checkpoint did.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Head => None,
            Self::ClassMeans => Some(
                "Readouts by class means: probabilities are the softmax of minus the distances to them, and the last depth answers by its nearest mean, not by a head of the checkpoint",
            ),
        }
    }
}

/// How many blocks have run: 0..=L.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Depth(pub(crate) u16);

/// A block, counted from 0: the one between depth l and depth l + 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Layer(pub(crate) u16);

impl Depth {
    /// As an index into per-depth storage.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Layer {
    /// As an index into per-layer storage.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One number per token and depth. Definitions: this module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Signal {
    /// Largest probability of the readout.
    MaxProb,
    /// Largest minus second largest probability.
    Margin,
    /// Entropy of the readout.
    Entropy,
    /// KL divergence of the readout from the final readout.
    Kl,
    /// KL divergence of the readout of the depth before from the readout.
    KlPrev,
    /// Length of the way from the probabilities of the depth before.
    ProbStep,
    /// Negative log-likelihood of the true next token.
    Nll,
    /// Rank of the true next token.
    Rank,
    /// Cosine between the stream here and at the next depth.
    CosNext,
    /// Relative size of the next block's update.
    Update,
    /// Root mean square of the stream.
    Rms,
}

impl Signal {
    /// Every signal, in the order of menus and tables.
    pub(crate) const ALL: [Self; 11] = [
        Self::MaxProb,
        Self::Margin,
        Self::Entropy,
        Self::Kl,
        Self::KlPrev,
        Self::ProbStep,
        Self::Nll,
        Self::Rank,
        Self::CosNext,
        Self::Update,
        Self::Rms,
    ];

    /// Kebab-case name in knobs and sessions; column names use it with underscores.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::MaxProb => "max-prob",
            Self::Margin => "margin",
            Self::Entropy => "entropy",
            Self::Kl => "kl",
            Self::KlPrev => "kl-prev",
            Self::ProbStep => "prob-step",
            Self::Nll => "nll",
            Self::Rank => "rank",
            Self::CosNext => "cos-next",
            Self::Update => "update",
            Self::Rms => "rms",
        }
    }

    /// Column name in Parquet and CSV.
    pub(crate) fn column_name(self) -> &'static str {
        match self {
            Self::MaxProb => "max_prob",
            Self::KlPrev => "kl_prev",
            Self::ProbStep => "prob_step",
            Self::CosNext => "cos_next",
            other => other.id(),
        }
    }

    /// Sentence case, for axes and menus.
    fn label(self) -> &'static str {
        match self {
            Self::MaxProb => "Max probability",
            Self::Margin => "Margin p1 − p2",
            Self::Entropy => "Entropy",
            Self::Kl => "KL (final || depth)",
            Self::KlPrev => "KL (depth || depth before)",
            Self::ProbStep => "Probability step",
            Self::Nll => "NLL of the next token",
            Self::Rank => "Rank of the next token",
            Self::CosNext => "Cosine to the next depth",
            Self::Update => "Relative update",
            Self::Rms => "RMS of the stream",
        }
    }

    /// The label where rows are of this kind.
    pub(crate) fn label_of(self, subject: Subject) -> &'static str {
        match (self, subject) {
            (Self::Nll, Subject::Sample) => "NLL of the label",
            (Self::Rank, Subject::Sample) => "Rank of the label",
            (other, _) => other.label(),
        }
    }

    /// Unit on axes; empty for none.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Entropy | Self::Kl | Self::KlPrev | Self::Nll => "nats",
            _ => "",
        }
    }
}
