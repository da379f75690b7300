//! Skips of a trained checkpoint that lies beside this repository.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{Asked, run};
use crate::checkpoint::open;
use crate::dataset::{self, from_prompt};
use crate::job::Job;
use crate::knob::{Knobs, Value};
use crate::lens::View;
use crate::model::load;
use crate::record;
use crate::recording::ReadAt;
use crate::signal::Subject;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
/// A story of the kind that the checkpoint was trained on.
const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. \
    One day, she saw a big, red ball. She wanted to play with it, but it was too high. Lily's mom said, \"Lily, let's \
    go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to play with your ball, but I can't \
    find it.\" Lily was happy and said, \"Thank you, mommy. I love you.\"";

#[test]
fn shared_stories260k_keeps_more_with_a_warm_up_block_and_less_without_what_matters() {
    let checkpoint = open(&Path::new(SHARED).join("stories260K_hf")).unwrap();
    let tokenizer = checkpoint.tokenizer().unwrap().unwrap();
    let job = Job::unattended();
    let (model, _) = load(&Arc::clone(&checkpoint), Some(&tokenizer), &job).unwrap();
    let shakespeare =
        fs::read_to_string(Path::new(SHARED).join("tinyshakespeare/input.txt")).unwrap();
    let head: String = shakespeare.chars().take(600).collect();
    for text in [STORY, &head] {
        let data = from_prompt(text).unwrap();
        let packed =
            dataset::pack(&data, &tokenizer, Subject::Token, model.card().context, None, &job)
                .unwrap();
        let asked = record::Asked {
            data: &data,
            preparation: None,
            sequences: &packed.sequences,
            read_at: ReadAt::Every,
            budget_bytes: 1 << 30,
            notes: Vec::new(),
            folder: None,
        };
        let recording = record::record(&*model, Some(&tokenizer), asked, &job).unwrap();
        let view = |turns: &[(&str, Value)]| -> View {
            let mut knobs = Knobs::default();
            knobs.set("curve-points", Value::Integer(0));
            for (id, value) in turns {
                knobs.set(id, value.clone());
            }
            let asked = Asked {
                recording: &recording,
                knobs: &knobs,
                limit_tokens: None,
                generate: None,
                budget_bytes: 1 << 30,
            };
            run(&*model, &asked, &job).unwrap()
        };
        let nll = |turns: &[(&str, Value)]| {
            let view = view(turns);
            let reading = |id| view.readings.iter().find(|r| r.id == id).unwrap().value.unwrap();
            (reading("nll_increase"), reading("flops_saved"))
        };
        let word = |text: &str| Value::Choice(text.to_owned());
        let decode = |warm_up| {
            nll(&[
                ("skip-rule", word("skip-decode")),
                ("least-blocks", Value::Integer(3)),
                ("warm-up-blocks", Value::Integer(warm_up)),
            ])
        };
        // The ablation that decides in the specification, too: without a warm-up block the bare embedding enters
        // the upper blocks.
        assert!(decode(0).0 > 1.3 * decode(1).0, "{:?} {:?}", decode(0), decode(1));
        assert_eq!(decode(0).1, decode(1).1);
        // The first block matters most; the one of lowest influence is another.
        let first = nll(&[("skip", word("0"))]).0;
        let lowest = ("skip-rule", word("block-influence"));
        let lowest = nll(&[lowest, ("skipped-blocks", Value::Integer(1))]).0;
        assert!(first > 2.0 * lowest && lowest > 0.0, "{first} {lowest}");
        // Fewer feed-forward sublayers save and cost more.
        let similar =
            |at| nll(&[("skip-rule", word("ffn-similarity")), ("similarity", Value::Real(at))]);
        let (strict, loose) = (similar(0.95), similar(0.0));
        assert!(strict.1 < loose.1 && strict.0 < loose.0, "{strict:?} {loose:?}");
    }
}
