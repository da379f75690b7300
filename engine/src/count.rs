//! How many of something, in words: "1 token", "2 tokens", "1,024".
//!
//! Must not know: what is counted.

/// A number and its noun, which takes an s unless the number is 1.
pub fn counted(count: impl ToString + Copy, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// A number with a comma between thousands: "1,024".
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let said = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_one_is_singular() {
        let said = [0_u64, 1, 2, 11].map(|count| counted(count, "token"));
        assert_eq!(said, ["0 tokens", "1 token", "2 tokens", "11 tokens"]);
    }
}
