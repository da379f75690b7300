//! How a product may round.

/// How readouts round; what runs between them is always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numerics {
    /// f32 factors, f32 sums.
    #[default]
    F32,
    /// Both factors may be rounded to bf16 (8 bits of mantissa); sums stay f32. Only where the processor
    /// has the instruction, and only where many rows share the weights: few rows wait for memory, not for sums.
    Bf16,
}

impl Numerics {
    /// In files, and for a person.
    pub fn id(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// What has to stand beside numbers that were read out so; nothing where they are exact. Measured:
    /// `model/bf16_tests.rs`.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::F32 => None,
            Self::Bf16 => Some(
                "Readouts in bf16: probabilities are off by up to 1e-2, entropy, NLL and KL by up to 2e-2 or 2 %",
            ),
        }
    }

    /// Why this machine does not round so, or nothing.
    pub fn why_not(self) -> Option<&'static str> {
        (self.available() != self).then_some("this processor has no AVX512-BF16 instruction")
    }

    /// What this machine makes of the wish: `Bf16` where it has AVX512-BF16, else `F32`.
    pub(crate) fn available(self) -> Self {
        match self {
            Self::Bf16 if crate::kernel::avx512::Avx512Bf16::detect().is_some() => Self::Bf16,
            _ => Self::F32,
        }
    }
}
