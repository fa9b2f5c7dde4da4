//! A stack of a test's own, or the one that tests share which leave it as it was.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use bmc_sim::{BoardState, Request, control::Client};
use system_tests::eventually;
use xtask::demo::Description;

/// A demo that ends when this does: its standard input is ours to close, and the kernel closes it where a test is killed.
pub(crate) struct Running {
    demo: Child,
    pub(crate) description: Description,
}

impl Running {
    /// Starts `cargo xtask demo` and waits until it answers and ipmid knows every sensor of the board.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further words after `demo`.
    pub(crate) fn start_with(words: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // The demo makes it and removes it, also where this process is killed.
        let directory = std::env::temp_dir().join(format!("ferrite-it-{}-{number}", std::process::id()));
        let mut demo = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "xtask", "--", "demo", "--tied", "--json"])
            .args(["--cipher-suites", "3,17", "--state-dir"])
            .arg(directory)
            .args(words)
            .current_dir(xtask::workspace::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo runs");
        let mut line = String::new();
        BufReader::new(demo.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let description = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the demo printed {line:?} ({error}); its own words are above"));
        let running = Self { demo, description };
        let sensors = running.board().sensors.len();
        eventually("every sensor to be listed", || {
            running.ipmitool().run("sdr elist full").stdout.lines().count() >= sensors
        });
        running
    }

    /// ipmitool as the demo's administrator, suite 17, IPv4.
    pub(crate) fn ipmitool(&self) -> super::Ipmitool {
        let Description { host, port, user, password, .. } = self.description.clone();
        super::Ipmitool { host, port, user, password, suite: 17, patience: 2 }
    }

    /// `ferrite` itself with these words, on the stack's bus, not started.
    pub(crate) fn ferrite(&self, words: &str) -> Command {
        let mut command = Command::new(xtask::workspace::target_dir(false).unwrap().join("ferrite"));
        command.args(words.split_whitespace()).env("DBUS_SYSTEM_BUS_ADDRESS", &self.description.bus_address);
        command
    }

    /// What `ferrite ctl` says with these words.
    pub(crate) fn ctl(&self, words: &str) -> super::Answer {
        let answer = super::Answer::of(self.ferrite(&format!("ctl {words}")));
        assert!(answer.success, "ferrite ctl {words}: {answer:#?}");
        answer
    }

    /// The board's own account of itself.
    pub(crate) fn board(&self) -> BoardState {
        self.control().state().unwrap()
    }

    /// The board's control socket.
    pub(crate) fn control(&self) -> Client {
        Client::connect(&self.description.board_control).unwrap()
    }

    /// Has the board do `request`.
    pub(crate) fn tell(&self, request: &Request) {
        self.control().request(request).unwrap();
    }

    /// Empties the event log, also of what it says of having been cleared.
    pub(crate) fn empty_log(&self) {
        self.ipmitool().ok("sel clear");
        let remark = self.ipmitool().ok("sel list").stdout;
        assert!(remark.contains("Log area reset/cleared"), "{remark}");
        // Beside it, what was on its way when the log was cleared, until nothing comes any more.
        let mut empty_before = false;
        eventually("the log to stay empty", || {
            for line in self.ipmitool().ok("sel list").stdout.lines().filter(|line| line.contains('|')) {
                let id = line.split('|').next().unwrap().trim();
                self.ipmitool().ok(&format!("sel delete 0x{id}"));
            }
            let empty = self.ipmitool().ok("sel info").field("Entries") == "0";
            std::mem::replace(&mut empty_before, empty) && empty
        });
    }

    /// Waits until the board's state is as wanted.
    pub(crate) fn board_becomes(&self, what: &str, wanted: impl Fn(&BoardState) -> bool) -> BoardState {
        eventually(what, || wanted(&self.board()));
        self.board()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.demo.stdin.take());
        let _ = self.demo.wait();
    }
}

/// The stack that tests share. One test at a time, and each leaves it as it was; a test that failed may not have, so the next gets a
/// fresh one.
pub(crate) fn shared() -> MutexGuard<'static, Running> {
    static SHARED: OnceLock<Mutex<Running>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Mutex::new(Running::start()));
    shared.lock().unwrap_or_else(|poisoned| {
        let mut guard = poisoned.into_inner();
        *guard = Running::start();
        shared.clear_poison();
        guard
    })
}
