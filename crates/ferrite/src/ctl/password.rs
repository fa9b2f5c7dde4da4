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
    fn only_one_line_end_is_cut_off() {
        for (given, expected) in
            [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" pw ", " pw "), ("", "")]
        {
            assert_eq!(without_line_end(given.into()).as_bytes(), expected.as_bytes());
        }
    }
}
