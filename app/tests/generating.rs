//! Generation by the real binary, where it does not go as it should.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

#[path = "kit/binary.rs"]
mod binary;
#[path = "kit/killed.rs"]
mod killed;

use std::fs;
use std::path::Path;

use binary::{layerscope, text, words};
use killed::killed_at;

/// The embedded checkpoint as a folder, with another value in its config.json.
fn embedded_as_folder(folder: &Path, changes: &[(&str, serde_json::Value)]) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/default");
    fs::create_dir(folder).unwrap();
    for name in ["model.safetensors", "tokenizer.json"] {
        fs::copy(assets.join(name), folder.join(name)).unwrap();
    }
    let config = fs::read(assets.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    for (name, value) in changes {
        config[*name] = value.clone();
    }
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn a_generation_that_is_killed_leaves_what_it_made() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    let (model, out) = (inside("model"), inside("out"));
    // It goes on for much longer than until the second part: no token ends the text.
    let changes = [("max_position_embeddings", 50_000.into()), ("eos_token_id", 235.into())];
    embedded_as_folder(&model, &changes);
    let arguments =
        ["generate", words(&model), "--prompt", "tom has a red ball .", "--out", words(&out)];
    let longer = ["--max-tokens", "40000", "--temperature", "1"];
    killed_at(&out.join("unfinished/0001"), &[&arguments[..], &longer[..]].concat());
    let json = layerscope(&["inspect", words(&out), "--json"]);
    let manifest: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&manifest["complete"], &manifest["partial"]), (&false.into(), &true.into()));
    assert_eq!(manifest["generation"]["prompt_tokens"], 7);
    let tokens = manifest["tokens"].as_f64().unwrap();
    assert!(tokens > 7.0, "{tokens}");
    let seen = inside("view");
    let done = layerscope(&["view", words(&out), "--out", words(&seen)]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let readings: serde_json::Value =
        serde_json::from_slice(&fs::read(seen.join("readings.json")).unwrap()).unwrap();
    let said = format!("The generation was killed (or is still going): {tokens} of at most 40007 ");
    let mut notes = readings["notes"].as_array().unwrap().iter();
    assert!(notes.any(|note| note["what"].as_str().unwrap().starts_with(&said)), "{said}");
}

#[test]
fn a_chat_template_that_wants_to_fill_the_memory_ends_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    embedded_as_folder(&model, &[]);
    let grows =
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = STEP %}{% endfor %}";
    for (template, why) in [
        (grows.replace("STEP", "ns.x ~ ns.x"), "it makes more than 4194304 bytes of one text"),
        (grows.replace("STEP", "[ns.x, ns.x]"), "it makes more than 4194304 bytes of one text"),
        ("{{ 'x' * 1000000000 }}".to_owned(), "`*` can only stand between numbers and names"),
        ("{{ range(1000000000) | list }}".to_owned(), "range has too many elements"),
        ("{{ 'x' | indent(1000000000) }}".to_owned(), "it makes more than 4194304 bytes"),
    ] {
        fs::write(model.join("chat_template.jinja"), template).unwrap();
        let done = layerscope(&["generate", words(&model), "--chat", "--prompt", "tom"]);
        let told = text(&done.stderr);
        assert_eq!(done.status.code(), Some(3), "{told}");
        assert!(
            told.contains("the chat template cannot be used: ") && told.contains(why),
            "{told}"
        );
        assert!(told.contains(words(&model)), "{told}");
        assert!(told.contains("Generate without the chat template."), "{told}");
    }
    fs::write(model.join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    let done = layerscope(&["generate", words(&model), "--chat", "--prompt", "tom has"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
}
