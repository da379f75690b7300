//! What data files become, and what hostile ones say.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::job::CancelSwitch;

fn file(name: &str, bytes: impl AsRef<[u8]>) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Every sample as "text|name=value|…", or the error without its path.
fn check(name: &str, bytes: impl AsRef<[u8]>, column: Option<&str>, cut: Cut) -> Vec<String> {
    let (_folder, path) = file(name, bytes);
    let row = |sample: TextSample| {
        let columns = sample.columns.iter().map(|(name, value)| format!("|{name}={value}"));
        format!("{}{}", sample.text, columns.collect::<String>())
    };
    match read(&path, column, cut, &Job::unattended()) {
        Ok(data) => data.samples.into_iter().map(row).collect(),
        Err(error) => {
            assert!(!error.hint().is_empty(), "{error}");
            let words = error.to_string();
            vec![words.replace(&format!(": {}", path.display()), "")]
        }
    }
}

fn lines(name: &str, bytes: impl AsRef<[u8]>) -> Vec<String> {
    check(name, bytes, None, Cut::Line)
}

#[test]
fn a_txt_file_is_cut_into_lines_or_paragraphs() {
    let text = "\u{feff}one\r\ntwo\n\n \nthree \nfour";
    assert_eq!(lines("a.txt", text), ["one", "two", "three ", "four"]);
    assert_eq!(check("a.TXT", text, None, Cut::Paragraph), ["one\ntwo", "three \nfour"]);
}

#[test]
fn a_txt_file_has_no_columns() {
    let said = check("a.txt", "one", Some("body"), Cut::Line);
    assert_eq!(said, ["line 1: no column `body`; there are none"]);
}

