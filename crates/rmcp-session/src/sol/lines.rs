//! CTS, DCD and DSR as the client has them (v2.0 table 15-2): levels, which its newest packet sets.

use ipmi_wire::sol::Operation;

use super::newer;

/// The levels of one SOL instance. The ring indicator is none of them: it is an event, as a break is.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The session sequence number of the packet that set them last.
    order: Option<u32>,
    /// Whether CTS is asserted: the host may send.
    pub(crate) cts: bool,
    /// Whether DCD and DSR are.
    pub(crate) carrier: bool,
}

impl Lines {
    /// Those of an instance that has just been activated: asserted. An activation may ask for the opposite until the client's first
    /// packet (v2.0 table 24-2), which is passed over: ipmitool asks for it always and sends nothing before a key is pressed, so that
    /// it would show nothing, and a terminal of the host's hang up.
    pub(crate) fn asserted() -> Self {
        Self { order: None, cts: true, carrier: true }
    }

    /// Takes what a packet with the session sequence number `order` says.
    pub(crate) fn set(&mut self, operation: Operation, order: u32) {
        if self.order.is_none_or(|last| newer(order, last)) {
            self.order = Some(order);
            self.cts = !operation.contains(Operation::CTS_PAUSE);
            self.carrier = !operation.contains(Operation::DEASSERT_DCD_DSR);
        }
    }
}
