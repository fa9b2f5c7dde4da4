//! The three registers of a KCS interface, with the BMC's driver on one side and a host on the other.
//!
//! [`Chip`] behaves as Linux' `kcs_bmc` and its IPMI device do: it reacts to each write of the host at once, as an interrupt
//! handler does, and gives whole messages. [`Host`] follows the state machines of v2.0§9.15, and can leave them at any step.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bmc_hw::host_interface::Driver;

/// Status bits (v2.0§9.5, table 9-1).
const OBF: u8 = 0x01;
pub(super) const SMS_ATTENTION: u8 = 0x04;

/// Interface states (table 9-2), bits 7:6 of the status.
pub(super) const IDLE: u8 = 0;
pub(super) const READ: u8 = 1;
pub(super) const WRITE: u8 = 2;
pub(super) const ERROR: u8 = 3;

/// Control codes (table 9-3).
pub(super) const GET_STATUS_ABORT: u8 = 0x60;
pub(super) const WRITE_START: u8 = 0x61;
pub(super) const WRITE_END: u8 = 0x62;
pub(super) const READ_BYTE: u8 = 0x68;

/// Codes of Get Status (table 9-4).
pub(super) const ABORTED_BY_COMMAND: u8 = 0x01;
pub(super) const ILLEGAL_CONTROL_CODE: u8 = 0x02;
pub(super) const LENGTH_ERROR: u8 = 0x06;

/// The driver's buffer.
pub(super) const BUFFER: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Idle,
    WriteStart,
    WriteData,
    WriteEnd,
    /// A request is there to be read.
    WriteDone,
    /// It was read, and a response may come.
    WaitRead,
    Read,
    AbortFirst,
    AbortSecond,
    Error,
}

/// What the BMC's side keeps.
#[derive(Debug, Default)]
pub(super) struct Chip {
    status: u8,
    output: u8,
    phase: Phase,
    error: u8,
    request: Vec<u8>,
    response: Vec<u8>,
    sent: usize,
    waker: Option<Waker>,
}

impl Chip {
    fn set_state(&mut self, state: u8) {
        self.status = self.status & 0x3F | state << 6;
    }

    fn state(&self) -> u8 {
        self.status >> 6
    }

    fn put(&mut self, byte: u8) {
        self.output = byte;
        self.status |= OBF;
    }

    fn abort(&mut self) {
        self.set_state(ERROR);
        self.put(0);
        self.phase = Phase::Error;
        self.request.clear();
    }

    /// The host wrote the command register.
    fn command(&mut self, code: u8) {
        self.set_state(WRITE);
        self.put(0);
        match code {
            WRITE_START => {
                (self.phase, self.error) = (Phase::WriteStart, 0);
                self.request.clear();
            }
            WRITE_END if self.phase == Phase::WriteData => self.phase = Phase::WriteEnd,
            WRITE_END => self.abort(),
            GET_STATUS_ABORT => {
                if self.error == 0 {
                    self.error = ABORTED_BY_COMMAND;
                }
                self.phase = Phase::AbortFirst;
                self.request.clear();
            }
            _ => {
                self.abort();
                self.error = ILLEGAL_CONTROL_CODE;
            }
        }
    }

    /// The host wrote the data register.
    fn data(&mut self, byte: u8) {
        match self.phase {
            Phase::WriteStart | Phase::WriteData => {
                self.phase = Phase::WriteData;
                if self.take(byte) {
                    self.set_state(WRITE);
                    self.put(0);
                }
            }
            Phase::WriteEnd => {
                if self.take(byte) {
                    self.set_state(READ);
                    self.phase = Phase::WriteDone;
                    self.waker.take().into_iter().for_each(Waker::wake);
                }
            }
            Phase::Read => self.next(byte),
            Phase::AbortFirst => {
                self.set_state(READ);
                self.put(self.error);
                self.phase = Phase::AbortSecond;
            }
            Phase::AbortSecond => {
                self.set_state(IDLE);
                self.put(0);
                self.phase = Phase::Idle;
            }
            Phase::Idle | Phase::WriteDone | Phase::WaitRead | Phase::Error => self.abort(),
        }
    }

    /// Whether there was room for a byte of the request.
    fn take(&mut self, byte: u8) -> bool {
        if self.request.len() >= BUFFER {
            self.abort();
            self.error = LENGTH_ERROR;
            return false;
        }
        self.request.push(byte);
        true
    }

