//! Commands run in the guest: the other end of `tests/guest/etc/agent`.

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

/// What a guest may take to boot on a machine that has other things to do: four seconds where it has not.
pub const BOOT: Duration = Duration::from_secs(240);
/// What a command may take.
pub const COMMAND: Duration = Duration::from_secs(120);
/// How long one that is not there yet is waited for before it is asked again.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The guest's shell, behind its second serial port.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
    line: Option<BufReader<UnixStream>>,
    /// What came of a line whose end did not.
    partial: Vec<u8>,
    asked: u32,
}

/// What a command said in the guest.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its output.
    pub output: String,
    /// Its errors.
    pub errors: String,
}

impl Agent {
    /// The agent at `socket`; its machine may be off, or boot still.
    #[must_use]
    pub fn at(socket: PathBuf) -> Self {
        Self { socket, line: None, partial: Vec::new(), asked: 0 }
    }

    /// Waits until the guest runs commands, from its power-on or after a reset.
    ///
    /// # Errors
    /// Where it does not boot in time.
    pub fn boots(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + BOOT;
        while Instant::now() < deadline {
            if self.ask("true", ASK_AGAIN).is_some() {
                return Ok(());
            }
        }
        bail!("waited {} s for the guest to boot", BOOT.as_secs())
    }

    /// What `script` prints in the guest.
    ///
    /// # Errors
    /// Where it fails there, or takes too long.
    pub fn run(&mut self, script: &str) -> anyhow::Result<String> {
        let said =
            self.ask(script, COMMAND).with_context(|| format!("the guest does not answer `{script}`"))?;
        ensure!(said.success, "in the guest, `{script}` failed: {}", said.errors.trim());
        Ok(said.output)
    }

    /// What `script` says in the guest's shell; `None` where it does not answer in time, or has no line to it now. A script has 16 KiB
    /// at most: what a terminal's buffers hold while nobody reads.
    pub fn ask(&mut self, script: &str, patience: Duration) -> Option<Said> {
        if self.line.is_none() {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => self.line = Some(BufReader::new(stream)),
                // Its machine is off, or its process only just begins.
                Err(_) => {
                    sleep(ASK_AGAIN);
                    return None;
                }
            }
        }
        self.asked += 1;
        match self.exchange(script, patience) {
            Ok(said) => Some(said),
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    self.line = None;
                    self.partial.clear();
                    sleep(ASK_AGAIN);
                }
                None
            }
        }
    }

    fn exchange(&mut self, script: &str, patience: Duration) -> io::Result<Said> {
        let line = self.line.as_mut().ok_or(ErrorKind::NotConnected)?;
        let hex: String = script.bytes().map(|byte| format!("{byte:02x}")).collect();
        line.get_ref().set_read_timeout(Some(patience))?;
        line.get_mut().write_all(format!("run {} {hex}\n", self.asked).as_bytes())?;
        loop {
            // What a time-out leaves of a line stays for the next call.
            if line.read_until(b'\n', &mut self.partial)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let words = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
            // Before it: answers to questions that were given up, and what a reset cut short.
            if let ["ran", id, status, output, errors] = words.split_whitespace().collect::<Vec<_>>()[..]
                && id.parse() == Ok(self.asked)
            {
                let mut text = |length: &str| -> io::Result<String> {
                    let mut bytes = vec![0; length.parse().map_err(io::Error::other)?];
                    line.read_exact(&mut bytes)?;
                    Ok(String::from_utf8_lossy(&bytes).into_owned())
                };
                let (output, errors) = (text(output)?, text(errors)?);
                return Ok(Said { success: status == "0", output, errors });
            }
        }
    }
}
