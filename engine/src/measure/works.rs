//! The works that can be timed.

use crate::kernel::numerics::Numerics;
use crate::model::ModelCard;
use crate::signal::Subject;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A recording.
    Record,
    /// The same with dot products in bf16.
    RecordBf16,
    /// The model alone.
    Forward,
    /// The same with the logits of every token.
    ForwardAll,
    /// The model and what of a recording needs no head.
    Probes,
    /// The model alone, with keys and values kept.
    Prefill,
    /// Token by token.
    Decode,
    /// Token by token, each read out at every depth.
    DecodeReadout,
}

impl Work {
    /// All, in the order of the table.
    pub const ALL: &[Self] = &[
        Self::Record,
        Self::RecordBf16,
        Self::Forward,
        Self::ForwardAll,
        Self::Probes,
        Self::Prefill,
        Self::Decode,
        Self::DecodeReadout,
    ];

    /// How a command line and a program name it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::RecordBf16 => "record-bf16",
            Self::Forward => "forward",
            Self::ForwardAll => "forward-all",
            Self::Probes => "probes",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::DecodeReadout => "decode-readout",
        }
    }

    /// The work of that id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|work| work.id() == id)
    }

    /// What is done with the model of `card`, in one line.
    pub(super) fn what(self, card: &ModelCard) -> &'static str {
        match self {
            Self::Record => {
                "all blocks and every statistic of every depth, as columns of a recording"
            }
            Self::RecordBf16 => "the recording with bf16 dot products",
            Self::Forward if card.readout == "none" => "all blocks",
            Self::Forward if card.subject == Subject::Token => {
                "all blocks, then the logits of the last token"
            }
            Self::Forward => "all blocks, then the readout of the last depth",
            Self::ForwardAll => "all blocks, then the logits of every token",
            Self::Probes => "the plain forward pass with RMS, cosine and update at every depth",
            Self::Prefill => {
                "all tokens in one step with keys and values kept, then the last logits"
            }
            Self::Decode => "behind the tokens, one most probable token per step",
            Self::DecodeReadout => "decoding with the readout of all depths at each step",
        }
    }

    /// Whether one run of it makes tokens one by one.
    pub(super) fn is_stepwise(self) -> bool {
        matches!(self, Self::Decode | Self::DecodeReadout)
    }

    /// How its products round.
    pub(super) fn numerics(self) -> Numerics {
        match self {
            Self::RecordBf16 => Numerics::Bf16,
            Self::Record
            | Self::Forward
            | Self::ForwardAll
            | Self::Probes
            | Self::Prefill
            | Self::Decode
            | Self::DecodeReadout => Numerics::F32,
        }
    }
}
