//! Platform event traps: what a BMC sends to an alert destination on a LAN (v2.0§17.16, Platform Event Trap Format v1.0).
//!
//! An SNMPv1 Trap-PDU (RFC 1157§4.1.6), whose specific trap says what kind of event it was and whose only variable has the rest:
//!
//! ```text
//! | GUID (16) | sequence (2) | local timestamp (4) | UTC offset (2) | trap source | event source | severity
//! | sensor device | sensor | entity | entity instance | event data (8) | language | manufacturer (4) | system (2) | OEM ... | C1h
//! ```
//!
//! Unlike everything else in IPMI, numbers have their most significant byte first.

mod ber;

use crate::{FrameError, frame_error::array};

/// The UDP port of SNMP managers that listen for traps.
pub const PORT: u16 = 162;

/// The Unix time from which [`PlatformEventTrap::local_timestamp`] counts: 1998-01-01 00:00.
pub const EPOCH: u32 = 883_612_800;

/// Trap source and event source "IPMI".
pub const SOURCE_IPMI: u8 = 0x20;

/// Trap source, event source, sensor device, sensor and language: "unspecified".
pub const UNSPECIFIED: u8 = 0xFF;

/// Event offset "unspecified".
pub const OFFSET_UNSPECIFIED: u8 = 0x0F;

/// UTC offset "unspecified".
const UTC_OFFSET_UNSPECIFIED: i16 = -1;

/// Bit 7 of the specific trap: the event is gone again.
const DEASSERTED: u8 = 0x80;

/// Ends the OEM custom fields, as it ends the fields of a FRU area.
const END_OF_FIELDS: u8 = 0xC1;

/// The longest that the OEM custom fields can be, their end included.
const MAX_CUSTOM: usize = 64;

/// What a platform event trap tells of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformEventTrap {
    /// The type of the sensor (v2.0 table 42-3).
    pub sensor_type: u8,
    /// The event/reading type (v2.0 table 42-1).
    pub event_type: u8,
    /// Which event of that type, 0 to 14, or [`OFFSET_UNSPECIFIED`].
    pub offset: u8,
    /// Whether the event is gone again.
    pub deasserted: bool,
    /// The system's GUID, in the order in which it is written as text.
    pub guid: [u8; 16],
    /// The trap's number. One that is sent again keeps it; it comes back in PET Acknowledge (v2.0§30.8).
    pub sequence: u16,
    /// When, in seconds of local time since [`EPOCH`]; 0 is unspecified.
    pub local_timestamp: u32,
    /// Minutes that local time is ahead of UTC, -720 to 840; -1 cannot be told from `None`.
    ///
    /// FreeIPMI adds them to `local_timestamp`; with 0 every reader shows the same time.
    pub utc_offset: Option<i16>,
    /// What kind of thing sent the trap, [`SOURCE_IPMI`].
    pub trap_source: u8,
    /// What kind of thing the event came from.
    pub event_source: u8,
    /// How bad it is, coded as in an event filter (v2.0 table 17-2): one bit of 01h (monitor) to 20h (non-recoverable), or 0.
    pub severity: u8,
    /// The slave address of the sensor's controller.
    pub sensor_device: u8,
    /// The sensor's number; 0 and FFh are unspecified.
    pub sensor: u8,
    /// The entity ID of what is monitored, 0 where it is not known.
    pub entity: u8,
    /// The entity's instance.
    pub entity_instance: u8,
    /// The event's data bytes, three from an IPMI event; zeros follow.
    pub event_data: [u8; 8],
    /// The language of text in custom fields, coded as in FRU information; 19h is English.
    pub language: u8,
    /// The manufacturer's enterprise number.
    pub manufacturer: u32,
    /// The manufacturer's number of the product.
    pub system: u16,
}

impl PlatformEventTrap {
    /// The number of the specific trap, for the SNMP message.
    pub fn specific_trap(&self) -> u32 {
        let deasserted = if self.deasserted { DEASSERTED } else { 0 };
        u32::from_be_bytes([0, self.sensor_type, self.event_type, deasserted | self.offset & 0x0F])
    }

