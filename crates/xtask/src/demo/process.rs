//! The demo's processes.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

/// A process, told from any later one of the same number by when it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: u32,
    /// Clock ticks from boot to its start, as `/proc/<pid>/stat` says.
    started: u64,
    pub(super) log: PathBuf,
}

/// What a daemon may take to end in an orderly way.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

impl Process {
    /// Starts `program` with its output in `log`, in a process group of its own: a Ctrl-C on the terminal is ours to deal with.
    /// Where `tied`, the kernel ends it when we die.
    pub(super) fn spawn(
        name: &str,
        program: &Path,
        tied: bool,
        log: &Path,
        set: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut command = if tied {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        set(&mut command);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child =
            command.spawn().with_context(|| format!("cannot start {name} ({})", program.display()))?;
        let pid = child.id();
        let started = stat(pid).map_or(0, |stat| stat.started);
        Ok(Self { name: name.to_owned(), pid, started, log: log.to_owned() })
    }

    /// Whether it runs. One that ended and waits to be reaped does not.
    pub(super) fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && !stat.ended)
    }

    /// Asks it to end, and makes it after a while.
    pub(super) fn end(&self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while self.is_alive() && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if let (true, Ok(pid)) = (self.is_alive(), i32::try_from(self.pid)) {
            // Gone in between is what was wanted.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// The end of its log, for an error.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(10));
        let last: String = last.map(|line| format!("    {line}\n")).collect();
        format!("{last}its log: {}", self.log.display())
    }
}

struct Stat {
    started: u64,
    ended: bool,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows it is proc(5)'s fields from the third.
    let mut fields = text.rsplit_once(") ")?.1.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    Some(Stat { started: fields.nth(18)?.parse().ok()?, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Process {
        let pid = std::process::id();
        let started = stat(pid).unwrap().started;
        Process { name: "us".into(), pid, started, log: "/dev/null".into() }
    }

    #[test]
    fn a_process_is_told_from_a_later_one_of_the_same_number() {
        assert!(us().is_alive());
        let earlier = Process { started: us().started - 1, ..us() };
        assert!(!earlier.is_alive());
        // Were it taken for ours, this would end the test.
        earlier.end();
    }
}
