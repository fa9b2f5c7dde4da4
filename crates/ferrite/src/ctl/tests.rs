//! The command line, and the whole executable against a bus of the test's own.

use super::*;

fn parse_words(words: &[&str]) -> Result<Work, Failure> {
    parse(words.iter().map(OsString::from))
}

#[test]
fn each_command_has_help_that_shows_its_usage() {
    for command in &COMMANDS {
        let Ok(Work::Help(text)) = parse_words(&[command.name, "--help"]) else { panic!("{}", command.name) };
        assert!(text.contains(&format!("usage: ferrite ctl {}", command.name)), "{text}");
        assert!(HELP.contains(&format!("\n  {} ", command.name)), "{}", command.name);
    }
}

#[test]
fn what_makes_no_sense_is_named_and_ends_with_2() {
    for (words, part) in [
        (&["colour"][..], "`colour`"),
        (&["status", "--loud"], "`--loud`"),
        (&["user", "add", "x", "--privilege"], "privilege"),
        (&[], "which command"),
    ] {
        let Err(failure) = parse_words(words) else { panic!("{words:?}") };
        assert!(failure.to_string().contains(part), "{failure}");
        assert_eq!(failure.exit_code(), 2);
    }
}

#[test]
fn the_password_has_no_option() {
    assert!(parse_words(&["user", "add", "x", "--password", "secret"]).is_err());
}
