//! Loops and roundings without a branch that a processor could not foresee, and without checks of an overflow.

/// Each with its number, from 0 on.
#[inline]
pub(super) fn numbered<T>(all: impl Iterator<Item = T>) -> impl Iterator<Item = (u32, T)> {
    let mut next = 0_u32;
    all.map(move |one| {
        let number = next;
        next = next.wrapping_add(1);
        (number, one)
    })
}

/// Writes those that count to the front, in their order, and returns how many there are: what does not count is written over.
#[inline]
pub(super) fn pack<T>(all: impl Iterator<Item = (T, bool)>, front: &mut [T]) -> usize {
    let mut num = 0_usize;
    for (one, counts) in all {
        if let Some(slot) = front.get_mut(num) {
            *slot = one;
        }
        num = num.wrapping_add(usize::from(counts));
    }
    num
}

/// The nearest whole number, but at least one and at most another, which lie between 0 and 2^52; what is no number is the
/// least.
#[inline]
pub(super) fn nearest(number: f64, least: f64, most: f64) -> usize {
    // A number of this size has no digits behind the point: the lowest bits are what is added to it, rounded.
    const WHOLE: u64 = 1 << 52;
    // Compared such that each is one instruction, NaN included.
    let number = if number > least { number } else { least };
    let number = if number < most { number } else { most };
    ((number + WHOLE as f64).to_bits() % WHOLE) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_packed_and_numbers_are_rounded() {
        let mut front = [9; 3];
        let odd = numbered([5, 4, 3, 2, 1].into_iter()).map(|(at, one)| (at, one % 2 == 1));
        assert_eq!((pack(odd, &mut front), front), (3, [0, 2, 4]));
        let rounded = [f64::NAN, -7.0, 0.4, 1.6, 2.5, 7.4, 1e300, f64::INFINITY];
        assert_eq!(rounded.map(|number| nearest(number, 0.0, 9.0)), [0, 0, 0, 2, 2, 7, 9, 9]);
        assert_eq!(rounded.map(|number| nearest(number, 1.0, 9.0)), [1, 1, 1, 2, 2, 7, 9, 9]);
    }
}
