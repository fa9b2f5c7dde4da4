//! The guest that is the board's host: commands run in it, and what its machine is made to do.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;
use system_tests::Qmp;
use xtask::guest_agent::{ASK_AGAIN, Agent, BOOT, COMMAND, Said};

use super::{Answer, Running};

/// Prints what no two boots have in common.
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

/// The board's host, a machine of its own.
pub(crate) struct Guest {
    agent: Agent,
    qmp: PathBuf,
}

impl Guest {
    /// The guest of `stack`; it may boot still.
    pub(crate) fn of(stack: &Running) -> Self {
        let sockets = stack.description.guest.clone().expect("the demo has a guest");
        Self { agent: Agent::at(sockets.agent), qmp: sockets.qmp }
    }

    /// Waits until it runs commands, from its power-on or after a reset.
    pub(crate) fn boots(&mut self) -> &mut Self {
        self.agent.boots().unwrap();
        self
    }

    /// What `script` says in the guest's shell.
    pub(crate) fn run(&mut self, script: &str) -> Answer {
        self.ask(script, COMMAND).unwrap_or_else(|| panic!("the guest does not answer to `{script}`"))
    }

    /// What it says where it must succeed.
    pub(crate) fn ok(&mut self, script: &str) -> Answer {
        let answer = self.run(script);
        assert!(answer.success, "in the guest, {script}: {answer:#?}");
        answer
    }

    /// ipmitool over the kernel's driver, where it must succeed.
    pub(crate) fn ipmitool(&mut self, words: &str) -> Answer {
        self.ok(&format!("ipmitool -I open {words}"))
    }

    /// Which boot of its kernel this is.
    pub(crate) fn boot(&mut self) -> String {
        self.ok(BOOT_ID).stdout
    }

    /// Its machine's processors stop where they are, as a hung machine's do.
    pub(crate) fn hang(&self) {
        Qmp::connect(&self.qmp).unwrap().execute("stop", json!({})).unwrap();
    }

    /// Whether its machine's processors run.
    pub(crate) fn runs(&self) -> bool {
        let status = Qmp::connect(&self.qmp).unwrap().execute("query-status", json!({})).unwrap();
        status["running"] == true
    }

    /// Waits until another boot than `before` runs commands; the old one may do so for a moment still.
    pub(crate) fn boots_anew(&mut self, before: &str) {
        let deadline = Instant::now() + BOOT;
        while !self.ask(BOOT_ID, ASK_AGAIN).is_some_and(|answer| answer.success && answer.stdout != before) {
            assert!(Instant::now() < deadline, "waited {} s for the guest to boot anew", BOOT.as_secs());
        }
    }

    fn ask(&mut self, script: &str, patience: Duration) -> Option<Answer> {
        let Said { success, output, errors } = self.agent.ask(script, patience)?;
        Some(Answer { success, stdout: output, stderr: errors })
    }
}
