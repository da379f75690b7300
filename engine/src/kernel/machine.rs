//! Plain code, compiled once more for the vector instructions that the machine turns out to have.

use crate::kernel::avx512::{Avx512, Avx512Bf16};

/// The vector instructions that the kernels use on this machine.
pub(crate) fn instructions() -> &'static str {
    if Avx512Bf16::detect().is_some() {
        return "AVX-512 with BF16";
    }
    if Avx512::detect().is_some() {
        return "AVX-512";
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return "AVX2";
    }
    "portable"
}

/// What is run so. A trait and no closure, since only a method can be marked as always inlined, and what is
/// not inlined keeps the code of the oldest machine.
pub(crate) trait Work {
    /// What it gives.
    type Output;
    /// Must be `#[inline(always)]`, and so must what it calls.
    fn run(self) -> Self::Output;
}

/// Runs `work` as AVX-512 or AVX2 code where the processor has that. The operations and their order stay
/// those that are written, so the bits are the same everywhere.
pub(crate) fn fastest<W: Work>(work: W) -> W::Output {
    if let Some(cpu) = Avx512::detect() {
        return cpu.run(work);
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn inside<W: Work>(work: W) -> W::Output {
            work.run()
        }
        #[expect(unsafe_code, reason = "the compiler cannot know that AVX2 was found")]
        // SAFETY: it was found above.
        return unsafe { inside(work) };
    }
    work.run()
}
