//! One entry of the alert policy table (v2.0 table 17-4).

use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
};

/// Whether an alert is sent to a destination, after what became of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SendWhen {
    /// Always.
    #[default]
    Always,
    /// If the one before did not arrive; else the next entry is looked at.
    NotYetThenGoOn,
    /// If the one before did not arrive; else this was all.
    NotYetThenStop,
    /// If the one before did not arrive; else the next entry that is of another channel is looked at.
    NotYetThenOtherChannel,
    /// If the one before did not arrive; else the next entry whose destination is of another type is looked at.
    NotYetThenOtherType,
}

/// The values in the order of their codes.
const POLICIES: [SendWhen; 5] = [
    SendWhen::Always,
    SendWhen::NotYetThenGoOn,
    SendWhen::NotYetThenStop,
    SendWhen::NotYetThenOtherChannel,
    SendWhen::NotYetThenOtherType,
];

/// Where alerts of one policy go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertPolicy {
    /// The policy that it is part of, 0 to 15. Entries of one policy are followed in the order of the table.
    pub policy: u8,
    /// Whether it is in use.
    pub enabled: bool,
    /// When it is followed.
    pub when: SendWhen,
    /// The channel.
    pub channel: u8,
    /// The channel's destination, 0 to 15.
    pub destination: u8,
    /// The alert string is looked up by the event's filter and this set; else this is the string.
    pub string_by_event: bool,
    /// The string, or the set, 0 to 127; string 0 is none.
    pub string: u8,
}

impl Encode for AlertPolicy {
    fn encode(&self, out: &mut Vec<u8>) {
        let enabled = u8::from(self.enabled) << 3;
        out.push(self.policy << 4 | enabled | self.when as u8);
        out.push(self.channel << 4 | self.destination & 0x0F);
        out.push(u8::from(self.string_by_event) << 7 | self.string & 0x7F);
    }
}

impl Decode for AlertPolicy {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [policy, place, string] = reader.array()?;
        let when = POLICIES.get(usize::from(policy & 0x07)).copied();
        Ok(Self {
            policy: policy >> 4,
            enabled: policy & 0x08 != 0,
            when: when.ok_or(CompletionCode::INVALID_DATA_FIELD)?,
            channel: place >> 4,
            destination: place & 0x0F,
            string_by_event: string & 0x80 != 0,
            string: string & 0x7F,
        })
    }
}
