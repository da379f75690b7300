//! The card of the embedded checkpoint: what it is, how it was made, what was measured.
//!
//! Everything that can be computed is; only what was tried and left is told from memory.

use std::collections::BTreeMap;
use std::fmt::{Result, Write as _};

use super::evaluate::{Cell, Cells, THRESHOLD};
use super::grammar::{Sample, TASKS};
use super::teacher::Recipe;

/// What the card tells.
pub(crate) struct Card<'a> {
    pub(crate) seed: u64,
    pub(crate) recipe: &'a Recipe,
    pub(crate) parameters: usize,
    /// Measured on samples drawn only for measuring.
    pub(crate) kept_back: Cells,
    /// Measured on the embedded data set.
    pub(crate) embedded: Cells,
    /// Where the examples are taken from.
    pub(crate) samples: &'a [Sample],
}

const WHAT: &str = "\
# The embedded checkpoint

A small decoder of Llama's architecture (RMSNorm, rotary positions, SwiGLU, own head) that can stop at every depth.
It exists so that the first window shows something real: text whose difficulty is known, and a network that needs more
blocks for harder text.
It knows a vocabulary of a few words and is no use for anything else.
";

const TRAINING: &str = "\
The loss is that of LayerSkip (arXiv 2404.16710): the final norm and the head read out every depth 0..L, the weight of
a depth rises with its square from 0.04 to 1, and a row skips a block with a chance that rises with depth.
Words that nobody can know weigh 0.05, words of a task's frame 0.2, answers 1.
Look-ups are taught as a course: one step first, one more as soon as nine of ten answers to the hardest are right.
In the first part of the run look-ups answer with the letter, which teaches more in a step; in the rest with its colour, as in the data.
The log beside this card (`training.log`) has loss and accuracy of every task as training went on; its accuracies are
those at full depth with blocks still skipped at random.

The log has no times, so that the same seed leaves the same bytes; a test holds that an interrupted run goes on to the
same weights as one that was not.
Matrix products may round differently on another processor or with another number of threads, and bytes with them.
One thread, because the tensor library's threads wait by spinning: with two of them on two busy cores a step took 4 s and more
instead of 0.5 s. On one core the whole run takes about 45 minutes.
";

const LIMITS: &str = "\
Of the 40,320 possible maps one in seven is kept from training; the look-ups in the tables and in `data.jsonl` use only those.
Samples of the other tasks are drawn with random numbers that training does not use, but short ones may have occurred in it.
What nobody can know (the map itself, the numbers to add, the colours to recall) leaves at the last depth, whatever the
task; of a line of look-ups these are the same words in number for every k, so differences between k come from answers.
The colours of nine images are three of each kind, so the last answer of a line follows from counting the others.
k = 3 and k = 4 stand closer together than the rest: an entry or an earlier query can be combined with another before the
asking word comes, which saves a block for k = 4 more often than for k = 3.
";

/// What was tried; told from the prototypes, not computed.
const TRIED: &str = include_str!("tried.md");

