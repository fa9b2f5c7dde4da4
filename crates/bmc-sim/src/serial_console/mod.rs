//! The simulated host's serial console: what its firmware, kernel and shell print, and what they make of keystrokes.
//!
//! [`SerialConsole`] is a value: phases, time and bytes in, bytes out. `pty` puts it on a terminal that the BMC opens as its UART.

mod line;
mod pty;
mod script;
mod shell;

pub(crate) use line::run as run_line;
pub(crate) use pty::{Pty, run};
pub use shell::{burst, screen};

use std::collections::VecDeque;

use serde::Deserialize;

use crate::HostPhase;
use shell::{Shell, burst_byte};

/// Echo and answers that wait for the terminal, in bytes. What comes on top is lost, as in a UART.
const MAX_PENDING: usize = 1 << 20;

/// How the console prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Prints at this many bits per second, ten for each byte. As fast as it is read where there is none.
    pub baud: Option<u32>,
}

/// Output that waits.
#[derive(Debug, Clone)]
enum Chunk {
    Bytes(Vec<u8>),
    /// The bytes of [`burst`] from one index to another, made when they are printed.
    Burst(u64, u64),
}

/// The console of a host.
#[derive(Debug, Clone)]
pub struct SerialConsole {
    phase: HostPhase,
    boots: u32,
    /// Seconds since the firmware began.
    elapsed: f64,
    /// Lines of the firmware that have been printed.
    printed: usize,
    shell: Shell,
    out: VecDeque<Chunk>,
    pending: usize,
}

impl SerialConsole {
    /// The console of a host that is off, or has booted.
    pub fn new(phase: HostPhase, boots: u32) -> Self {
        let mut console = Self {
            phase: HostPhase::Off,
            boots,
            elapsed: 0.0,
            printed: 0,
            shell: Shell::default(),
            out: VecDeque::new(),
            pending: 0,
        };
        if phase != HostPhase::Off {
            console.enter(phase);
        }
        console
    }

    /// Lets `dt` seconds pass; `phase` and `boots` are the host's.
    pub fn step(&mut self, phase: HostPhase, boots: u32, dt: f64) {
        if phase != self.phase || boots != self.boots {
            self.boots = boots;
            self.enter(phase);
        }
        if phase == HostPhase::Post {
            self.elapsed += dt;
            while let Some(line) = script::FIRMWARE.get(self.printed)
                && self.elapsed >= script::seconds_at(self.printed)
            {
                self.printed += 1;
                self.print(line);
            }
        }
    }

    fn enter(&mut self, phase: HostPhase) {
        self.phase = phase;
        match phase {
            // What had not left the UART never will.
            HostPhase::Off | HostPhase::PoweringOn => {
                self.out.clear();
                self.pending = 0;
            }
            HostPhase::Post => (self.elapsed, self.printed) = (0.0, 0),
            HostPhase::Os => {
                script::KERNEL.iter().for_each(|line| self.print(line));
                self.shell = Shell::default();
                self.print(shell::LOGIN);
            }
            HostPhase::ShuttingDown => self.print(script::SHUTDOWN),
        }
    }

    /// The host receives `bytes`.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.phase != HostPhase::Os {
            return;
        }
        for byte in bytes {
            let answer = self.shell.key(*byte);
            self.push(answer.text);
            if answer.burst > 0 {
                self.out.push_back(Chunk::Burst(0, answer.burst));
                self.push(shell::PROMPT.into());
            }
        }
    }

    /// The host receives a break.
    pub fn receive_break(&mut self) {
        match self.phase {
            HostPhase::Post => self.print("\r\n<break>\r\n"),
            HostPhase::Os => self.print(script::SYSRQ),
            _ => {}
        }
    }

    fn print(&mut self, text: &str) {
        self.push(text.into());
    }

    fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() && self.pending + bytes.len() <= MAX_PENDING {
            self.pending += bytes.len();
            self.out.push_back(Chunk::Bytes(bytes));
        }
    }

    /// Whether there is something to print.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next bytes to print, at most `most`.
    pub fn output(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(most);
        while bytes.len() < most
            && let Some(chunk) = self.out.front_mut()
        {
            let room = most - bytes.len();
            let is_done = match chunk {
                Chunk::Bytes(text) => {
                    let taken = text.len().min(room);
                    bytes.extend(text.drain(..taken));
                    self.pending -= taken;
                    text.is_empty()
                }
                Chunk::Burst(at, end) => {
                    let until = (*end).min(*at + room as u64);
                    bytes.extend((*at..until).map(burst_byte));
                    *at = until;
                    at == end
                }
            };
            if is_done {
                self.out.pop_front();
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
