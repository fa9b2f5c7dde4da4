//! A password from a file, a prompt without echo, or a pipe; never from the command line, which every process can read.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use bmc_dbus::users::SecretBytes;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::{Failure, Line};

/// The password that the command line points at. `who` is asked for in the prompt.
pub(super) fn read(line: &Line, who: &str) -> Result<SecretBytes, Failure> {
    if let Some(file) = line.value("password-file") {
        let bytes = std::fs::read(file).map_err(|error| Failure::Failed(format!("{file}: {error}")))?;
        return Ok(without_line_end(bytes));
    }
    let failed = |error: io::Error| Failure::Failed(format!("cannot read the password: {error}"));
    if !io::stdin().is_terminal() {
        return line_of_stdin().map_err(failed);
    }
    let first = prompt(&format!("password for {who}: ")).map_err(failed)?;
    let second = prompt("once more: ").map_err(failed)?;
    if first == second { Ok(first) } else { Err(Failure::Failed("the two passwords differ".into())) }
}

/// How long the BMC key is (v2.0§13.33).
const KG_LENGTH: usize = 20;

/// The BMC key in `file`, filled up with zeros as clients fill theirs up.
pub(super) fn kg(file: &str) -> Result<SecretBytes, Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::Failed(format!("{file}: {error}")))?;
    let kg = without_line_end(bytes);
    match kg.as_bytes().len() {
        length @ 1..=KG_LENGTH => {
            Ok(SecretBytes::new([kg.as_bytes(), &vec![0; KG_LENGTH - length]].concat()))
        }
        length => {
            Err(Failure::Failed(format!("{file}: a key has 1 to {KG_LENGTH} bytes, this one has {length}")))
        }
    }
}

fn line_of_stdin() -> io::Result<SecretBytes> {
    let mut bytes = Vec::with_capacity(256);
    io::stdin().lock().read_until(b'\n', &mut bytes)?;
    Ok(without_line_end(bytes))
}

fn prompt(text: &str) -> io::Result<SecretBytes> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    eprint!("{text}");
    io::stderr().flush()?;
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent)?;
    let password = line_of_stdin();
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before)?;
    eprintln!();
    password
}

/// Editors end a file with a line end, which is no part of the password.
fn without_line_end(mut bytes: Vec<u8>) -> SecretBytes {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    SecretBytes::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_filled_up_and_one_that_is_too_long_or_empty_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kg");
        let file = path.to_str().unwrap();
        std::fs::write(file, "key\n").unwrap();
        assert_eq!(kg(file).unwrap().as_bytes(), b"key\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        for (wrong, length) in [("x".repeat(21), "has 21"), ("\n".to_owned(), "has 0")] {
            std::fs::write(file, wrong).unwrap();
            assert!(kg(file).unwrap_err().to_string().contains(length));
        }
    }

    #[test]
    fn only_one_line_end_is_cut_off() {
        for (given, expected) in
            [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" pw ", " pw "), ("", "")]
        {
            assert_eq!(without_line_end(given.into()).as_bytes(), expected.as_bytes());
        }
    }
}
