//! How a family calls its tensors, and with that which parts a block has.

/// Names without ".weight" and ".bias". Those of the body follow the plan's prefix, those of a block also
/// `block`, its number and a dot. A part without a name does not exist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) embedding: &'static str,
    pub(crate) final_norm: &'static str,
    /// Stands without the prefix.
    pub(crate) head: &'static str,
    /// Divisors of the rotary frequencies, where a checkpoint stores them; the whole name.
    pub(crate) rope_divisors: Option<&'static str>,
    pub(crate) block: &'static str,
    /// On what attention reads.
    pub(crate) attn_norm: Option<&'static str>,
    pub(crate) qkv: Qkv,
    pub(crate) qk_norm: Option<QkNorm>,
    pub(crate) o: &'static str,
    /// On what attention gives, before it is added to the stream.
    pub(crate) attn_post_norm: Option<&'static str>,
    /// On what the feed-forward sublayer reads.
    pub(crate) ffn_norm: Option<&'static str>,
    pub(crate) mlp: Mlp,
    /// On what the feed-forward sublayer gives.
    pub(crate) ffn_post_norm: Option<&'static str>,
    /// Ends of the names of tensors that are no weights: stored masks.
    pub(crate) spare: &'static [&'static str],
}

/// Where the weights of queries, keys and values lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Qkv {
    Split {
        q: &'static str,
        k: &'static str,
        v: &'static str,
    },
    /// One tensor: the rows of all queries, of all keys, of all values.
    Fused(&'static str),
    /// One tensor: for each head the rows of its query, its key and its value.
    FusedByHead(&'static str),
}

/// Norms on queries and keys.
#[derive(Debug, Clone, Copy)]
pub(crate) enum QkNorm {
    /// Every head alone, all with the same weights.
    PerHead { q: &'static str, k: &'static str },
    /// All heads together.
    Whole { q: &'static str, k: &'static str },
}

/// The feed-forward sublayer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mlp {
    /// `down(activation(up x))`.
    Plain { up: &'static str, down: &'static str },
    /// `down(gate(gate x) * up x)`.
    Gated { gate: &'static str, up: &'static str, down: &'static str },
    /// The same with one tensor: the rows of gate, then those of up.
    GatedFused { gate_up: &'static str, down: &'static str },
    /// Gated ones of which a router takes some for each token. The names of one follow `expert`, its number and a
    /// dot.
    Experts {
        router: &'static str,
        expert: &'static str,
        gate: &'static str,
        up: &'static str,
        down: &'static str,
    },
    /// The same with one tensor for all experts, [experts, out, in].
    StackedExperts {
        router: &'static str,
        gate: &'static str,
        up: &'static str,
        down: &'static str,
    },
}

/// Llama's names in Hugging Face's spelling; most families differ in little.
pub(crate) const HUGGING_FACE: Names = Names {
    embedding: "embed_tokens",
    final_norm: "norm",
    head: "lm_head",
    rope_divisors: None,
    block: "layers.",
    attn_norm: Some("input_layernorm"),
    qkv: Qkv::Split { q: "self_attn.q_proj", k: "self_attn.k_proj", v: "self_attn.v_proj" },
    qk_norm: None,
    o: "self_attn.o_proj",
    attn_post_norm: None,
    ffn_norm: Some("post_attention_layernorm"),
    mlp: Mlp::Gated { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" },
    ffn_post_norm: None,
    spare: &[],
};

/// Norms on q and k in Hugging Face's spelling.
pub(crate) const HUGGING_FACE_QK: QkNorm =
    QkNorm::PerHead { q: "self_attn.q_norm", k: "self_attn.k_norm" };

/// Llama's names in GGUF.
pub(crate) const GGUF: Names = Names {
    embedding: "token_embd",
    final_norm: "output_norm",
    head: "output",
    rope_divisors: Some("rope_freqs.weight"),
    block: "blk.",
    attn_norm: Some("attn_norm"),
    qkv: Qkv::Split { q: "attn_q", k: "attn_k", v: "attn_v" },
    qk_norm: None,
    o: "attn_output",
    attn_post_norm: None,
    ffn_norm: Some("ffn_norm"),
    mlp: Mlp::Gated { gate: "ffn_gate", up: "ffn_up", down: "ffn_down" },
    ffn_post_norm: None,
    spare: &[],
};

/// Norms on q and k in GGUF.
pub(crate) const GGUF_QK: QkNorm = QkNorm::PerHead { q: "attn_q_norm", k: "attn_k_norm" };
