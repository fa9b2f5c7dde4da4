//! Platform event filtering and alerting (v2.0§30). What the parameters hold is in [`crate::pef`].

use super::Access::{AtLeast, BeforeSession};
use crate::{
    CompletionCode,
    Privilege::{Administrator, Operator, User},
    codec::{Decode, Encode, Reader},
    command::{app_channel::ChannelNumber, event::EventMessage, transport::ParameterValue},
};

command! {
    /// Get PEF Capabilities (v2.0§30.1).
    GetPefCapabilities = SENSOR_EVENT 0x10 "Get PEF Capabilities", AtLeast(User), () => PefCapabilities
}

command! {
    /// Arm PEF Postpone Timer (v2.0§30.2).
    ArmPefPostponeTimer = SENSOR_EVENT 0x11 "Arm PEF Postpone Timer", AtLeast(Administrator),
    PostponeTimer => PostponeTimer
}

command! {
    /// Set PEF Configuration Parameters (v2.0§30.3).
    SetPefConfiguration = SENSOR_EVENT 0x12 "Set PEF Configuration Parameters", AtLeast(Administrator),
    PefParameterChange => ()
}

command! {
    /// Get PEF Configuration Parameters (v2.0§30.4).
    GetPefConfiguration = SENSOR_EVENT 0x13 "Get PEF Configuration Parameters", AtLeast(Operator),
    PefParameterQuery => ParameterValue
}

command! {
    /// Set Last Processed Event ID (v2.0§30.5).
    SetLastProcessedEventId = SENSOR_EVENT 0x14 "Set Last Processed Event ID", AtLeast(Administrator),
    NewLastProcessed => ()
}

command! {
    /// Get Last Processed Event ID (v2.0§30.6).
    GetLastProcessedEventId = SENSOR_EVENT 0x15 "Get Last Processed Event ID", AtLeast(Administrator),
    () => LastProcessed
}

command! {
    /// Alert Immediate (v2.0§30.7).
    AlertImmediate = SENSOR_EVENT 0x16 "Alert Immediate", AtLeast(Administrator),
    AlertRequest => AlertReply
}

command! {
    /// PET Acknowledge (v2.0§30.8).
    PetAcknowledge = SENSOR_EVENT 0x17 "PET Acknowledge", BeforeSession, AcknowledgedTrap => ()
}

/// The revision of platform event filtering that v2.0 describes: 1.5, the minor digit in the high half.
pub const PEF_VERSION: u8 = 0x51;

layout! {
    /// What platform event filtering can do here.
    PefCapabilities {
        /// [`PEF_VERSION`].
        version: u8,
        /// Bits as in [`crate::pef::action`].
        actions: u8,
        /// Entries of the event filter table.
        filters: u8,
    }
}

layout! {
    /// Request: what the postpone timer is set to. Response: what is left of it.
    PostponeTimer {
        /// Seconds, 1 to FDh; see the constants for the rest.
        seconds: u8,
    }
}

impl PostponeTimer {
    /// The timer is off.
    pub const OFF: u8 = 0;
    /// Filtering is off until the timer is set otherwise, or the BMC starts again.
    pub const DISABLED: u8 = 0xFE;
    /// Nothing is set; the countdown is asked for.
    pub const ASK: u8 = 0xFF;
}

layout! {
    /// A new value for a parameter.
    PefParameterChange {
        /// Its number, see [`crate::pef::PefParameter`].
        parameter: u8,
        /// What [`crate::pef::PefParameter`] encodes.
        data: Vec<u8>,
    }
}

/// Which parameter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PefParameterQuery {
    /// Only the parameter's revision is wanted.
    pub revision_only: bool,
    /// Its number, see [`crate::pef::PefParameter`].
    pub parameter: u8,
    /// Which one of a set; 0 where there is no set.
    pub set: u8,
    /// Which block of it, from 1; 0 where it has no blocks.
    pub block: u8,
}

impl Encode for PefParameterQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.revision_only) << 7 | self.parameter & 0x7F, self.set, self.block]);
    }
}

impl Decode for PefParameterQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [selector, set, block] = reader.array()?;
        Ok(Self { revision_only: selector & 0x80 != 0, parameter: selector & 0x7F, set, block })
    }
}

layout! {
    /// Up to which event somebody has looked at the log.
    NewLastProcessed {
        /// Bit 0: 0 system software, 1 the BMC.
        whose: u8,
        /// The record's ID.
        id: u16,
    }
}

impl NewLastProcessed {
    /// Whether it is the BMC's own place that is set.
    pub fn is_bmc(&self) -> bool {
        self.whose & 0x01 != 0
    }
}

layout! {
    /// How far the log was looked at.
    LastProcessed {
        /// When a record was last added; FFFFFFFFh where none ever was.
        last_addition: u32,
        /// ID of the last record; FFFFh where there is none.
        last_record: u16,
        /// ID of the last one that system software looked at.
        by_software: u16,
        /// ID of the last one that the BMC looked at; 0 where it could not be logged.
        by_bmc: u16,
    }
}

/// What is to become of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertOperation {
    /// It is sent.
    Send,
    /// What became of the last one is asked for.
    Ask,
    /// What became of the last one is forgotten.
    Forget,
}

/// Request of [`AlertImmediate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRequest {
    /// The channel.
    pub channel: ChannelNumber,
    /// What to do.
    pub operation: AlertOperation,
    /// The channel's destination, 0 to 15; 0 is the volatile one.
    pub destination: u8,
    /// The alert string that goes with it.
    pub string: Option<u8>,
    /// The event that it tells of, after its generator, where one is given.
    pub event: Option<(u8, EventMessage)>,
}

/// An alert is on its way already.
pub const ALERT_IN_PROGRESS: CompletionCode = CompletionCode(0x81);

impl Decode for AlertRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, operation, string] = reader.array()?;
        let event =
            if reader.is_empty() { None } else { Some((reader.u8()?, EventMessage::decode(reader)?)) };
        Ok(Self {
            channel: ChannelNumber(channel & 0x0F),
            operation: match operation >> 6 {
                0 => AlertOperation::Send,
                1 => AlertOperation::Ask,
                2 => AlertOperation::Forget,
                _ => return Err(CompletionCode::INVALID_DATA_FIELD),
            },
            destination: operation & 0x0F,
            string: (string & 0x80 != 0).then_some(string & 0x7F),
            event,
        })
    }
}

impl Encode for AlertRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        let operation = match self.operation {
            AlertOperation::Send => 0,
            AlertOperation::Ask => 1,
            AlertOperation::Forget => 2,
        };
        let string = self.string.map_or(0, |string| 0x80 | string & 0x7F);
        out.extend([self.channel.0 & 0x0F, operation << 6 | self.destination & 0x0F, string]);
        if let Some((generator, event)) = &self.event {
            out.push(*generator);
            event.encode(out);
        }
    }
}

layout! {
    /// Response of [`AlertImmediate`]: nothing, or what was asked for.
    AlertReply {
        /// One of [`crate::pef::alert_status`], where the status was asked for.
        status: Vec<u8>,
    }
}

layout! {
    /// The trap that a console has received.
    AcknowledgedTrap {
        /// Its sequence number.
        sequence: u16,
        /// Its time.
        timestamp: u32,
        /// Its event source type.
        source: u8,
        /// The device whose sensor it was.
        device: u8,
        /// The sensor.
        sensor: u8,
        /// Event data 1 to 3.
        data: [u8; 3],
    }
}

#[cfg(test)]
mod tests;
