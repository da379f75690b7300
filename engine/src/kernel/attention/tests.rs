use super::*;
use proptest::prelude::*;

/// Weights of one query and head over the tokens of `seen`, in f64.
fn plain_weights(
    q: &[f32],
    k: &[f32],
    (query, head): (usize, usize),
    seen: Range<usize>,
    how: Looking,
) -> Vec<f64> {
    let Heads { count, kv_count, dim } = how.heads;
    let group = head / (count / kv_count);
    let query = &q[(query * count + head) * dim..][..dim];
    let weights: Vec<f64> = seen
        .map(|key| {
            let key = &k[(key * kv_count + group) * dim..][..dim];
            let dot: f64 = query.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let score = dot * f64::from(how.scale);
            how.cap.map(f64::from).map_or(score, |cap| cap * (score / cap).tanh()).exp()
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// What attention gives and what every key receives.
fn plain(q: &[f32], k: &[f32], v: &[f32], starts: &[usize], how: Looking) -> (Vec<f64>, Vec<f64>) {
    let Heads { count, kv_count, dim } = how.heads;
    let tokens = q.len() / (count * dim);
    let (mut out, mut columns) = (vec![0.0; q.len()], vec![0.0; count * tokens]);
    for sequence in starts.windows(2) {
        for t in sequence[0]..sequence[1] {
            for h in 0..count {
                let from = (t + 1).saturating_sub(how.window.unwrap_or(usize::MAX));
                let seen = sequence[0].max(from)..t + 1;
                let weights = plain_weights(q, k, (t, h), seen.clone(), how);
                for (key, weight) in seen.zip(weights) {
                    columns[h * tokens + key] += weight;
                    let values = &v[(key * kv_count + h / (count / kv_count)) * dim..][..dim];
                    for (out, value) in out[(t * count + h) * dim..].iter_mut().zip(values) {
                        *out += weight * f64::from(*value);
                    }
                }
            }
        }
    }
    (out, columns)
}

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

fn starts_of(lengths: &[usize]) -> Vec<usize> {
    let mut starts = vec![0];
    starts.extend(lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end)
    }));
    starts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn tiles_give_what_the_definition_says(
        lengths in prop::collection::vec(0_usize..80, 1..4),
        kv_count in 1_usize..3,
        share in 1_usize..4,
        dim in 1_usize..9,
        window in prop_oneof![Just(None), (1_usize..90).prop_map(Some)],
        cap in prop_oneof![Just(None), (0.2_f32..3.0).prop_map(Some)],
        scale in 0.1_f32..2.0,
    ) {
        let heads = Heads { count: kv_count * share, kv_count, dim };
        let how = Looking { heads, scale, cap, window };
        let starts = starts_of(&lengths);
        let tokens = starts.last().copied().unwrap();
        let q = wave(tokens * heads.count * dim, 0.73);
        let k = wave(tokens * kv_count * dim, 0.41);
        let v = wave(tokens * kv_count * dim, 0.29);
        let (out, columns) = plain(&q, &k, &v, &starts, how);
        for (got, want) in attention(&q, &k, &v, &starts, how).iter().zip(out) {
            prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
        }
        let got = column_sums(&q, &k, &starts, how);
        prop_assert_eq!(got.len(), columns.len());
        for (got, want) in got.iter().zip(columns) {
            prop_assert!((f64::from(*got) - want).abs() < 1e-4, "{got} {want}");
        }
    }

    #[test]
    fn new_queries_over_kept_keys_give_what_a_whole_sequence_gives(
        past in 0_usize..90,
        new in prop_oneof![Just(1_usize), 1_usize..70],
        kv_count in 1_usize..3,
        share in 1_usize..4,
        dim in 1_usize..40,
        window in prop_oneof![Just(None), (1_usize..90).prop_map(Some)],
        cap in prop_oneof![Just(None), (0.2_f32..3.0).prop_map(Some)],
    ) {
        let heads = Heads { count: kv_count * share, kv_count, dim };
        let how = Looking { heads, scale: 0.7, cap, window };
        let (tokens, width) = (past + new, heads.count * dim);
        let q = wave(tokens * width, 0.73);
        let mut k = wave(tokens * kv_count * dim, 0.41);
        let v = wave(tokens * kv_count * dim, 0.29);
        // What no new query sees is not read.
        let unseen = (past + 1).saturating_sub(window.unwrap_or(usize::MAX));
        let (whole, _) = plain(&q, &k, &v, &[0, tokens], how);
        let columns = column_sums(&q, &k, &[0, tokens], how);
        let seen: Vec<_> = (past..tokens).map(|at| seen_from(at, 0, window)).collect();
        let mut sum = column_sums_seen(&q[past * width..], &k, &seen, tokens, how);
        // Together with what the queries before gave.
        for (head, early) in column_sums(&q, &k, &[0, past], how).chunks(past.max(1)).enumerate() {
            for (sum, early) in sum[head * tokens..].iter_mut().zip(early) {
                *sum += early;
            }
        }
        for (sum, want) in sum.iter().zip(columns) {
            prop_assert!((sum - want).abs() < 1e-4, "{sum} {want}");
        }
        k[..unseen * kv_count * dim].fill(f32::NAN);
        let got = attention_after(&q[past * width..], &k, &v, past, how);
        prop_assert_eq!(got.len(), new * width);
        for (got, want) in got.iter().zip(&whole[past * width..]) {
            prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
        }
    }

    #[test]
    fn queries_apart_over_keys_of_which_some_are_left_out_give_what_the_definition_says(
        rows in prop::collection::vec((any::<bool>(), any::<bool>()), 1..100),
        kv_count in 1_usize..3,
        dim in 1_usize..6,
        window in prop_oneof![Just(None), (1_usize..90).prop_map(Some)],
    ) {
        let heads = Heads { count: 2 * kv_count, kv_count, dim };
        let how = Looking { heads, scale: 0.7, cap: None, window };
        let (width, kv_width) = (heads.count * dim, kv_count * dim);
        let (q, k) = (wave(rows.len() * width, 0.73), wave(rows.len() * kv_width, 0.41));
        let v = wave(rows.len() * kv_width, 0.29);
        // A query has a key; some keys have no query.
        let has_key = |at: usize| rows[at].0 || rows[at].1;
        let keys: Vec<usize> = (0..rows.len()).filter(|at| has_key(*at)).collect();
        let queries: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].0).collect();
        let pick = |x: &[f32], of: &[usize], width: usize| -> Vec<f32> {
            of.iter().flat_map(|at| &x[at * width..][..width]).copied().collect()
        };
        let row_of = |at: usize| keys.partition_point(|key| *key < at);
        let seen: Vec<_> = queries
            .iter()
            .map(|at| seen_from(*at, 0, window))
            .map(|seen| row_of(seen.start)..row_of(seen.end))
            .collect();
        let (k_some, v_some) = (pick(&k, &keys, kv_width), pick(&v, &keys, kv_width));
        let got = attention_seen(&pick(&q, &queries, width), &k_some, &v_some, &seen, how);
        prop_assert_eq!(got.len(), queries.len() * width);
        for ((at, seen), got) in queries.iter().zip(&seen).zip(got.chunks(width)) {
            for head in 0..heads.count {
                let mut want = vec![0.0; dim];
                let own = &q[at * width..][..width];
                for (key, weight) in seen.clone().zip(plain_weights(own, &k_some, (0, head), seen.clone(), how)) {
                    for (want, value) in want.iter_mut().zip(&v_some[key * kv_width + head / 2 * dim..]) {
                        *want += weight * f64::from(*value);
                    }
                }
                for (got, want) in got[head * dim..].iter().zip(want) {
                    prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
                }
            }
        }
    }

    #[test]
    fn sequences_behind_shared_keys_are_each_the_end_of_a_whole_one(
        past in 1_usize..70,
        lengths in prop::collection::vec(1_usize..40, 1..4),
        kv_count in 1_usize..3,
        share in 1_usize..3,
        window in prop_oneof![Just(None), (1_usize..90).prop_map(Some)],
    ) {
        let (dim, count) = (5, kv_count * share);
        let how = Looking { heads: Heads { count, kv_count, dim }, scale: 0.7, cap: None, window };
        let (width, kv_width) = (count * dim, kv_count * dim);
        let starts = starts_of(&lengths);
        let tokens = starts.last().copied().unwrap();
        let (q, k) = (wave(tokens * width, 0.73), wave(tokens * kv_width, 0.41));
        let v = wave(tokens * kv_width, 0.29);
        let (keys, values) = (wave(past * kv_width, 0.13), wave(past * kv_width, 0.19));
        let got = attention_behind(&q, &k, &v, &starts, Shared { keys: &keys, values: &values }, how);
        prop_assert_eq!(got.len(), q.len());
        for pair in starts.windows(2) {
            let own = |x: &[f32], width: usize| x[pair[0] * width..pair[1] * width].to_vec();
            // What the shared tokens ask for themselves is of no account here.
            let whole_q = [vec![0.0; past * width], own(&q, width)].concat();
            let whole_k = [keys.clone(), own(&k, kv_width)].concat();
            let whole_v = [values.clone(), own(&v, kv_width)].concat();
            let (want, _) = plain(&whole_q, &whole_k, &whole_v, &[0, past + pair[1] - pair[0]], how);
            for (got, want) in own(&got, width).iter().zip(&want[past * width..]) {
                prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
            }
        }
    }

    #[test]
    fn a_nan_reaches_exactly_the_tokens_that_see_it(
        lengths in prop::collection::vec(1_usize..80, 1..3),
        window in prop_oneof![Just(None), (1_usize..90).prop_map(Some)],
        at in 0_usize..200,
        in_keys in any::<bool>(),
    ) {
        let heads = Heads { count: 1, kv_count: 1, dim: 2 };
        let how = Looking { heads, scale: 1.0, cap: None, window };
        let starts = starts_of(&lengths);
        let tokens = starts.last().copied().unwrap();
        let at = at % tokens;
        let (q, mut k) = (wave(2 * tokens, 0.3), wave(2 * tokens, 0.5));
        let mut v = wave(2 * tokens, 0.2);
        if in_keys { k[2 * at] = f32::NAN } else { v[2 * at] = f32::NAN }
        let out = attention(&q, &k, &v, &starts, how);
        let end = starts.iter().copied().find(|start| *start > at).unwrap();
        let until = end.min(at.saturating_add(window.unwrap_or(usize::MAX)));
        for (t, row) in out.chunks(2).enumerate() {
            let sees = (at..until).contains(&t);
            prop_assert_eq!(row[0].is_nan(), sees, "token {} of {}", t, tokens);
            prop_assert_eq!(row[1].is_nan(), sees && in_keys);
        }
    }
}
