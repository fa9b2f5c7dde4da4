//! Commands run in the guest: the other end of `tests/guest/etc/agent`.

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

/// What a guest may take to boot on a machine that has other things to do: four seconds where it has not.
const BOOT: Duration = Duration::from_secs(180);
const COMMAND: Duration = Duration::from_secs(120);
/// How long one that is not there yet is waited for before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The guest's shell.
#[derive(Debug)]
pub(super) struct Agent {
    stream: BufReader<UnixStream>,
    /// What came of a line whose end did not.
    partial: Vec<u8>,
    asked: u32,
}

struct Answer {
    success: bool,
    output: String,
    errors: String,
}

impl Agent {
    /// Waits until the guest whose second serial port is `socket` runs commands.
    ///
    /// # Errors
    /// Where it does not boot in time.
    pub(super) fn boots(socket: &Path) -> anyhow::Result<Self> {
        let deadline = Instant::now() + BOOT;
        while Instant::now() < deadline {
            // Nobody there: its machine only just begins. No answer: it boots still.
            if let Ok(stream) = UnixStream::connect(socket) {
                let mut agent = Self { stream: BufReader::new(stream), partial: Vec::new(), asked: 0 };
                if agent.answers_before(deadline) {
                    return Ok(agent);
                }
            }
            sleep(ASK_AGAIN);
        }
        bail!("waited {} s for the guest to boot", BOOT.as_secs())
    }

    /// What `script` prints in the guest.
    ///
    /// # Errors
    /// Where it fails there, or takes too long.
    pub(super) fn run(&mut self, script: &str) -> anyhow::Result<String> {
        let answer = self.ask(script, COMMAND).with_context(|| format!("the guest, asked `{script}`"))?;
        ensure!(answer.success, "in the guest, `{script}` failed: {}", answer.errors.trim());
        Ok(answer.output)
    }

    /// Whether it answers before `deadline` and before its machine hangs up.
    fn answers_before(&mut self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            match self.ask("true", ASK_AGAIN) {
                Ok(_) => return true,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn ask(&mut self, script: &str, patience: Duration) -> io::Result<Answer> {
        self.asked += 1;
        let hex: String = script.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.stream.get_ref().set_read_timeout(Some(patience))?;
        self.stream.get_mut().write_all(format!("run {} {hex}\n", self.asked).as_bytes())?;
        loop {
            // What a time-out leaves of a line stays for the next call.
            if self.stream.read_until(b'\n', &mut self.partial)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
            // Before it come answers to questions that were given up.
            if let ["ran", id, status, output, errors] = line.split_whitespace().collect::<Vec<_>>()[..]
                && id.parse() == Ok(self.asked)
            {
                let (output, errors) = (self.text(output)?, self.text(errors)?);
                return Ok(Answer { success: status == "0", output, errors });
            }
        }
    }

    /// The next `length` bytes.
    fn text(&mut self, length: &str) -> io::Result<String> {
        let mut bytes = vec![0; length.parse().map_err(io::Error::other)?];
        self.stream.read_exact(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