    /// The octets of the trap's variable, with `text` as its custom field; the first 62 bytes of it have room.
    pub fn variable_bindings(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(47 + MAX_CUSTOM);
        out.extend(self.guid);
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.local_timestamp.to_be_bytes());
        out.extend(self.utc_offset.unwrap_or(UTC_OFFSET_UNSPECIFIED).to_be_bytes());
        out.extend([self.trap_source, self.event_source, self.severity, self.sensor_device]);
        out.extend([self.sensor, self.entity, self.entity_instance]);
        out.extend(self.event_data);
        out.push(self.language);
        out.extend(self.manufacturer.to_be_bytes());
        out.extend(self.system.to_be_bytes());
        out.extend(custom_field(text));
        out.push(END_OF_FIELDS);
        out
    }

    /// Reads a trap from its number and the octets of its variable. Custom fields are a vendor's, and are passed over.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Length`] where there is more than a trap can have; [`FrameError::Format`] for a
    /// specific trap with bits that PET does not use.
    pub fn parse(specific_trap: u32, variable_bindings: &[u8]) -> Result<Self, FrameError> {
        let [0, sensor_type, event_type, event] = specific_trap.to_be_bytes() else {
            return Err(FrameError::Format);
        };
        if event & 0x70 != 0 {
            return Err(FrameError::Format);
        }
        let mut rest = variable_bindings;
        let guid = array(&mut rest)?;
        let sequence = u16::from_be_bytes(array(&mut rest)?);
        let local_timestamp = u32::from_be_bytes(array(&mut rest)?);
        let utc_offset = i16::from_be_bytes(array(&mut rest)?);
        let [trap_source, event_source, severity, sensor_device] = array(&mut rest)?;
        let [sensor, entity, entity_instance] = array(&mut rest)?;
        let event_data = array(&mut rest)?;
        let [language] = array(&mut rest)?;
        let manufacturer = u32::from_be_bytes(array(&mut rest)?);
        let system = u16::from_be_bytes(array(&mut rest)?);
        let custom_fields = 1..=MAX_CUSTOM;
        if !custom_fields.contains(&rest.len()) {
            return Err(if rest.is_empty() { FrameError::Truncated } else { FrameError::Length });
        }
        Ok(Self {
            sensor_type,
            event_type,
            offset: event & 0x0F,
            deasserted: event & DEASSERTED != 0,
            guid,
            sequence,
            local_timestamp,
            utc_offset: (utc_offset != UTC_OFFSET_UNSPECIFIED).then_some(utc_offset),
            trap_source,
            event_source,
            severity,
            sensor_device,
            sensor,
            entity,
            entity_instance,
            event_data,
            language,
            manufacturer,
            system,
        })
    }

    /// The message that brings this trap to a manager with the octets of its variable; the rest are the fields of [`SnmpTrap`].
    pub fn message(
        &self,
        variable_bindings: Vec<u8>,
        community: &[u8],
        agent: [u8; 4],
        uptime: u32,
    ) -> SnmpTrap {
        SnmpTrap {
            community: community.to_vec(),
            agent,
            specific_trap: self.specific_trap(),
            uptime,
            variable_bindings,
        }
    }
}

/// Text as a FRU field with its type and length; nothing where there is none. A single byte gets another one: its type and length would
/// be those of the end.
fn custom_field(text: &str) -> Vec<u8> {
    const TEXT: u8 = 0xC0;
    if text.is_empty() {
        return Vec::new();
    }
    let mut field = vec![TEXT];
    field.extend(text.bytes().take(MAX_CUSTOM - 2));
    if field.len() == 2 {
        field.push(b' ');
    }
    // At most 62, which six bits hold.
    field[0] |= u8::try_from(field.len() - 1).unwrap_or(0);
    field
}

/// 1.3.6.1.4.1.3183.1.1, the enterprise of these traps: "wired for management", PET, version 1.
const ENTERPRISE: [u8; 9] = [0x2B, 6, 1, 4, 1, 0x98, 0x6F, 1, 1];
/// The name of their variable has one arc more.
const VARIABLE: u8 = 1;

