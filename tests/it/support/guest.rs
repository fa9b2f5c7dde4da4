//! The guest that is the board's host: commands run in it, and what its machine is made to do.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::json;
use system_tests::Qmp;
use xtask::demo::GuestSockets;

use super::{Answer, Running};

/// What a guest may take to boot on a machine that has other things to do: four seconds where it has not.
const BOOT: Duration = Duration::from_secs(180);
/// What a command may take.
const COMMAND: Duration = Duration::from_secs(120);
/// How long one that is not there yet is waited for before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Prints what no two boots have in common.
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

/// The agent of `tests/guest/etc/agent`, at the other end of a serial port.
pub(crate) struct Guest {
    sockets: GuestSockets,
    agent: Option<BufReader<UnixStream>>,
    /// What came of a line whose end did not.
    partial: Vec<u8>,
    asked: u32,
}

impl Guest {
    /// The guest of `stack`; it may boot still.
    pub(crate) fn of(stack: &Running) -> Self {
        let sockets = stack.description.guest.clone().expect("the demo has a guest");
        Self { sockets, agent: None, partial: Vec::new(), asked: 0 }
    }

    /// Waits until it runs commands, from its power-on or after a reset.
    pub(crate) fn boots(&mut self) -> &mut Self {
        let deadline = Instant::now() + BOOT;
        while self.ask("true", ASK_AGAIN).is_none() {
            assert!(Instant::now() < deadline, "waited {} s for the guest to boot", BOOT.as_secs());
        }
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
        Qmp::connect(&self.sockets.qmp).unwrap().execute("stop", json!({})).unwrap();
    }

    /// Whether its machine's processors run.
    pub(crate) fn runs(&self) -> bool {
        let status = Qmp::connect(&self.sockets.qmp).unwrap().execute("query-status", json!({})).unwrap();
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
        if self.agent.is_none() {
            match UnixStream::connect(&self.sockets.agent) {
                Ok(stream) => self.agent = Some(BufReader::new(stream)),
                // Its machine is off, or its process only just begins.
                Err(_) => {
                    std::thread::sleep(ASK_AGAIN);
                    return None;
                }
            }
        }
        self.asked += 1;
        match self.exchange(script, patience) {
            Ok(answer) => Some(answer),
            Err(error) => {
                let waits =
                    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                if !waits {
                    self.agent = None;
                    self.partial.clear();
                    std::thread::sleep(ASK_AGAIN);
                }
                None
            }
        }
    }

    fn exchange(&mut self, script: &str, patience: Duration) -> std::io::Result<Answer> {
        let agent = self.agent.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
        let hex: String = script.bytes().map(|byte| format!("{byte:02x}")).collect();
        let request = format!("run {} {hex}\n", self.asked);
        // What a terminal's buffers hold while nobody reads.
        assert!(request.len() < 0x8000, "a script of {} bytes is too long", script.len());
        agent.get_ref().set_read_timeout(Some(patience))?;
        agent.get_mut().write_all(request.as_bytes())?;
        loop {
            // What a time-out leaves of a line stays for the next call.
            if agent.read_until(b'\n', &mut self.partial)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
            // Before it: answers to questions that were given up, and what a reset cut short.
            if let ["ran", id, status, output, errors] = line.split_whitespace().collect::<Vec<_>>()[..]
                && id.parse() == Ok(self.asked)
            {
                let mut text = |length: &str| -> std::io::Result<String> {
                    let mut bytes = vec![0; length.parse().map_err(std::io::Error::other)?];
                    agent.read_exact(&mut bytes)?;
                    Ok(String::from_utf8_lossy(&bytes).into_owned())
                };
                return Ok(Answer { success: status == "0", stdout: text(output)?, stderr: text(errors)? });
            }
        }
    }
}
