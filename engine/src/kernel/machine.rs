//! Plain code, compiled once more for the vector instructions that the machine turns out to have.

#[cfg(target_arch = "x86_64")]
use crate::kernel::avx2::Avx2;
use crate::kernel::avx512::{Avx512, Avx512Bf16};
use crate::kernel::lanes::{Lanes, Plain};
#[cfg(target_arch = "aarch64")]
use crate::kernel::neon;

/// The vector instructions that the kernels use on this machine.
pub(crate) fn instructions() -> &'static str {
    if Avx512Bf16::detect().is_some() {
        return "AVX-512 with BF16";
    }
    match Machine::here() {
        Machine::Avx512(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Machine::Avx2(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Machine::Neon => "NEON",
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

/// Vector instructions that code is compiled for; each can be made only where the processor has them.
#[derive(Debug, Clone, Copy)]
enum Machine {
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// What every processor has.
    Plain,
}

impl Machine {
    /// What this processor has, the fastest first.
    fn all() -> impl Iterator<Item = Self> {
        let all = Avx512::detect().map(Self::Avx512).into_iter();
        #[cfg(target_arch = "x86_64")]
        let all = all.chain(Avx2::detect().map(Self::Avx2));
        #[cfg(target_arch = "aarch64")]
        let all = all.chain([Self::Neon]);
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
            #[cfg(target_arch = "aarch64")]
            Self::Neon => work.run::<neon::Registers>(),
            Self::Plain => work.run::<Plain>(),
        }
    }
}

/// Runs `work` as AVX-512, AVX2 or NEON code where the processor has that. The operations and their order stay
/// those that are written, fused where that is written, so the bits are the same everywhere.
pub(crate) fn fastest<W: Work>(work: W) -> W::Output {
    Machine::here().run(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::exp::ROUND;
    use crate::kernel::lanes::LANES;
    use crate::kernel::readout::Absorb;
    use crate::kernel::rounded;
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

    /// Every operation once.
    struct Operations<'a>([&'a [f32; LANES]; 3]);

    impl Work for Operations<'_> {
        type Output = ([[f32; LANES]; 6], u32, f64, f32);

        #[inline(always)]
        #[expect(clippy::inline_always, reason = "as `Work` asks")]
        fn run<V: Lanes>(self) -> Self::Output {
            let [a, b, c] = [V::load(self.0[0]), V::load(self.0[1]), V::load(self.0[2])];
            let round = V::splat(ROUND);
            let whole = c + round;
            let results =
                [a + b, a - b, a * b, a.mul_add(b, c), a.larger_or(b), whole.power_of_two()];
            let mut out = [[0.0; LANES]; 6];
            for (out, result) in out.iter_mut().zip(results) {
                result.store(out);
            }
            (out, a.count_above(b), c.sum(), c.peak())
        }
    }

    #[test]
    fn every_machine_has_the_operations_of_numbers() {
        let places: [f32; LANES] = std::array::from_fn(|i| i as f32);
        let mut a = places.map(|i| i * 0.7 - 3.0);
        let mut b = places.map(|i| 4.0 - i * 0.9);
        let c = places.map(|i| (i * 37.3).sin() * 90.0);
        (a[2], b[5], a[7], b[7], a[9], a[11]) =
            (f32::NAN, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY, b[11]);
        let pairs = || a.into_iter().zip(b);
        let larger = pairs().map(|(a, b)| if a > b { a } else { b });
        let count = pairs().filter(|(a, b)| a > b).count();
        let bits = |values: &mut dyn Iterator<Item = f32>| -> Vec<u32> {
            values.map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() }).collect()
        };
        for machine in Machine::all() {
            let (out, above, sum, peak) = machine.run(Operations([&a, &b, &c]));
            let out = out.map(|row| bits(&mut row.into_iter()));
            assert_eq!(out[0], bits(&mut pairs().map(|(a, b)| a + b)), "{machine:?}");
            assert_eq!(out[1], bits(&mut pairs().map(|(a, b)| a - b)), "{machine:?}");
            assert_eq!(out[2], bits(&mut pairs().map(|(a, b)| a * b)), "{machine:?}");
            let fused = pairs().zip(c).map(|((a, b), c)| a.mul_add(b, c));
            assert_eq!(out[3], bits(&mut { fused }), "{machine:?}");
            assert_eq!(out[4], bits(&mut larger.clone()), "{machine:?}");
            let power = c.into_iter().map(|c| rounded(f64::from(c.round_ties_even()).exp2()));
            assert_eq!(out[5], bits(&mut { power }), "{machine:?}");
            assert_eq!(above as usize, count, "{machine:?}");
            assert!((sum - c.iter().map(|&c| f64::from(c)).sum::<f64>()).abs() < 1e-9);
            assert_eq!(peak, c.into_iter().fold(f32::NEG_INFINITY, f32::max), "{machine:?}");
        }
    }
}
