//! A host at the AST2600's KCS channel 3, register by register (v2.0§9.15).
//!
//! QEMU's LPC model shows the host's data registers as object properties: setting `idr3` is the host's write, with its flag and the
//! BMC's interrupt; getting `odr3` is its read. Whether a write is a command (the host's other port) is a bit of the status register,
//! which only the test protocol can set.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use serde_json::json;

use crate::{Qmp, Qtest};

/// The LPC controller's object.
const LPC: &str = "/machine/soc/lpc";
/// Channel 3's status register, at the BMC.
const STATUS: u32 = 0x1E78_9044;

/// Output buffer full: a byte for the host.
const OUTPUT_FULL: u32 = 0x01;
/// Input buffer full: a byte that the BMC has not taken yet.
const INPUT_FULL: u32 = 0x02;
/// The BMC wants attention.
const ATTENTION: u32 = 0x04;
/// The last byte was a command.
const COMMAND: u32 = 0x08;
/// The interface's state, v2.0 table 9-2.
const STATE: u32 = 0xC0;

const IDLE: u32 = 0x00;
const READ: u32 = 0x40;
const WRITE: u32 = 0x80;

const GET_STATUS_OR_ABORT: u8 = 0x60;
const WRITE_START: u8 = 0x61;
const WRITE_END: u8 = 0x62;
const READ_BYTE: u8 = 0x68;

/// What a driver waits for one step (v2.0§9.15 leaves it to software; Linux takes 5 s).
const PATIENCE: Duration = Duration::from_secs(5);

/// A host's end of the channel.
#[derive(Debug)]
pub struct KcsHost {
    qmp: Qmp,
    qtest: Qtest,
}

impl KcsHost {
    /// At the registers of the machine that listens at these sockets.
    ///
    /// # Errors
    /// Where none does.
    pub fn connect(qmp: &Path, qtest: &Path) -> Result<Self> {
        Ok(Self { qmp: Qmp::connect(qmp)?, qtest: Qtest::connect(qtest)? })
    }

    /// Sends a request (NetFn and LUN, command, data) and gives its response.
    ///
    /// # Errors
    /// Where the BMC does not follow the handshake.
    pub fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        self.send(request)?;
        self.receive()
    }

    /// Sends a request and leaves its response where it is.
    ///
    /// # Errors
    /// As [`KcsHost::ask`].
    pub fn send(&mut self, request: &[u8]) -> Result<()> {
        let Some((last, others)) = request.split_last() else { bail!("a request has bytes") };
        self.taken()?;
        self.drain()?;
        self.step(WRITE_START, true)?;
        for byte in others {
            self.step(*byte, false)?;
        }
        self.step(WRITE_END, true)?;
        self.put(*last, false)
    }

    /// Gives up what is under way, and brings the interface to rest.
    ///
    /// # Errors
    /// As [`KcsHost::ask`].
    pub fn abort(&mut self) -> Result<()> {
        self.taken()?;
        self.put(GET_STATUS_OR_ABORT, true)?;
        self.taken()?;
        self.drain()?;
        self.put(0, false)?;
        let state = self.taken()? & STATE;
        ensure!(state == READ, "the BMC is in state {state:#x} after an abort");
        self.byte()?;
        self.put(READ_BYTE, false)?;
        let state = self.taken()? & STATE;
        ensure!(state == IDLE, "the BMC is in state {state:#x} at the end of an abort");
        self.drain()
    }

    /// Whether the BMC wants attention.
    ///
    /// # Errors
    /// A lost connection.
    pub fn attention(&mut self) -> Result<bool> {
        Ok(self.status()? & ATTENTION != 0)
    }

    fn receive(&mut self) -> Result<Vec<u8>> {
        let mut response = Vec::new();
        loop {
            match self.taken()? & STATE {
                READ => response.push(self.byte()?),
                IDLE => {
                    self.byte()?;
                    return Ok(response);
                }
                state => bail!("the BMC is in state {state:#x} in the midst of a response: {response:x?}"),
            }
            self.put(READ_BYTE, false)?;
        }
    }

    /// Writes one byte of a request, which the BMC must take as such.
    fn step(&mut self, byte: u8, command: bool) -> Result<()> {
        self.put(byte, command)?;
        let state = self.taken()? & STATE;
        ensure!(state == WRITE, "the BMC is in state {state:#x} after {byte:#x} of a request");
        self.drain()
    }

    fn put(&mut self, byte: u8, command: bool) -> Result<()> {
        let status = self.status()?;
        let marked = if command { status | COMMAND } else { status & !COMMAND };
        if marked != status {
            self.qtest.write(STATUS, marked)?;
        }
        let arguments = json!({ "path": LPC, "property": "idr3", "value": byte });
        self.qmp.execute("qom-set", arguments).map(drop)
    }

    /// Waits for a byte of the BMC's, and takes it.
    fn byte(&mut self) -> Result<u8> {
        self.wait("a byte", |status| status & OUTPUT_FULL != 0)?;
        self.output()
    }

    /// Takes a byte that may lie there.
    fn drain(&mut self) -> Result<()> {
        if self.status()? & OUTPUT_FULL != 0 {
            self.output()?;
        }
        Ok(())
    }

    fn output(&mut self) -> Result<u8> {
        let value = self.qmp.execute("qom-get", json!({ "path": LPC, "property": "odr3" }))?;
        let byte = value.as_u64().and_then(|value| u8::try_from(value & 0xFF).ok());
        byte.ok_or_else(|| anyhow::anyhow!("QEMU gave {value} for a register"))
    }

    /// Waits until the BMC has taken the last byte; the status then.
    fn taken(&mut self) -> Result<u32> {
        self.wait("the BMC to take a byte", |status| status & INPUT_FULL == 0)
    }

    fn wait(&mut self, what: &str, wanted: impl Fn(u32) -> bool) -> Result<u32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status()?;
            if wanted(status) {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "waited for {what}; the status is {status:#x}");
        }
    }

    fn status(&mut self) -> Result<u32> {
        self.qtest.read(STATUS)
    }
}