    /// The host asks for the next byte of the response.
    fn next(&mut self, byte: u8) {
        if self.sent == self.response.len() {
            self.set_state(IDLE);
        }
        if byte != READ_BYTE {
            self.set_state(ERROR);
            return self.put(0);
        }
        match self.response.get(self.sent).copied() {
            Some(byte) => {
                self.sent += 1;
                self.put(byte);
            }
            None => {
                self.put(0);
                self.phase = Phase::Idle;
            }
        }
    }
}

/// The device file.
#[derive(Debug, Clone, Default)]
pub(super) struct Device(Arc<Mutex<Chip>>);

impl Device {
    fn chip(&self) -> MutexGuard<'_, Chip> {
        self.0.lock().unwrap()
    }
}

impl Driver for Device {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut chip = self.chip();
        if chip.phase != Phase::WriteDone {
            chip.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        chip.phase = Phase::WaitRead;
        let request = std::mem::take(&mut chip.request);
        buffer[..request.len()].copy_from_slice(&request);
        Poll::Ready(Ok(request.len()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut chip = self.chip();
        if !(3..=BUFFER).contains(&bytes.len()) || chip.phase != Phase::WaitRead {
            return Err(io::Error::from_raw_os_error(22 /* EINVAL */));
        }
        chip.phase = Phase::Read;
        (chip.response, chip.sent) = (bytes.to_vec(), 1);
        chip.put(bytes[0]);
        Ok(bytes.len())
    }

    fn set_attention(&self, on: bool) -> io::Result<()> {
        let mut chip = self.chip();
        chip.status = chip.status & !SMS_ATTENTION | if on { SMS_ATTENTION } else { 0 };
        Ok(())
    }

    fn force_abort(&self) -> io::Result<()> {
        self.chip().abort();
        Ok(())
    }
}

/// The host's driver, step by step.
#[derive(Debug)]
pub(super) struct Host(Device);

/// How long a host waits for the BMC: Linux' 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

impl Host {
    pub(super) fn new(device: Device) -> Self {
        Self(device)
    }

    pub(super) fn command(&self, code: u8) {
        self.0.chip().command(code);
    }

    pub(super) fn data(&self, byte: u8) {
        self.0.chip().data(byte);
    }

    /// Reads the output register, which empties it.
    pub(super) fn read(&self) -> u8 {
        let mut chip = self.0.chip();
        chip.status &= !OBF;
        chip.output
    }

    pub(super) fn status(&self) -> u8 {
        self.0.chip().status
    }

    pub(super) fn state(&self) -> u8 {
        self.0.chip().state()
    }

    /// The steps that write a request (figure 9-6), as many as `steps`.
    pub(super) fn write_steps(&self, request: &[u8], steps: usize) {
        let (last, first) = request.split_last().unwrap();
        let bytes = first.iter().map(|byte| (false, *byte));
        let all = [(true, WRITE_START)].into_iter().chain(bytes).chain([(true, WRITE_END), (false, *last)]);
        for (is_command, byte) in all.take(steps) {
            self.read();
            if is_command { self.command(byte) } else { self.data(byte) }
        }
    }

    /// Waits for the first byte of the response, and reads up to `limit` bytes (figure 9-7).
    pub(super) async fn read_up_to(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut response = Vec::new();
        self.wait_for_output().await?;
        while self.state() == READ {
            response.push(self.read());
            if response.len() == limit {
                return Ok(response);
            }
            self.data(READ_BYTE);
        }
        if self.state() != IDLE {
            return Err(ErrorKind::InvalidData.into());
        }
        self.read();
        Ok(response)
    }

    async fn wait_for_output(&self) -> io::Result<()> {
        let waiting = async {
            while self.status() & OBF == 0 && self.state() != ERROR {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| ErrorKind::TimedOut.into())
    }

    /// Asks and reads the response.
    pub(super) async fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.write_steps(request, usize::MAX);
        self.read_up_to(usize::MAX).await
    }

    /// Get Status, which aborts (figure 9-8); the code.
    pub(super) fn abort(&self) -> u8 {
        self.command(GET_STATUS_ABORT);
        self.read();
        self.data(0);
        assert_eq!(self.state(), READ);
        let code = self.read();
        self.data(READ_BYTE);
        self.read();
        assert_eq!(self.state(), IDLE, "the abort ends idle");
        code
    }
}