impl Card<'_> {
    /// The card as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let _infallible = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> Result {
        let Recipe { shape, steps, hop_rows, letter_steps, other_rows, rate, most_skipped, .. } =
            self.recipe;
        writeln!(out, "{WHAT}")?;
        writeln!(
            out,
            "## Made by\n\n```\nRAYON_NUM_THREADS=1 layerscope train default --out DIR --seed {}\n```\n",
            self.seed
        )?;
        writeln!(
            out,
            "{} blocks, width {}, MLP {}, {} attention head{}, {} words, {} parameters, stored as f16.\n\
             {steps} steps of {hop_rows} lines of look-ups (answers are letters until step {letter_steps}) and {other_rows} of the other tasks; AdamW, largest rate {rate}, \
             last block skipped with chance {most_skipped}.\n",
            shape.blocks,
            shape.width,
            shape.inner,
            shape.heads,
            if shape.heads == 1 { "" } else { "s" },
            shape.vocabulary,
            self.parameters,
        )?;
        writeln!(out, "{TRAINING}")?;
        self.write_tasks(out)?;
        self.write_table(out)?;
        self.write_embedded(out)?;
        writeln!(out, "## To know when reading\n\n{LIMITS}")?;
        write!(out, "{TRIED}")
    }

    fn write_tasks(&self, out: &mut String) -> Result {
        writeln!(out, "## Text\n\nOne sample of difficulty 2 of each task:\n")?;
        for task in TASKS {
            writeln!(out, "- **{}**: {}", task.id(), task.about())?;
            let found = self.samples.iter().find(|s| s.task == task.id() && s.difficulty == 2);
            if let Some(sample) = found {
                writeln!(out, "  `{}`", sample.text())?;
            }
        }
        writeln!(
            out,
            "\n`data.jsonl` has the columns text, task, difficulty, and hops (the k of look-ups, `none` elsewhere).\n"
        )
    }

    fn write_table(&self, out: &mut String) -> Result {
        let samples = self.kept_back.values().map(|cell| cell.samples).max().unwrap_or(0);
        writeln!(
            out,
            "## Measured\n\n\
             On {samples} samples of each kind that were kept from training, with the weights rounded to f16 as they are stored.\n\
             A token leaves at the first depth whose largest probability is at least {THRESHOLD}, else at depth {}.\n\
             Accuracy is the part of answers that is right when read out at that depth.\n",
            self.recipe.shape.blocks
        )?;
        let depths = 0..=self.recipe.shape.blocks;
        write!(out, "| task | difficulty | exit, answers | exit, all tokens | right at exit |")?;
        for depth in depths.clone() {
            write!(out, " depth {depth} |")?;
        }
        writeln!(out, "\n|---|---|---|---|---|{}", "---|".repeat(depths.count()))?;
        for task in TASKS {
            for difficulty in 1..=task.hardest() {
                if let Some(cell) = self.kept_back.get(&(task.id(), difficulty)) {
                    write_row(out, task.id(), difficulty, cell)?;
                }
            }
        }
        writeln!(out)
    }

    fn write_embedded(&self, out: &mut String) -> Result {
        let tokens: usize = self.embedded.values().map(|cell| cell.tokens).sum();
        writeln!(
            out,
            "Over all {tokens} tokens of `data.jsonl`, as the first window shows it:\n\n\
             | slice | samples | tokens | mean exit depth |\n|---|---|---|---|"
        )?;
        let mut slices: BTreeMap<String, Cell> = BTreeMap::new();
        for ((task, difficulty), cell) in &self.embedded {
            let mut names = vec![format!("task: {task}"), format!("difficulty: {difficulty}")];
            if *task == TASKS[0].id() {
                names.push(format!("hops: {difficulty}"));
            }
            for name in names {
                slices.entry(name).or_default().add(cell);
            }
        }
        for (name, cell) in slices {
            let (samples, tokens, exit) = (cell.samples, cell.tokens, cell.mean_exit());
            writeln!(out, "| {name} | {samples} | {tokens} | {exit:.2} |")?;
        }
        writeln!(out)
    }
}

fn write_row(out: &mut String, task: &str, difficulty: usize, cell: &Cell) -> Result {
    write!(out, "| {task} | {difficulty} |")?;
    if cell.answers == 0 {
        write!(out, " – | {:.2} | – |", cell.mean_exit())?;
        writeln!(out, "{}", " – |".repeat(cell.accuracies().len()))
    } else {
        let (answers, all) = (cell.mean_answer_exit(), cell.mean_exit());
        write!(out, " {answers:.2} | {all:.2} | {:.3} |", cell.accuracy_at_exit())?;
        for accuracy in cell.accuracies() {
            write!(out, " {accuracy:.3} |")?;
        }
        writeln!(out)
    }
}