/// The version field of SNMPv1.
const VERSION_1: u32 = 0;
/// Generic trap "enterpriseSpecific".
const ENTERPRISE_SPECIFIC: u32 = 6;

/// Tags of SNMP's own types (RFC 1155§3.2.3, RFC 1157§4.1.6).
const IP_ADDRESS: u8 = 0x40;
const TIME_TICKS: u8 = 0x43;
const TRAP_PDU: u8 = 0xA4;

/// An SNMPv1 message with a platform event trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpTrap {
    /// The community, as LAN parameter 16 has it.
    pub community: Vec<u8>,
    /// The BMC's IPv4 address.
    pub agent: [u8; 4],
    /// What kind of event it is.
    pub specific_trap: u32,
    /// Hundredths of a second since the BMC started.
    pub uptime: u32,
    /// The rest of the event.
    pub variable_bindings: Vec<u8>,
}

impl SnmpTrap {
    /// Appends the message to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let enterprise = ber::value(ber::OBJECT_IDENTIFIER, &[&ENTERPRISE]);
        let name = ber::value(ber::OBJECT_IDENTIFIER, &[&ENTERPRISE, &[VARIABLE]]);
        let octets = ber::value(ber::OCTET_STRING, &[&self.variable_bindings]);
        let variables = ber::value(ber::SEQUENCE, &[&ber::value(ber::SEQUENCE, &[&name, &octets])]);
        let agent = ber::value(IP_ADDRESS, &[&self.agent]);
        let generic = ber::unsigned(ber::INTEGER, ENTERPRISE_SPECIFIC);
        let specific = ber::unsigned(ber::INTEGER, self.specific_trap);
        let uptime = ber::unsigned(TIME_TICKS, self.uptime);
        let pdu = ber::value(TRAP_PDU, &[&enterprise, &agent, &generic, &specific, &uptime, &variables]);
        let version = ber::unsigned(ber::INTEGER, VERSION_1);
        let community = ber::value(ber::OCTET_STRING, &[&self.community]);
        out.extend(ber::value(ber::SEQUENCE, &[&version, &community, &pdu]));
    }

    /// Reads a message: only of the form that [`SnmpTrap::emit`] writes.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Length`] where lengths disagree; [`FrameError::Format`] for anything but an SNMPv1
    /// message with a platform event trap and its one variable.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut rest = bytes;
        let mut message = ber::contents(&mut rest, ber::SEQUENCE)?;
        ber::end(rest)?;
        expect(ber::number(&mut message, ber::INTEGER)? == VERSION_1)?;
        let community = ber::contents(&mut message, ber::OCTET_STRING)?.to_vec();
        let mut pdu = ber::contents(&mut message, TRAP_PDU)?;
        ber::end(message)?;
        expect(ber::contents(&mut pdu, ber::OBJECT_IDENTIFIER)? == ENTERPRISE)?;
        let agent = ber::contents(&mut pdu, IP_ADDRESS)?;
        let agent = agent.try_into().map_err(|_| FrameError::Format)?;
        expect(ber::number(&mut pdu, ber::INTEGER)? == ENTERPRISE_SPECIFIC)?;
        let specific_trap = ber::number(&mut pdu, ber::INTEGER)?;
        let uptime = ber::number(&mut pdu, TIME_TICKS)?;
        let mut variables = ber::contents(&mut pdu, ber::SEQUENCE)?;
        ber::end(pdu)?;
        let mut variable = ber::contents(&mut variables, ber::SEQUENCE)?;
        ber::end(variables)?;
        let name = ber::contents(&mut variable, ber::OBJECT_IDENTIFIER)?;
        expect(name.split_last() == Some((&VARIABLE, ENTERPRISE.as_slice())))?;
        let variable_bindings = ber::contents(&mut variable, ber::OCTET_STRING)?.to_vec();
        ber::end(variable)?;
        Ok(Self { community, agent, specific_trap, uptime, variable_bindings })
    }
}

/// What another kind of message would have otherwise.
fn expect(holds: bool) -> Result<(), FrameError> {
    if holds { Ok(()) } else { Err(FrameError::Format) }
}

#[cfg(test)]
mod tests;
