//! Daemons of a running stack that crash and are started again.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::{Running, eventually};

/// A process that a test started in place of one of the stack's; killed with this, and with the test process, whose statics nobody drops.
pub(crate) struct Started {
    process: Child,
    /// Waits for the end of its input, which is ours, then kills.
    guard: Child,
    log: PathBuf,
}

impl Started {
    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The guard first: it must not kill by a number that somebody else may have by then.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How a process was started.
pub(crate) struct Line {
    pub(crate) daemon: String,
    pub(crate) program: PathBuf,
    pub(crate) words: Vec<String>,
}

/// Ends a process of the stack as a crash would; how to start it again.
pub(crate) fn crash(stack: &Running, daemon: &str) -> Line {
    let pid = stack.description.daemons[daemon];
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    // Until then its names on the bus and its sockets are its own, and whoever is started in its place is sent away.
    eventually("the process to be gone", || is_gone(pid));
    let words = String::from_utf8(words).unwrap();
    let words = words.split_terminator('\0').skip(1).map(str::to_owned).collect();
    Line { daemon: daemon.to_owned(), program, words }
}

/// Whether a process has ended, though its parent may not have asked how.
fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X']))
}

/// Starts what crashed with the words and the bus that it had.
pub(crate) fn start_again(stack: &Running, line: &Line) -> Started {
    let mut command = Command::new(&line.program);
    command.args(&line.words);
    start_as(stack, &line.daemon, command)
}

/// Starts `command` on the stack's bus.
pub(crate) fn start_as(stack: &Running, daemon: &str, mut command: Command) -> Started {
    let log = stack.description.state_dir.join(format!("log/{daemon}-again.log"));
    let file = File::create(&log).unwrap();
    command.env("DBUS_SYSTEM_BUS_ADDRESS", &stack.description.bus_address);
    let process = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    let kill = format!("read -r _; kill -KILL {}", process.id());
    let guard = Command::new("sh").args(["-c", &kill]).stdin(Stdio::piped()).spawn().unwrap();
    Started { process, guard, log }
}

/// Crashes a daemon and starts it again after `between`.
pub(crate) fn crash_and_restart(stack: &Running, daemon: &str, between: impl FnOnce()) -> Started {
    let line = crash(stack, daemon);
    between();
    start_again(stack, &line)
}
