//! The encoders against PyTorch's values in `../shared/golden`.

#![expect(clippy::cast_possible_truncation, reason = "reference values are small numbers")]

use crate::job::Job;
use crate::kernel::geometry;
use crate::model::fixtures::streams;
use crate::model::golden_tests::{
    Expected, depth_before_last, json_of, last_depth, mean, model, near, number, opened, points,
    shared,
};
use crate::model::{
    Batch, Depth, Layer, LayeredModel, NO_TOKEN, NoProbe, Point, Readouts, Run, Stream, card,
};
use crate::signal::Subject;

/// A reference folder, its model and its input.
struct Golden {
    name: &'static str,
    model: Box<dyn LayeredModel>,
    expected: Expected,
    batch: Batch,
}

impl Golden {
    fn open(name: &'static str) -> Self {
        println!("{name}");
        let inside = format!("golden/tiny/{name}");
        let (expected, mut batch) = Expected::open(&shared(&inside).join("expected.safetensors"));
        if expected.has("token_type_ids") {
            let kinds = expected.packed(&expected.whole("token_type_ids").1, 0, 0);
            batch.segments = kinds.into_iter().map(|kind| u32::try_from(kind).unwrap()).collect();
        }
        if expected.has("pixel_values") {
            batch.pixels = expected.floats("pixel_values");
        }
        Self { name, model: model(&opened(&inside)), expected, batch }
    }

    fn per_row(&self, name: &str) -> Vec<f32> {
        match self.model.card().subject {
            Subject::Sample => self.expected.floats(name),
            Subject::Token | Subject::OwnToken => self.expected.signal(name),
        }
    }

    /// What is true of each subject, or `NO_TOKEN`.
    fn labels(&self) -> Vec<u32> {
        if !self.expected.has("labels") {
            return vec![NO_TOKEN; self.batch.ids.len()];
        }
        let labels = self.expected.whole("labels").1;
        let labels = match self.model.card().subject {
            Subject::Sample => labels,
            Subject::Token | Subject::OwnToken => self.expected.packed(&labels, 0, -100),
        };
        labels.into_iter().map(|label| u32::try_from(label).unwrap_or(NO_TOKEN)).collect()
    }

    fn readouts(&self, depths: &[Depth], all: &[Stream]) -> Readouts {
        let read: Vec<Stream> =
            all.iter().map(|stream| self.model.subjects(&self.batch, stream).unwrap()).collect();
        let read: Vec<&Stream> = read.iter().collect();
        self.model.readout(depths, &read, &self.labels(), &Job::unattended()).unwrap()
    }

    fn check(&self) {
        let width = self.model.card().width;
        let all = streams(self.model.as_ref(), &self.batch, Run::Full);
        for (depth, stream) in all.iter().enumerate() {
            let name = format!("hidden.{depth}");
            let whole = self.expected.floats(&name);
            let rows: Vec<&[f32]> = whole.chunks(width).collect();
            let want = self.expected.packed(&rows, 0, &[][..]).concat();
            near(&name, &stream.hidden, &want, 1e-4);
        }
        let seen = points(self.model.as_ref(), &self.batch);
        let columns = seen[&Point::AttnColumns].concat();
        let heads = self.model.card().heads;
        near("attn_colsum", &columns, &self.expected.columns(heads), 1e-4);
        self.check_geometry(&all);
        if self.name != "bert" {
            self.check_readouts(&all);
        }
    }

    fn check_geometry(&self, all: &[Stream]) {
        let width = self.model.card().width;
        let norms: Vec<f32> = all
            .iter()
            .flat_map(|stream| geometry::rms(&stream.hidden, width))
            .map(|rms| rms * (width as f32).sqrt())
            .collect();
        near("hidden_norm", &norms, &self.expected.signal("hidden_norm"), 1e-4);
        let pairs = || all.windows(2).map(|pair| (&pair[0].hidden, &pair[1].hidden));
        let cosines: Vec<f32> =
            pairs().flat_map(|(h, next)| geometry::cosine(h, next, width)).collect();
        near("cos_next", &cosines, &self.expected.signal("cos_next"), 1e-4);
        let updates: Vec<f32> =
            pairs().flat_map(|(h, next)| geometry::update(h, next, width)).collect();
        near("update_norm", &updates, &self.expected.signal("update_norm"), 1e-4);
    }

    fn check_readouts(&self, all: &[Stream]) {
        let depths: Vec<Depth> = (0..all.len()).map(|depth| Depth(depth as u16)).collect();
        let got = self.readouts(&depths, all);
        near("max_prob", &got.max_prob, &self.per_row("lens.max_prob"), 1e-4);
        near("margin", &got.margin, &self.per_row("lens.margin"), 1e-4);
        near("entropy", &got.entropy, &self.per_row("lens.entropy"), 1e-4);
        let kl = self.per_row("lens.kl_final");
        near("kl_final", &got.kl, &kl, 1e-4);
        near("kl_prev", last_depth(&got.kl_prev, all), depth_before_last(&kl, all), 1e-4);
        let top1 = self.expected.whole("lens.top1").1;
        let top1 = match self.model.card().subject {
            Subject::Sample => top1,
            Subject::Token | Subject::OwnToken => self.expected.packed(&top1, 0, -1),
        };
        for (at, want) in top1.iter().enumerate() {
            let close = got.margin[at] < 1e-5;
            assert!(close || i64::from(got.top_ids[at][0]) == *want, "top1[{at}]");
        }
        let json = json_of(&shared(&format!("golden/tiny/{}/expected.json", self.name)));
        near("loss", &[mean(last_depth(&got.nll, all))], &[number(&json["loss"])], 1e-4);
        let layers = self.model.card().layers;
        for skipped in 0..layers {
            let mut stream = self.model.begin(&self.batch).unwrap();
            for layer in 0..layers {
                let run = if layer == skipped { Run::SkipBlock } else { Run::Full };
                let layer = Layer(layer as u16);
                self.model.block(layer, run, &self.batch, &mut stream, &mut NoProbe).unwrap();
            }
            let loss = mean(&self.readouts(&[Depth(layers as u16)], &[stream]).nll);
            let want = number(&json["loss_without_block"][skipped]);
            near("loss_without_block", &[loss], &[want], 1e-4);
        }
    }
}

#[test]
fn shared_tiny_encoders_agree_with_pytorch() {
    for name in [
        "bert",
        "bert_mlm",
        "bert_cls",
        "roberta_mlm",
        "roberta_cls",
        "distilbert_mlm",
        "distilbert_cls",
        "albert_mlm",
        "albert_cls",
        "vit",
    ] {
        Golden::open(name).check();
    }
}

#[test]
fn shared_cards_of_encoders_say_what_reads_out() {
    let said: Vec<String> = ["bert", "roberta_mlm", "albert_cls", "vit"]
        .iter()
        .map(|name| {
            let card = card(opened(&format!("golden/tiny/{name}")).as_ref(), None).unwrap();
            format!(
                "{name}: {}, {}, {:?}, {} of {}, context {}, {} parameters, a block {}, a readout {}",
                card.family,
                card.readout,
                card.subject,
                card.outputs,
                card.vocab,
                card.context,
                card.parameters,
                card.block_weights,
                card.readout_weights
            )
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}
