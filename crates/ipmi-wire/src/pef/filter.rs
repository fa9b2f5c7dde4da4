//! One entry of the event filter table (v2.0 table 17-2).

use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
    record::sel::SystemEvent,
};

/// "Whatever it is", in the fields of a filter that hold one value.
const ANY: u8 = 0xFF;

/// How one event data byte is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataFilter {
    /// Bits that are looked at; the others count as 0.
    pub mask: u8,
    /// Bits that must be as in `value`. Of those that are not set here one that is as in `value` is enough.
    pub exact: u8,
    /// What it is compared with.
    pub value: u8,
}

impl DataFilter {
    /// Whether the byte is one that is looked for.
    #[must_use]
    pub fn matches(&self, data: u8) -> bool {
        let same = !(data & self.mask ^ self.value);
        same & self.exact == self.exact && (self.exact == 0xFF || same & !self.exact != 0)
    }
}

/// Which events lead to which actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFilter {
    /// Whether it is in use.
    pub enabled: bool,
    /// Set by the vendor, to be changed by nobody but them; else by software.
    pub preconfigured: bool,
    /// Bits as in [`super::action`]; bit 6 is a group control operation.
    pub actions: u8,
    /// The alert policies that tell of it, 0 to 15.
    pub policy: u8,
    /// The group control table's entry, 0 to 7.
    pub group: u8,
    /// The event's severity, for alerts: 00h unspecified, 01h monitor, 02h information, 04h OK, 08h non-critical, 10h critical, 20h
    /// non-recoverable.
    pub severity: u8,
    /// Slave address or software ID, then channel and LUN; FFh is any.
    pub generator: [u8; 2],
    /// Type of the sensor; FFh is any.
    pub sensor_type: u8,
    /// Number of the sensor; FFh is any.
    pub sensor: u8,
    /// Event direction and type as a record has them; FFh is any.
    pub trigger: u8,
    /// Offsets (event data 1, low four bits), one bit each.
    pub offsets: u16,
    /// Event data 1 to 3.
    pub data: [DataFilter; 3],
}

impl Default for EventFilter {
    /// One that is not in use.
    fn default() -> Self {
        Self {
            enabled: false,
            preconfigured: false,
            actions: 0,
            policy: 0,
            group: 0,
            severity: 0,
            generator: [ANY; 2],
            sensor_type: ANY,
            sensor: ANY,
            trigger: ANY,
            offsets: 0xFFFF,
            data: [DataFilter::default(); 3],
        }
    }
}

impl EventFilter {
    /// Whether the event is one that is looked for, were the filter in use or not.
    #[must_use]
    pub fn matches(&self, event: &SystemEvent) -> bool {
        let direction = u8::from(event.deasserted) << 7 | event.event_type & 0x7F;
        let fields = [
            (self.generator[0], event.generator[0]),
            (self.generator[1], event.generator[1]),
            (self.sensor_type, event.sensor_type),
            (self.sensor, event.sensor),
            (self.trigger, direction),
        ];
        fields.iter().all(|(wanted, found)| *wanted == ANY || wanted == found)
            && self.offsets & 1 << (event.data[0] & 0x0F) != 0
            && self.data.iter().zip(event.data).all(|(filter, byte)| filter.matches(byte))
    }

    /// Takes over byte 1 of an entry alone, which is parameter 7.
    pub fn set_configuration(&mut self, byte: u8) {
        self.enabled = byte & ENABLED != 0;
        self.preconfigured = byte & TYPE == PRECONFIGURED;
    }

    /// Byte 1 of the entry.
    #[must_use]
    pub fn configuration(&self) -> u8 {
        (if self.enabled { ENABLED } else { 0 }) | if self.preconfigured { PRECONFIGURED } else { 0 }
    }
}

const ENABLED: u8 = 0x80;
const TYPE: u8 = 0x60;
const PRECONFIGURED: u8 = 0x40;

impl Encode for EventFilter {
    fn encode(&self, out: &mut Vec<u8>) {
        let policy = self.group << 4 & 0x70 | self.policy & 0x0F;
        out.extend([self.configuration(), self.actions & 0x7F, policy, self.severity]);
        out.extend(self.generator);
        out.extend([self.sensor_type, self.sensor, self.trigger]);
        out.extend(self.offsets.to_le_bytes());
        for data in self.data {
            out.extend([data.mask, data.exact, data.value]);
        }
    }
}

impl Decode for EventFilter {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [configuration, actions, policy, severity] = reader.array()?;
        let generator = reader.array()?;
        let [sensor_type, sensor, trigger] = reader.array()?;
        let offsets = reader.u16()?;
        let mut data = [DataFilter::default(); 3];
        for filter in &mut data {
            let [mask, exact, value] = reader.array()?;
            *filter = DataFilter { mask, exact, value };
        }
        let mut filter = Self {
            enabled: false,
            preconfigured: false,
            actions: actions & 0x7F,
            policy: policy & 0x0F,
            group: policy >> 4 & 0x07,
            severity,
            generator,
            sensor_type,
            sensor,
            trigger,
            offsets,
            data,
        };
        filter.set_configuration(configuration);
        Ok(filter)
    }
}
