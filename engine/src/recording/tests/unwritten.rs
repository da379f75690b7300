//! What is said where a recording cannot be written, before a run and while it is saved.

use super::*;

#[test]
fn a_folder_that_can_be_written_is_found_so_and_left_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    for name in ["new", "one/two/three"] {
        assert!(check_folder(&home.path().join(name)).is_ok(), "{name}");
    }
    assert!(names(home.path()).is_empty());
    assert!(check_folder(home.path()).is_ok());
    assert!(names(home.path()).is_empty());
    let (_home, folder) = saved(&synthetic(10, 1, 1));
    let before = names(&folder);
    assert!(check_folder(&folder).is_ok());
    assert_eq!(names(&folder), before);
}

#[test]
fn a_folder_that_is_none_or_in_use_is_the_choice_of_a_person() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("thesis.txt");
    fs::write(&file, "three years of work").unwrap();
    for (path, words) in [
        (file.clone(), "a file"),
        (file.join("inside"), "a file"),
        (home.path().to_owned(), "other files"),
    ] {
        let error = check_folder(&path).unwrap_err();
        assert!(error.is_input(), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.hint().is_empty());
    }
    assert_eq!(names(home.path()), ["thesis.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_is_not_the_fault_of_the_input() {
    // Nobody, not even root, makes a folder here.
    let error = check_folder(Path::new("/proc/layerscope/recording")).unwrap_err();
    assert!(!error.is_input(), "{error}");
    assert!(error.to_string().starts_with("cannot be written: "), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_is_not_the_fault_of_the_input() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(schema::PIECES);
    std::os::unix::fs::symlink("/dev/full", files::temporary(&path)).unwrap();
    let written = table::Writer::create(path, &schema::pieces(), table::Packing::Small).and_then(
        |mut table| {
            let text = Some("a".repeat(100));
            table.write(vec![table::Values::U32(vec![1]), table::Values::Text(vec![text])])?;
            table.finish()
        },
    );
    let error = written.unwrap_err();
    assert!(!error.is_input());
    let said = error.to_string();
    assert!(said.starts_with("cannot be written: the disk is full (No space left"), "{said}");
}

#[test]
fn what_cannot_be_read_is_the_fault_of_the_input() {
    let (_home, folder) = saved(&synthetic(20, 2, 1));
    fs::remove_file(folder.join(schema::PIECES)).unwrap();
    let error = load(&folder).unwrap_err();
    assert!(error.is_input());
    assert!(error.to_string().starts_with("cannot be read: it is not there ("), "{error}");
    fs::write(folder.join(schema::PIECES), "no table").unwrap();
    assert!(load(&folder).unwrap_err().is_input());
}
