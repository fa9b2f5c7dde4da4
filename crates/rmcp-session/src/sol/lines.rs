//! CTS, DCD and DSR as the client has them (v2.0 table 15-2): levels, which its newest packet sets.

use std::time::{Duration, Instant};

use ipmi_wire::sol::Operation;

use super::newer;

/// How long lines that an activation leaves deasserted wait for the client's first packet. The specification names no end, but
/// ipmitool asks for this of every BMC and sends nothing before a key is pressed: it would show nothing, and its host's terminal hang up.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// The levels of one SOL instance. The ring indicator is none of them: it is an event, as a break is.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The session sequence number of the packet that set them last.
    order: Option<u32>,
    /// Until when they wait for the first packet.
    handshake: Option<Instant>,
    /// Whether CTS is asserted: the host may send.
    pub(crate) cts: bool,
    /// Whether DCD and DSR are.
    pub(crate) carrier: bool,
}

impl Lines {
    /// Those of an instance that is activated at `now`: asserted, or `deasserted` until its client says otherwise (v2.0 table 24-2).
    pub(crate) fn new(now: Instant, deasserted: bool) -> Self {
        let handshake = deasserted.then(|| now + HANDSHAKE);
        Self { order: None, handshake, cts: !deasserted, carrier: !deasserted }
    }

    /// Takes what a packet with the session sequence number `order` says.
    pub(crate) fn set(&mut self, operation: Operation, order: u32) {
        if self.order.is_none_or(|last| newer(order, last)) {
            self.order = Some(order);
            self.handshake = None;
            self.cts = !operation.contains(Operation::CTS_PAUSE);
            self.carrier = !operation.contains(Operation::DEASSERT_DCD_DSR);
        }
    }

    /// Asserts them where the first packet has been waited for in vain.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.handshake.take_if(|end| *end <= now).is_some() {
            (self.cts, self.carrier) = (true, true);
        }
    }

    /// When [`Lines::expire`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.handshake
    }
}
