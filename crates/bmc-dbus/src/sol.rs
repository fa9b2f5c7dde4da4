//! netipmid: the SOL configuration of a LAN channel, at [`sol_path`](crate::names::ipmi::sol_path) of
//! `xyz.openbmc_project.Ipmi.Channel.<name>`.

/// The SOL configuration, as OpenBMC has it. Written values outside their range are refused with `InvalidArgs`.
#[zbus::proxy(interface = "xyz.openbmc_project.Ipmi.SOL")]
pub trait SolConfiguration {
    /// Set in progress: 0 complete, 1 in progress. Not kept.
    #[zbus(property)]
    fn progress(&self) -> zbus::Result<u8>;
    /// Marks a change as going on or complete.
    #[zbus(property)]
    fn set_progress(&self, progress: u8) -> zbus::Result<()>;
    /// Whether SOL can be activated.
    #[zbus(property)]
    fn enable(&self) -> zbus::Result<bool>;
    /// Allows SOL, or ends it.
    #[zbus(property)]
    fn set_enable(&self, enable: bool) -> zbus::Result<()>;
    /// Whether SOL must be encrypted.
    #[zbus(property)]
    fn force_encryption(&self) -> zbus::Result<bool>;
    /// Demands encryption, or leaves it to the client.
    #[zbus(property)]
    fn set_force_encryption(&self, force: bool) -> zbus::Result<()>;
    /// Whether a client must ask for authentication.
    #[zbus(property)]
    fn force_authentication(&self) -> zbus::Result<bool>;
    /// Demands that the client asks for it.
    #[zbus(property)]
    fn set_force_authentication(&self, force: bool) -> zbus::Result<()>;
    /// The least privilege to activate SOL, 2 to 5.
    #[zbus(property)]
    fn privilege(&self) -> zbus::Result<u8>;
    /// Sets it.
    #[zbus(property)]
    fn set_privilege(&self, privilege: u8) -> zbus::Result<()>;
    /// How long characters below the threshold wait, in units of 5 ms, 1 to 255.
    #[zbus(property, name = "AccumulateIntervalMS")]
    fn accumulate_interval(&self) -> zbus::Result<u8>;
    /// Sets it.
    #[zbus(property, name = "AccumulateIntervalMS")]
    fn set_accumulate_interval(&self, interval: u8) -> zbus::Result<()>;
    /// How many characters are sent at once, 1 to 255.
    #[zbus(property)]
    fn threshold(&self) -> zbus::Result<u8>;
    /// Sets it.
    #[zbus(property)]
    fn set_threshold(&self, threshold: u8) -> zbus::Result<()>;
    /// How often a packet is sent again, 0 to 7.
    #[zbus(property)]
    fn retry_count(&self) -> zbus::Result<u8>;
    /// Sets it.
    #[zbus(property)]
    fn set_retry_count(&self, count: u8) -> zbus::Result<()>;
    /// After how long, in units of 10 ms.
    #[zbus(property, name = "RetryIntervalMS")]
    fn retry_interval(&self) -> zbus::Result<u8>;
    /// Sets it.
    #[zbus(property, name = "RetryIntervalMS")]
    fn set_retry_interval(&self, interval: u8) -> zbus::Result<()>;
}

/// Beside it: what OpenBMC has no property for.
#[zbus::proxy(interface = "org.ferrite.Ipmi.Sol")]
pub trait SolMore {
    /// Bits per second, kept and applied to the first console; 0 leaves the console's own.
    #[zbus(property)]
    fn bit_rate(&self) -> zbus::Result<u64>;
    /// Sets, keeps and applies it.
    #[zbus(property)]
    fn set_bit_rate(&self, rate: u64) -> zbus::Result<()>;
    /// Bits per second as it is now; 0 is the console's own.
    #[zbus(property)]
    fn volatile_bit_rate(&self) -> zbus::Result<u64>;
    /// Applies it until the next start.
    #[zbus(property)]
    fn set_volatile_bit_rate(&self, rate: u64) -> zbus::Result<()>;
    /// The consoles by instance number, the first is instance 1.
    #[zbus(property(emits_changed_signal = "const"))]
    fn consoles(&self) -> zbus::Result<Vec<String>>;
    /// The channel's number.
    #[zbus(property(emits_changed_signal = "const"))]
    fn payload_channel(&self) -> zbus::Result<u8>;
    /// The UDP port of SOL, the one of the sessions.
    #[zbus(property(emits_changed_signal = "const"))]
    fn payload_port(&self) -> zbus::Result<u16>;
}
