//! Marks of settings: one bit for each of a few, for every row.

use std::ops::Range;

use super::rule::MOST_AT_ONCE;

/// One bit for each of so many settings.
pub(super) fn marks_of_all(settings: usize) -> u64 {
    (0..settings.min(MOST_AT_ONCE as usize)).fold(0, |marks, setting| marks | 1 << setting)
}

/// The settings that are marked, from the first to the last.
pub(super) fn runs(mut marks: u64) -> impl Iterator<Item = Range<usize>> {
    std::iter::from_fn(move || {
        (marks != 0).then(|| {
            let start = marks.trailing_zeros();
            let end = start + (marks >> start).trailing_ones();
            // Adding its first bit carries through the run, and only what follows stays.
            marks &= marks.wrapping_add(1 << start);
            start as usize..end as usize
        })
    })
}

/// How many rows are marked, setting by setting: a column of digits for each, and all columns are added to at once.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    /// The lowest digit of every number, then the next one.
    digits: [u64; DIGITS],
}

/// Rows are numbers of 32 bits.
const DIGITS: usize = 33;

impl Counter {
    pub(crate) fn new() -> Self {
        Self { digits: [0; DIGITS] }
    }

    /// Counts the marks of rows.
    pub(crate) fn add(&mut self, marks: &[u64]) {
        let (eights, rest) = marks.as_chunks::<8>();
        let [mut ones, mut twos, mut fours, ..] = self.digits;
        for [a, b, c, d, e, f, g, h] in eights {
            // Two of a weight and a third one are one of it and one of twice the weight.
            let (one, twos_a) = sum_of(ones, *a, *b);
            let (one, twos_b) = sum_of(one, *c, *d);
            let (one, twos_c) = sum_of(one, *e, *f);
            let (one, twos_d) = sum_of(one, *g, *h);
            let (two, fours_a) = sum_of(twos, twos_a, twos_b);
            let (two, fours_b) = sum_of(two, twos_c, twos_d);
            let (four, carry) = sum_of(fours, fours_a, fours_b);
            (ones, twos, fours) = (one, two, four);
            self.carry(3, carry);
        }
        [self.digits[0], self.digits[1], self.digits[2]] = [ones, twos, fours];
        for marks in rest {
            self.carry(0, *marks);
        }
    }

    /// Adds a digit to each number.
    fn carry(&mut self, from: usize, mut carry: u64) {
        for digit in self.digits.iter_mut().skip(from) {
            if carry == 0 {
                break;
            }
            (*digit, carry) = (*digit ^ carry, *digit & carry);
        }
    }

    /// Adds what another one counted.
    pub(crate) fn plus(&mut self, other: &Self) {
        let mut carry = 0;
        for (digit, more) in self.digits.iter_mut().zip(other.digits) {
            (*digit, carry) = sum_of(*digit, more, carry);
        }
    }

    /// Numbers, setting by setting.
    pub(super) fn of_numbers(numbers: &[usize]) -> Self {
        let digit = |digit: usize| {
            let numbers = numbers.iter().take(MOST_AT_ONCE as usize).rev();
            numbers.fold(0, |digits, number| digits << 1 | (number >> digit & 1) as u64)
        };
        Self { digits: std::array::from_fn(digit) }
    }

    /// The settings at which this number is at least the other one.
    pub(super) fn reaches(&self, other: &Self) -> u64 {
        // Where nothing is borrowed when the other one is taken away.
        let borrow = self
            .digits
            .iter()
            .zip(&other.digits)
            .fold(0, |borrow, (digit, other)| !digit & (other | borrow) | other & borrow);
        !borrow
    }

    /// How often a setting was marked; never, where there is no such mark.
    pub(crate) fn of(&self, setting: usize) -> usize {
        if setting >= MOST_AT_ONCE as usize {
            return 0;
        }
        let digits = self.digits.iter().rev();
        digits.fold(0, |number, digit| 2 * number + usize::from(digit >> setting & 1 == 1))
    }
}

/// The sums of three digits each, and what is carried.
#[inline]
fn sum_of(a: u64, b: u64, c: u64) -> (u64, u64) {
    let differ = a ^ b;
    (differ ^ c, a & b | differ & c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn runs_are_the_marks(marks in any::<u64>(), few in any::<u64>()) {
            for marks in [marks, marks & few, 0, u64::MAX] {
                let mut all = 0;
                for run in runs(marks) {
                    prop_assert!(!run.is_empty());
                    all = run.fold(all, |all, setting| all | 1 << setting);
                }
                prop_assert_eq!(all, marks);
            }
        }

        #[test]
        fn every_setting_is_counted(
            rows in proptest::collection::vec(proptest::collection::vec(prop_oneof![
                any::<u64>(), Just(0), Just(u64::MAX), (0_u32..64).prop_map(|bit| 1 << bit),
            ], 0..70), 0..9),
        ) {
            let mut counter = Counter::new();
            for (at, marks) in rows.iter().enumerate() {
                let mut part = Counter::new();
                let of = if at % 3 == 0 { &mut part } else { &mut counter };
                of.add(marks);
                counter.plus(&part);
            }
            let numbers: Vec<usize> = (0..64)
                .map(|setting| {
                    let marked = rows.iter().flatten().filter(|marks| **marks >> setting & 1 == 1);
                    marked.count()
                })
                .collect();
            for (setting, number) in numbers.iter().enumerate() {
                prop_assert_eq!(counter.of(setting), *number);
            }
            prop_assert_eq!(counter.of(64), 0);
            let near = |setting: usize| (numbers[setting] + setting % 3).saturating_sub(1);
            let others: Vec<usize> = (0..64).map(near).collect();
            let reached = counter.reaches(&Counter::of_numbers(&others));
            for (setting, (number, other)) in numbers.iter().zip(others).enumerate() {
                prop_assert_eq!(reached >> setting & 1 == 1, *number >= other);
            }
        }
    }
}
