//! ipmitool, as a client of any BMC on the LAN.

#![allow(clippy::panic, reason = "a failure here is the caller's test failing")]

use std::process::Command;

/// What a client said.
#[derive(Debug)]
pub struct Answer {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its output.
    pub stdout: String,
    /// Its errors.
    pub stderr: String,
}

impl Answer {
    /// Runs `command` to its end.
    ///
    /// # Panics
    /// Where it is not there.
    pub fn of(mut command: Command) -> Self {
        let output = command.output().unwrap_or_else(|error| {
            panic!("cannot start {:?}: {error}\nhint: cargo xtask setup", command.get_program())
        });
        Self {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The text after `key` and a separator, of the first line that begins with `key`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn field(&self, key: &str) -> String {
        let line = self.stdout.lines().find_map(|line| {
            let (name, value) = line.split_once([':', '|'])?;
            (name.trim() == key).then(|| value.trim().to_owned())
        });
        line.unwrap_or_else(|| panic!("no `{key}` in {self:#?}"))
    }

    /// The cells of the first `|`-separated line that has all of `words`.
    pub fn line_with(&self, words: &[&str]) -> Option<Vec<String>> {
        let line = self.stdout.lines().find(|line| words.iter().all(|word| line.contains(word)))?;
        Some(line.split('|').map(|cell| cell.trim().to_owned()).collect())
    }

    /// The cells of the `|`-separated line whose first cell is `name`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn row(&self, name: &str) -> Vec<String> {
        let name = name.replace('_', " ");
        let rows = self.stdout.lines().map(|line| line.split('|').map(|cell| cell.trim().to_owned()));
        let mut rows = rows.map(Iterator::collect::<Vec<_>>);
        rows.find(|cells| cells.first().is_some_and(|cell| *cell == name))
            .unwrap_or_else(|| panic!("no row `{name}` in {self:#?}"))
    }
}

/// ipmitool over LAN, sending every packet once: a retry would hide a lost answer.
#[derive(Debug, Clone)]
pub struct Ipmitool {
    /// Where the BMC is.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// An administrator.
    pub user: String,
    /// The administrator's password.
    pub password: String,
    /// Cipher suite.
    pub suite: u8,
    /// Seconds that an answer may take.
    pub patience: u8,
}

impl Ipmitool {
    /// ipmitool with these words, not started.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new("ipmitool");
        command.args([
            "-I",
            "lanplus",
            "-N",
            &self.patience.to_string(),
            "-R",
            "1",
            "-H",
            &self.host,
            "-U",
            &self.user,
            "-E",
        ]);
        command.args(["-p", &self.port.to_string(), "-C", &self.suite.to_string()]);
        // SDRs name a sensor with spaces where D-Bus has `_`.
        command
            .args(words.split_whitespace().map(|word| word.replace('_', " ")))
            .env("IPMITOOL_PASSWORD", &self.password);
        command
    }

    /// What it says.
    ///
    /// # Panics
    /// Where ipmitool is not there.
    pub fn run(&self, words: &str) -> Answer {
        Answer::of(self.command(words))
    }

    /// What it says where it must succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn ok(&self, words: &str) -> Answer {
        let answer = self.run(words);
        assert!(answer.success, "ipmitool {words}: {answer:#?}");
        answer
    }
}
