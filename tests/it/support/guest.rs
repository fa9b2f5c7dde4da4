//! The guest that is the board's host: commands run in it, and what its machine is made to do.

use serde_json::json;
use system_tests::{Agent, Qmp};
use xtask::demo::GuestSockets;

use super::{Answer, Running};

/// The agent of `tests/guest/etc/agent`, and its machine.
pub(crate) struct Guest {
    sockets: GuestSockets,
    agent: Agent,
}

impl Guest {
    /// The guest of `stack`; it may boot still.
    pub(crate) fn of(stack: &Running) -> Self {
        let sockets = stack.description.guest.clone().expect("the demo has a guest");
        Self { agent: Agent::new(sockets.agent.clone()), sockets }
    }

    /// Waits until it runs commands, from its power-on or after a reset.
    pub(crate) fn boots(&mut self) -> &mut Self {
        self.agent.boots();
        self
    }

    /// What `script` says in the guest's shell.
    pub(crate) fn run(&mut self, script: &str) -> Answer {
        self.agent.run(script)
    }

    /// What it says where it must succeed.
    pub(crate) fn ok(&mut self, script: &str) -> Answer {
        self.agent.ok(script)
    }

    /// ipmitool over the kernel's driver, where it must succeed.
    pub(crate) fn ipmitool(&mut self, words: &str) -> Answer {
        self.ok(&format!("ipmitool -I open {words}"))
    }

    /// Which boot of its kernel this is.
    pub(crate) fn boot(&mut self) -> String {
        self.agent.boot()
    }

    /// Its machine's processors stop where they are, as a hung machine's do.
    pub(crate) fn hang(&self) {
        Qmp::connect(&self.sockets.qmp).unwrap().execute("stop", json!({})).unwrap();
    }

    /// Whether its machine's processors run.
    pub(crate) fn runs(&self) -> bool {
        let status = Qmp::connect(&self.sockets.qmp).unwrap().execute("query-status", json!({})).unwrap();
        status["running"] == true
    }

    /// Waits until another boot than `before` runs commands; the old one may do so for a moment still.
    pub(crate) fn boots_anew(&mut self, before: &str) {
        self.agent.boots_anew(before);
    }
}
