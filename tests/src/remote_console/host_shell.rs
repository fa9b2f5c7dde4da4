//! The shell of the simulated host, at the far end of Serial over LAN.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Session, SolClient};

/// How long the host may take to say anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a bad network may take to bring it what it is to receive.
const LONG_PATIENCE: Duration = Duration::from_secs(240);

/// An attached console of the simulated host.
pub struct HostShell {
    /// What it is attached with.
    pub client: SolClient,
}

impl HostShell {
    /// Activates `instance` on `session`, sending again after `retry`.
    ///
    /// # Errors
    /// As [`SolClient::activate`].
    pub fn attach(session: Session, instance: u8, retry: Duration) -> Result<Self> {
        Ok(Self { client: SolClient::activate(session, instance, retry)? })
    }

    /// Types `keys`, and sees to it that they are taken.
    ///
    /// # Errors
    /// Where they are not.
    pub fn keys(&mut self, keys: impl AsRef<[u8]>) -> Result<()> {
        self.client.write(keys.as_ref());
        ensure!(self.client.run(PATIENCE, SolClient::is_flushed)?, "the keys were not taken");
        Ok(())
    }

    /// Waits for `text`; all that came up to it and with it.
    ///
    /// # Errors
    /// Where it does not come.
    pub fn wait_for(&mut self, text: &str) -> Result<Vec<u8>> {
        let mut passed = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            passed.extend(self.client.take_received());
            if let Some(at) = passed.windows(text.len()).position(|window| window == text.as_bytes()) {
                let rest = passed.split_off(at + text.len());
                self.client.give_back(rest);
                return Ok(passed);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let came = self.client.run(left, |client| !client.received().is_empty())?;
            ensure!(came, "no {text:?} in {:?}", String::from_utf8_lossy(&passed));
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Where they do not come.
    pub fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        let all = self.client.run(PATIENCE, |client| client.received().len() >= count)?;
        let mut received = self.client.take_received();
        ensure!(all, "{} of {count} bytes came, {:?}", received.len(), self.client.counts);
        let rest = received.split_off(count);
        self.client.give_back(rest);
        Ok(received)
    }

    /// Gets to the shell's prompt from wherever the running host is.
    ///
    /// # Errors
    /// Where there is neither a prompt nor a login.
    pub fn prompt(&mut self) -> Result<()> {
        self.keys("\x03")?;
        self.wait_for("^C\r\n")?;
        let ends = |client: &SolClient, end: &[u8]| client.received().ends_with(end);
        let known = |client: &SolClient| ends(client, b"# ") || ends(client, b"login: ");
        ensure!(self.client.run(PATIENCE, known)?, "neither prompt nor login");
        if self.client.take_received().ends_with(b"login: ") {
            self.keys("root\r")?;
            self.wait_for("# ")?;
        }
        Ok(())
    }

    /// Has the host print `count` bytes, and gives them.
    ///
    /// # Errors
    /// Where they do not come.
    pub fn burst(&mut self, count: usize) -> Result<Vec<u8>> {
        self.keys(format!("burst {count}\r"))?;
        self.wait_for("\r\n")?;
        let printed = self.read(count)?;
        self.wait_for("# ")?;
        Ok(printed)
    }

    /// Has the host take `bytes` without echo, and holds its sum (FNV-1a) against ours.
    ///
    /// # Errors
    /// Where the host received something else.
    pub fn receives(&mut self, bytes: &[u8]) -> Result<()> {
        self.keys(format!("receive {}\r", bytes.len()))?;
        self.wait_for("ready\r\n")?;
        self.client.write(bytes);
        ensure!(self.client.run(LONG_PATIENCE, SolClient::is_flushed)?, "the bytes were not taken");
        let sum = bytes
            .iter()
            .fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        self.wait_for(&format!("received {} bytes, sum {sum:08x}\r\n", bytes.len()))?;
        self.wait_for("# ")?;
        Ok(())
    }

    /// Deactivates and closes the session.
    ///
    /// # Errors
    /// As [`SolClient::deactivate`] and [`Session::close`].
    pub fn detach(self) -> Result<()> {
        self.client.deactivate()?.close()
    }
}
