//! QEMU's test protocol, as much of it as a test bench needs: 32-bit registers of the running machine.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// A conversation with one QEMU.
#[derive(Debug)]
pub struct Qtest {
    stream: BufReader<UnixStream>,
}

impl Qtest {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(path).with_context(|| format!("no QEMU listens at {}", path.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The register at `address`.
    ///
    /// # Errors
    /// A lost connection, or what is no answer.
    pub fn read(&mut self, address: u32) -> Result<u32> {
        let answer = self.ask(&format!("readl {address:#x}"))?;
        let value = answer.trim_start_matches("0x");
        u32::from_str_radix(value, 16).with_context(|| format!("QEMU read `{answer}`"))
    }

    /// Sets the register at `address`.
    ///
    /// # Errors
    /// As [`Qtest::read`].
    pub fn write(&mut self, address: u32, value: u32) -> Result<()> {
        self.ask(&format!("writel {address:#x} {value:#x}")).map(drop)
    }

    /// Sends `line` and gives what stands behind `OK`.
    fn ask(&mut self, line: &str) -> Result<String> {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        if self.stream.read_line(&mut answer)? == 0 {
            bail!("QEMU closed the connection");
        }
        match answer.trim_end().strip_prefix("OK") {
            Some(value) => Ok(value.trim_start().to_owned()),
            None => bail!("QEMU answered `{line}` with `{}`", answer.trim_end()),
        }
    }
}
