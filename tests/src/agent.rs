//! A shell in an emulated machine, at the other end of one of its serial ports: `guest/etc/agent` says what is spoken there.

#![allow(clippy::panic, reason = "a failure here is the caller's test failing")]

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::Answer;

/// What a machine may take to boot on one that has other things to do.
const BOOT: Duration = Duration::from_secs(240);
/// What a command may take.
const COMMAND: Duration = Duration::from_secs(120);
/// How long one that is not there yet is waited for before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Prints what no two boots have in common.
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

/// The shell of one machine.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
    /// What came of a line whose end did not.
    partial: Vec<u8>,
    asked: u32,
}

impl Agent {
    /// The shell behind `socket`; its machine may be off, or boot still.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, stream: None, partial: Vec::new(), asked: 0 }
    }

    /// Waits until it runs commands.
    ///
    /// # Panics
    /// Where it does not.
    pub fn boots(&mut self) {
        let deadline = Instant::now() + BOOT;
        while self.ask("true", ASK_AGAIN).is_none() {
            assert!(Instant::now() < deadline, "waited {} s for the machine to boot", BOOT.as_secs());
        }
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
        if self.stream.is_none() {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => self.stream = Some(BufReader::new(stream)),
                // The machine is off, or its process only just begins.
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
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    self.stream = None;
                    self.partial.clear();
                    std::thread::sleep(ASK_AGAIN);
                }
                None
            }
        }
    }

    fn exchange(&mut self, script: &str, patience: Duration) -> io::Result<Answer> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        let hex: String = script.bytes().map(|byte| format!("{byte:02x}")).collect();
        let request = format!("run {} {hex}\n", self.asked);
        // What a terminal's buffers hold while nobody reads.
        assert!(request.len() < 0x8000, "a script of {} bytes is too long", script.len());
        stream.get_ref().set_read_timeout(Some(patience))?;
        stream.get_mut().write_all(request.as_bytes())?;
        loop {
            // What a time-out leaves of a line stays for the next call.
            if stream.read_until(b'\n', &mut self.partial)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
            // Before it: answers to questions that were given up, and what a reset cut short.
            if let ["ran", id, status, output, errors] = line.split_whitespace().collect::<Vec<_>>()[..]
                && id.parse() == Ok(self.asked)
            {
                let mut text = |length: &str| -> io::Result<String> {
                    let mut bytes = vec![0; length.parse().map_err(io::Error::other)?];
                    stream.read_exact(&mut bytes)?;
                    Ok(String::from_utf8_lossy(&bytes).into_owned())
                };
                return Ok(Answer { success: status == "0", stdout: text(output)?, stderr: text(errors)? });
            }
        }
    }
}
