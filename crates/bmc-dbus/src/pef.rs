//! seld's event filters, as their callers see them.

/// Platform event filtering (v2.0§17), with parameters as v2.0 table 30-6 has them.
#[zbus::proxy(
    interface = "org.ferrite.EventFilter",
    default_service = "xyz.openbmc_project.Logging.IPMI",
    default_path = "/xyz/openbmc_project/Logging/IPMI"
)]
pub trait EventFilter {
    /// A parameter's value. `org.ferrite.Error.NotPresent` where there is no such parameter, set or block.
    fn parameter(&self, number: u8, set: u8, block: u8) -> zbus::Result<Vec<u8>>;
    /// Changes a parameter, for good. `org.ferrite.Error.ReadOnly`, `Busy` where somebody else is changing them, `InvalidValue`.
    fn set_parameter(&self, number: u8, value: &[u8]) -> zbus::Result<()>;
    /// IDs of the last records that system software and the BMC looked at; the BMC's is 0 where the event had no room in the log.
    fn last_processed(&self) -> zbus::Result<(u16, u16)>;
    /// Sets one of them. What system software has looked at the filters do not see any more.
    fn set_last_processed(&self, by_bmc: bool, id: u16) -> zbus::Result<()>;
    /// Sets the postpone timer as Arm PEF Postpone Timer does; what is left of it.
    fn postpone(&self, seconds: u8) -> zbus::Result<u8>;
    /// Begins to send an alert to a destination of a channel, with the alert string of this number (0 is the volatile one, FFh none), of an
    /// event: generator and event message, or nothing. `org.ferrite.Error.Busy` while another one is on its way.
    fn alert(&self, channel: u8, destination: u8, string: u8, event: &[u8]) -> zbus::Result<()>;
    /// What became of it, as Alert Immediate tells.
    fn alert_status(&self) -> zbus::Result<u8>;
    /// Forgets that.
    fn forget_alert_status(&self) -> zbus::Result<()>;
}
