//! ipmitool and FreeIPMI.

use std::process::Command;

use xtask::demo::Description;

/// What a client said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(mut command: Command) -> Self {
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
    pub(crate) fn field(&self, key: &str) -> String {
        let line = self.stdout.lines().find_map(|line| {
            let (name, value) = line.split_once([':', '|'])?;
            (name.trim() == key).then(|| value.trim().to_owned())
        });
        line.unwrap_or_else(|| panic!("no `{key}` in {self:#?}"))
    }

    /// The cells of the first `|`-separated line that has all of `words`.
    pub(crate) fn line_with(&self, words: &[&str]) -> Option<Vec<String>> {
        let line = self.stdout.lines().find(|line| words.iter().all(|word| line.contains(word)))?;
        Some(line.split('|').map(|cell| cell.trim().to_owned()).collect())
    }

    /// The cells of the `|`-separated line whose first cell is `name`.
    pub(crate) fn row(&self, name: &str) -> Vec<String> {
        let name = name.replace('_', " ");
        let rows = self.stdout.lines().map(|line| line.split('|').map(|cell| cell.trim().to_owned()));
        let mut rows = rows.map(Iterator::collect::<Vec<_>>);
        rows.find(|cells| cells.first().is_some_and(|cell| *cell == name))
            .unwrap_or_else(|| panic!("no row `{name}` in {self:#?}"))
    }
}

/// ipmitool over LAN, sending every packet once: a retry would hide a lost answer.
#[derive(Clone)]
pub(crate) struct Ipmitool {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) suite: u8,
}

impl Ipmitool {
    pub(crate) fn new(stack: &Description) -> Self {
        Self {
            host: stack.host.clone(),
            port: stack.port,
            user: stack.user.clone(),
            password: stack.password.clone(),
            suite: 17,
        }
    }

    /// ipmitool with these words, not started.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new("ipmitool");
        command.args(["-I", "lanplus", "-N", "2", "-R", "1", "-H", &self.host, "-U", &self.user, "-E"]);
        command.args(["-p", &self.port.to_string(), "-C", &self.suite.to_string()]);
        // SDRs name a sensor with spaces where D-Bus has `_`.
        command
            .args(words.split_whitespace().map(|word| word.replace('_', " ")))
            .env("IPMITOOL_PASSWORD", &self.password);
        command
    }

    pub(crate) fn run(&self, words: &str) -> Answer {
        Answer::of(self.command(words))
    }

    /// What it says where it must succeed.
    pub(crate) fn ok(&self, words: &str) -> Answer {
        let answer = self.run(words);
        assert!(answer.success, "ipmitool {words}: {answer:#?}");
        answer
    }
}

/// A FreeIPMI tool against `stack`, with one packet of each kind.
pub(crate) fn freeipmi(program: &str, stack: &Description, words: &[&str]) -> Answer {
    let path = xtask::workspace::which(program)
        .unwrap_or_else(|| panic!("{program} is not there\nhint: cargo xtask setup"));
    let mut command = Command::new(path);
    command.args(["-D", "LAN_2_0", "-h", &format!("{}:{}", stack.host, stack.port), "-u", &stack.user]);
    command.args(["-p", &stack.password, "-I", "17", "-l", "ADMIN", "--session-timeout=4000"]);
    // As long as the session: no packet is sent twice.
    command.args(["--retransmission-timeout=3999"]).args(words);
    // Its cache is filed by host and port: the one in the home directory may be of an earlier stack on the same port.
    let cache = tempfile::tempdir().unwrap();
    let has_its_own = words.contains(&"--sdr-cache-directory");
    if ["ipmi-sensors", "ipmi-sel", "ipmi-fru"].contains(&program) && !has_its_own {
        command.arg("--sdr-cache-directory").arg(cache.path());
    }
    Answer::of(command)
}

/// The same for a tool that lists sensors or events; it must succeed.
pub(crate) fn freeipmi_with_sensors(program: &str, stack: &Description, words: &[&str]) -> Answer {
    let answer = freeipmi(program, stack, &[&["--quiet-cache"], words].concat());
    assert!(answer.success, "{program} {words:?}: {answer:#?}");
    answer
}
