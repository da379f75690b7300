//! Plain code, compiled once more for the vector instructions that the machine turns out to have.

use crate::kernel::avx512::{Avx512, Avx512Bf16};
use crate::kernel::lanes::{Lanes, Plain};

/// The vector instructions that the kernels use on this machine.
pub(crate) fn instructions() -> &'static str {
    if Avx512Bf16::detect().is_some() {
        return "AVX-512 with BF16";
    }
    match Machine::here() {
        Machine::Avx512(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Machine::Avx2(_) => "AVX2",
        Machine::Plain => "portable",
    }
}

/// What is run so. A trait and no closure, since only a method can be marked as always inlined, and what is
/// not inlined keeps the code of the oldest machine.
pub(crate) trait Work {
    /// What it gives.
    type Output;
    /// Must be `#[inline(always)]`, and so must what it calls.
    /// `V` is how the machine does sixteen numbers at a time.
    fn run<V: Lanes>(self) -> Self::Output;
}

/// Vector instructions that plain code is compiled for; each can be made only where the processor has them.
#[derive(Debug, Clone, Copy)]
enum Machine {
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// What every processor of the target has: SSE2 on x86-64, NEON on AArch64.
    Plain,
}

/// Proof of AVX2 and of fused multiply-add.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    #[expect(clippy::unused_self, reason = "to have the token is what makes a call sound")]
    fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma")]
        fn inside<W: Work>(work: W) -> W::Output {
            work.run::<Plain>()
        }
        #[expect(unsafe_code, reason = "the token stands for what the compiler cannot know")]
        // SAFETY: the token proves the features.
        unsafe {
            inside(work)
        }
    }
}

impl Machine {
    /// What this processor has, the fastest first.
    fn all() -> impl Iterator<Item = Self> {
        let all = Avx512::detect().map(Self::Avx512).into_iter();
        #[cfg(target_arch = "x86_64")]
        let all = all.chain(Avx2::detect().map(Self::Avx2));
        all.chain([Self::Plain])
    }

    /// The fastest that this processor has.
    fn here() -> Self {
        Self::all().next().unwrap_or(Self::Plain)
    }

    fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Avx512(cpu) => cpu.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(cpu) => cpu.run(work),
            Self::Plain => work.run::<Plain>(),
        }
    }
}

/// Runs `work` as AVX-512 or AVX2 code where the processor has that. The operations and their order stay
/// those that are written, fused where that is written, so the bits are the same everywhere.
pub(crate) fn fastest<W: Work>(work: W) -> W::Output {
    Machine::here().run(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::readout::Absorb;
    use crate::kernel::tally::Tally;
    use crate::signal::NO_TOKEN;

    #[test]
    fn every_machine_gives_the_same_bits() {
        let wave =
            |step: f32| -> Vec<f32> { (0..517).map(|i| (i as f32 * step).sin() * 9.0).collect() };
        let waves = [wave(0.7), wave(1.3)];
        let bits = |machine: Machine| {
            let sums = |t: Tally| {
                let step = [t.step.gap, t.step.square, t.step.along];
                let row = [t.sum, t.squares, t.moment, t.cross, t.above];
                (row.map(f64::to_bits), step.map(f64::to_bits), t.top)
            };
            let (mut tallies, mut weights) = (vec![Tally::new(NO_TOKEN); 2], vec![0.0; 3 * 517]);
            let logits = |depth: usize| &waves[depth][..];
            let (tallies_of_all, weights) = (&mut tallies[..], &mut weights[..]);
            let tile = Absorb { tallies: tallies_of_all, logits, weights, first: 0, next: 7 };
            machine.run(tile);
            tallies.into_iter().map(sums).collect::<Vec<_>>()
        };
        let plain = bits(Machine::Plain);
        for machine in Machine::all() {
            assert_eq!(bits(machine), plain, "{machine:?}");
        }
    }
}
