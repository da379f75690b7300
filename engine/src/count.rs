//! How many of something, in words: "1 token", "2 tokens".
//!
//! Must not know: what is counted.

/// A number and its noun, which takes an s unless the number is 1.
pub fn counted(count: impl ToString + Copy, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let said = [0_u64, 1, 2, 11].map(|count| counted(count, "token"));
        assert_eq!(said, ["0 tokens", "1 token", "2 tokens", "11 tokens"]);
    }
}
