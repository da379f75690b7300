//! Merges of a sentencepiece-like vocabulary, which lists scores and no merges.
//!
//! Sentencepiece always joins the neighbours whose joined token has the best score. A list of merges says the same when it
//! holds every split of every token into two tokens, ordered by the score of the whole.

use std::path::Path;

use tokenizers::models::bpe::{Merges, Vocab};

use super::wrong;
use crate::checkpoint::OpenError;

/// Longest token that can be split; the longest in use are runs of 64 spaces.
/// Every split of a token is looked up, which costs the square of its length.
const MAX_TOKEN_BYTES: usize = 512;

/// Most merges; the largest vocabularies in use have about 0.6 M.
const MAX_MERGES: usize = 4 << 20;

/// Every merge of `tokens` (ordinary ones only: spelling, id, score), the most urgent first.
pub(super) fn merges(tokens: &[(&str, u32, f64)], path: &Path) -> Result<Merges, OpenError> {
    let ids: Vocab = tokens.iter().map(|(token, id, _)| ((*token).to_owned(), *id)).collect();
    let mut found = Vec::new();
    for (token, id, score) in tokens {
        if token.len() > MAX_TOKEN_BYTES {
            let found = token.len();
            return Err(wrong(
                path,
                format!("token {id} has {found} bytes, at most {MAX_TOKEN_BYTES} are supported"),
            ));
        }
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(left_id), Some(right_id)) = (ids.get(left), ids.get(right)) {
                found.push((*score, *id, *left_id, *right_id, left, right));
            }
        }
        if found.len() > MAX_MERGES {
            return Err(wrong(path, format!("more than {MAX_MERGES} merges")));
        }
    }
    // Where scores are equal, the older token first; splits of one token compete only when they overlap.
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    Ok(found.into_iter().map(|merge| (merge.4.to_owned(), merge.5.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_merges_first_and_every_split_is_there() {
        let tokens =
            [("a", 0, 0.0), ("b", 1, 0.0), ("ab", 2, -2.0), ("ba", 3, -1.0), ("aba", 4, -3.0)];
        let merges = merges(&tokens, Path::new("x")).unwrap();
        let text: Vec<_> = merges.iter().map(|(a, b)| format!("{a}+{b}")).collect();
        assert_eq!(text, ["b+a", "a+b", "a+ba", "ab+a"]);
    }
}
