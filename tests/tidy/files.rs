//! Files: their size, their names, and what must not stand in them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use xtask::workspace;

const MOST_LINES: usize = 600;

/// Every file that git tracks or would, by its path in the repository.
fn files() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(workspace::root());
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    // One that is deleted and not yet committed as such is listed still.
    listed.lines().filter(|path| workspace::root().join(path).is_file()).map(str::to_owned).collect()
}

/// Those that are text, with what is in them.
fn texts() -> impl Iterator<Item = (String, String)> {
    let files = files();
    assert!(files.len() > 200, "{} files", files.len());
    files.into_iter().filter_map(|path| {
        let text = fs::read_to_string(workspace::root().join(&path)).ok()?;
        Some((path, text))
    })
}

fn sources() -> impl Iterator<Item = (String, String)> {
    texts().filter(|(path, _)| path.ends_with(".rs"))
}

#[test]
fn no_source_file_is_longer_than_a_reader_takes() {
    let long =
        sources().map(|(path, text)| (text.lines().count(), path)).filter(|(lines, _)| *lines > MOST_LINES);
    assert_eq!(long.collect::<Vec<_>>(), []);
}

#[test]
fn no_file_is_named_for_being_left_over() {
    const LEFT_OVER: [&str; 8] =
        ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];
    let stem = |path: &String| PathBuf::from(path).file_stem().unwrap().to_string_lossy().into_owned();
    let named = files().into_iter().filter(|path| LEFT_OVER.contains(&stem(path).as_str()));
    assert_eq!(named.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn nothing_is_left_for_later() {
    // In two halves each: this file is one of those that are read.
    let marks = [("to", "do!("), ("unimple", "mented!("), ("FIX", "ME"), ("TO", "DO"), ("XX", "X:")];
    for (path, text) in texts() {
        let mark = marks.iter().map(|(a, b)| format!("{a}{b}")).find(|mark| text.contains(mark.as_str()));
        assert_eq!(mark, None, "{path}");
    }
}

#[test]
fn nothing_names_the_machine_that_it_was_written_on() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let here = [workspace::root().to_string_lossy().into_owned(), variable("CARGO_HOME"), variable("HOME")];
    // A place such as `/src` says nothing of a machine.
    let tells = |place: &String| Path::new(place).components().count() > 2;
    let here = here.into_iter().filter(tells).chain([concat!("/ro", "ot/").to_owned()]);
    let here = here.collect::<Vec<_>>();
    for (path, text) in texts() {
        let place = here.iter().find(|place| text.contains(place.as_str()));
        assert_eq!(place, None, "{path}");
        let manifest = path.ends_with("Cargo.toml") || path.ends_with("config.toml");
        assert!(
            !(manifest && (text.contains("[source") || text.contains("registry ="))),
            "{path}: a registry"
        );
    }
}
