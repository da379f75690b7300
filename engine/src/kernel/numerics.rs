//! How a product may round.

/// Chosen when a model is put in place, and told to whoever reads its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Numerics {
    /// f32 factors, f32 sums.
    #[default]
    F32,
    /// Both factors may be rounded to bf16 (8 bits of mantissa); sums stay f32. Only where the processor
    /// has the instruction, and only where many rows share the weights: few rows wait for memory, not for sums.
    Bf16,
}

impl Numerics {
    /// What this machine makes of the wish: `Bf16` where it has AVX512-BF16, else `F32`.
    pub(crate) fn available(self) -> Self {
        match self {
            Self::Bf16 if crate::kernel::avx512::Avx512Bf16::detect().is_some() => Self::Bf16,
            _ => Self::F32,
        }
    }
}
