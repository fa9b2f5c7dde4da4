//! A shell in an emulated machine, as tests want it: what must succeed and does not is the test failing.

#![allow(clippy::panic, reason = "a failure here is the caller's test failing")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use xtask::guest_agent::{self, ASK_AGAIN, BOOT, COMMAND, Said};

use crate::Answer;

/// Prints what no two boots have in common.
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

/// The shell of one machine.
#[derive(Debug)]
pub struct Agent(guest_agent::Agent);

impl Agent {
    /// The shell behind `socket`; its machine may be off, or boot still.
    pub fn new(socket: PathBuf) -> Self {
        Self(guest_agent::Agent::at(socket))
    }

    /// Waits until it runs commands.
    ///
    /// # Panics
    /// Where it does not.
    pub fn boots(&mut self) {
        self.0.boots().unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until another boot than `before` runs commands; the old one may do so for a moment still.
    ///
    /// # Panics
    /// Where none does.
    pub fn boots_anew(&mut self, before: &str) {
        let deadline = Instant::now() + BOOT;
        while !self.ask(BOOT_ID, ASK_AGAIN).is_some_and(|answer| answer.success && answer.stdout != before) {
            assert!(Instant::now() < deadline, "waited {} s for the machine to boot anew", BOOT.as_secs());
        }
    }

    /// Which boot of its kernel this is.
    ///
    /// # Panics
    /// As [`Agent::ok`].
    pub fn boot(&mut self) -> String {
        self.ok(BOOT_ID).stdout
    }

    /// What `script` says in its shell.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn run(&mut self, script: &str) -> Answer {
        self.ask(script, COMMAND).unwrap_or_else(|| panic!("the machine does not answer to `{script}`"))
    }

    /// What it says where it must succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn ok(&mut self, script: &str) -> Answer {
        let answer = self.run(script);
        assert!(answer.success, "in the machine, {script}: {answer:#?}");
        answer
    }

    fn ask(&mut self, script: &str, patience: Duration) -> Option<Answer> {
        let Said { success, output, errors } = self.0.ask(script, patience)?;
        Some(Answer { success, stdout: output, stderr: errors })
    }
}