#[test]
fn json_lines_keep_scalars_as_columns() {
    let text = r#"{"text": "a", "k": 3, "ok": true, "task": "hops", "none": null, "list": [1]}

{"task": "copy", "text": "b"}"#;
    assert_eq!(lines("a.jsonl", text), ["a|k=3|ok=true|task=hops", "b|task=copy"]);
    assert_eq!(check("a.jsonl", r#"{"q": "a"}"#, Some("q"), Cut::Line), ["a"]);
}

#[test]
fn json_lines_that_do_not_fit_say_where_and_what_is_there() {
    let missing = lines("a.jsonl", "{\"text\": \"a\"}\n{\"body\": \"b\"}");
    assert_eq!(missing, ["line 2: no column `text`; there are `body`"]);
    let number = lines("a.jsonl", "{\"text\": 7}");
    assert_eq!(number, ["line 1: column `text` holds a number, text is allowed"]);
    let list = lines("a.jsonl", "{\"text\": \"a\"}\n[]\n");
    assert_eq!(list, ["line 2: a list found, an object is allowed"]);
    let broken = lines("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\",}\n");
    assert_eq!(broken, ["line 2, column 14: not JSON: trailing comma"]);
    let cut = lines("a.jsonl", "{\"text\": \"a");
    assert_eq!(cut, ["line 1, column 11: not JSON: EOF while parsing a string"]);
}

#[test]
fn json_may_be_nested_as_deep_as_the_hint_says() {
    let nested = |depth: usize| {
        format!("{{\"text\": \"a\", \"b\": {}{}}}", "[".repeat(depth), "]".repeat(depth))
    };
    assert_eq!(lines("a.jsonl", nested(126)), ["a"]);
    let said = lines("a.jsonl", nested(127));
    assert_eq!(said, ["line 1, column 146: not JSON: recursion limit exceeded"]);
}

#[test]
fn numbers_of_columns_are_offered_only_where_they_work() {
    let hint = |name: &str, text: &str| {
        let (_folder, path) = file(name, text);
        read(&path, Some("body"), Cut::Line, &Job::unattended()).unwrap_err().hint()
    };
    assert!(hint("a.csv", "q,a\n1,2\n").contains("#1"));
    assert_eq!(hint("a.jsonl", "{\"q\": \"a\"}"), "Choose one of these as the column.");
    assert_eq!(hint("a.txt", "a"), "Leave the column out.");
}

#[test]
fn a_table_with_header_gives_the_chosen_column_and_keeps_the_others() {
    let table = "id,text,label\r\n1,\"a, \"\"b\"\"\nc\",x\r\n\r\n2,d,\r\n";
    assert_eq!(lines("a.csv", table), ["a, \"b\"\nc|id=1|label=x", "d|id=2|label="]);
    assert_eq!(check("a.csv", table, Some("label"), Cut::Line)[0], "x|id=1|text=a, \"b\"\nc");
}

#[test]
fn a_table_without_header_is_addressed_by_number() {
    let table = "a \"good film\t1\nbad\t0\n";
    assert_eq!(check("a.tsv", table, Some("#1"), Cut::Line), ["a \"good film|#2=1", "bad|#2=0"]);
    assert_eq!(check("a.tsv", table, Some("#2"), Cut::Line)[1], "0|#1=bad");
    let said = check("a.tsv", table, Some("#3"), Cut::Line);
    assert_eq!(said, ["line 1: no column `#3`; there are `#1`, `#2`"]);
    let said = lines("a.tsv", table);
    assert_eq!(said, ["line 1: no column `text`; there are `a \"good film`, `1`"]);
}

#[test]
fn tables_that_are_none_are_refused_with_the_line() {
    assert_eq!(lines("a.csv", "text,b\n1,2\n3\n"), ["line 3: 1 field found, 2 allowed"]);
    assert_eq!(lines("a.csv", "text\n\"ab\nc"), ["line 2: a quoted field does not end"]);
    assert_eq!(lines("a.csv", "text\n\"a\"b\n"), ["line 2: a quoted field does not end"]);
    assert_eq!(lines("a.csv", "text,b,b\n1,2,3\n"), ["two columns are called `b`"]);
    let wide = format!("{}text\n", "a,".repeat(MOST_COLUMNS));
    assert_eq!(lines("a.csv", wide), ["columns: 257 found, 256 allowed"]);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_the_line() {
    assert_eq!(lines("a.txt", b"ab\ncd\xff\n"), ["line 2, byte 3: not UTF-8"]);
    assert_eq!(lines("a.jsonl", b"\xff\xfe{\0"), ["line 1, byte 1: not UTF-8"]);
}

#[test]
fn a_line_without_end_is_refused_before_memory_is_full() {
    let mut reader = Lines::new(
        Box::new(std::io::BufReader::new(std::io::repeat(b'a'))),
        0,
        Path::new("a"),
        None,
    );
    let said = reader.next_line().unwrap_err().to_string();
    assert_eq!(said, "bytes of a line: 16777217 found, 16777216 allowed: a");
}

#[test]
fn nothing_unknown_or_empty_is_run() {
    assert_eq!(
        lines("a.pdf", "x"),
        ["the ending `pdf` is no data set; allowed are txt, md, jsonl, ndjson, csv, tsv, tab"]
    );
    for name in ["a.txt", "a.jsonl", "a.csv"] {
        assert_eq!(lines(name, "\n\n"), ["there is nothing to run"], "{name}");
    }
    assert_eq!(from_prompt(" \n").unwrap_err().to_string(), "the text is empty");
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a.txt");
    fs::create_dir(&inside).unwrap();
    assert!(matches!(
        read(&inside, None, Cut::Line, &Job::unattended()),
        Err(DataError::NoFile { .. })
    ));
    assert!(matches!(
        read(folder.path(), None, Cut::Line, &Job::unattended()),
        Err(DataError::NoFile { .. })
    ));
    let missing = read(&folder.path().join("b.txt"), None, Cut::Line, &Job::unattended())
        .unwrap_err()
        .to_string();
    assert!(missing.starts_with("cannot read: there is no such file or folder: "), "{missing}");
    let bare = lines("bare", "x");
    assert!(
        bare[0].starts_with("a name without ending is no data set; allowed are txt"),
        "{bare:?}"
    );
}

#[test]
fn columns_come_from_the_first_row() {
    let (_folder, path) = file("a.csv", "id,text\n1,a\n");
    assert_eq!(columns(&path).unwrap(), ["id", "text"]);
    let (_folder, path) = file("a.tsv", "good\t1\n");
    assert_eq!(columns(&path).unwrap(), ["good", "1", "#1", "#2"]);
    let (_folder, path) = file("a.jsonl", "{\"q\": \"a\", \"n\": 1}\nrest is never read");
    assert_eq!(columns(&path).unwrap(), ["q"]);
    let (_folder, path) = file("a.txt", "a");
    assert!(columns(&path).unwrap().is_empty());
    assert!(columns(path.parent().unwrap()).unwrap().is_empty());
}

#[test]
fn a_column_of_labels_is_taken_by_its_name_or_as_chosen() {
    let label = |name: &str, text: &str, column, chosen: Option<&str>| {
        let (_folder, path) = file(name, text);
        let data = read(&path, column, Cut::Line, &Job::unattended()).unwrap();
        let labelled = data.labelled(chosen, Path::new("a"));
        labelled.map(|data| data.label).map_err(|error| error.to_string())
    };
    let with = "text,label\na,1\n";
    assert_eq!(label("a.csv", with, None, None), Ok(Some("label".to_owned())));
    assert_eq!(label("a.csv", "text,kind\na,1\n", None, None), Ok(None));
    let kind = label("a.csv", "text,kind\na,1\n", None, Some("kind"));
    assert_eq!(kind, Ok(Some("kind".to_owned())));
    let numbered = label("a.tsv", "a\t1\n", Some("#1"), Some("#2"));
    assert_eq!(numbered, Ok(Some("#2".to_owned())));
    let missing = label("a.csv", with, None, Some("kind"));
    assert_eq!(missing, Err("line 1: no column `kind`; there are `label`: a".to_owned()));
}

#[test]
fn a_large_file_is_read_with_progress_and_a_cancel_ends_it_within_a_mebibyte() {
    // In a text without a break, too: what counts are bytes.
    let line = format!("{}\n", "a".repeat(1 << 19));
    for name in ["a.txt", "a.csv"] {
        let (_folder, path) = file(name, format!("text\n{}", line.repeat(12)));
        let switch = CancelSwitch::default();
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (sink, inner) = (std::sync::Arc::clone(&told), switch.clone());
        let job = Job::new(switch, move |progress| {
            assert_eq!((progress.what, progress.unit, progress.total), ("Reading text", "MiB", 6));
            sink.lock().unwrap().push(progress.done);
            if progress.done >= 3 {
                inner.cancel();
            }
        });
        let read = read(&path, None, Cut::Line, &job);
        assert!(matches!(read, Err(DataError::Cancelled(_))), "{name}");
        assert_eq!(*told.lock().unwrap(), [0, 1, 2, 3], "{name}");
    }
}

proptest! {
    #[test]
    fn commas_and_quotes_are_read_as_the_csv_crate_writes_them(
        rows in prop::collection::vec(prop::collection::vec("[a\",\n é]{0,6}", 2), 1..6)
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["text", "b"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let (_folder, path) = file("a.csv", writer.into_inner().unwrap());
        let data = read(&path, None, Cut::Line, &Job::unattended()).unwrap();
        let found: Vec<_> =
            data.samples.into_iter().map(|s| vec![s.text, s.columns["b"].clone()]).collect();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop::collection::vec(prop::sample::select(b"{}\"text:,\t\r\n \xc3\xa9\xff1".to_vec()), 0..64)
    ) {
        for name in ["a.txt", "a.jsonl", "a.csv", "a.tsv"] {
            let (_folder, path) = file(name, &bytes);
            for cut in [Cut::Line, Cut::Paragraph] {
                drop(read(&path, None, cut, &Job::unattended()));
                drop(read(&path, Some("#1"), cut, &Job::unattended()));
            }
            drop(columns(&path));
        }
    }
}

#[cfg(feature = "shared-checks")]
#[test]
fn shared_sst2_is_read_by_number() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/sst2/dev.tsv");
    let data = read(Path::new(shared), Some("#1"), Cut::Line, &Job::unattended()).unwrap();
    assert_eq!(data.samples[0].text, "one long string of cliches");
    assert_eq!(data.samples[0].columns["#2"], "0");
    assert!(data.samples.iter().all(|s| ["0", "1"].contains(&s.columns["#2"].as_str())));
}

#[test]
fn a_second_text_leaves_its_column_and_every_sample_has_to_have_one() {
    let paired = |text: &str, column: Option<&str>| {
        let (_folder, path) = file("a.csv", text);
        let data = read(&path, None, Cut::Line, &Job::unattended()).unwrap();
        data.paired(column, &path).map_err(|error| error.to_string())
    };
    let text = "text,second,kind\na,b,x\nc,,y\n";
    let data = paired(text, Some("second")).unwrap();
    assert_eq!(data.pairs, ["b", ""]);
    let columns: Vec<_> = data.samples[0].columns.keys().map(String::as_str).collect();
    assert_eq!(columns, ["kind"]);
    assert!(paired(text, None).unwrap().pairs.is_empty());
    let told = paired(text, Some("third")).unwrap_err();
    assert!(told.starts_with("line 1: no column `third`; there are `kind`, `second`"), "{told}");
    let told = paired(text, Some("text")).unwrap_err();
    assert!(told.contains("no column `text`"), "{told}");
}
