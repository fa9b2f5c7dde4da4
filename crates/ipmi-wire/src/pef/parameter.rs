//! PEF configuration parameters (v2.0 table 30-6).

use super::{AlertPolicy, EventFilter};
use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
    command::{app::Guid, sol_configuration::Progress, transport::PARAMETER_NOT_SUPPORTED},
};

/// The revision that this specification gives its PEF parameters.
pub const PARAMETER_REVISION: u8 = 0x11;

/// Which alert string tells of which filter's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StringKey {
    /// The filter, from 1; 0 is none.
    pub filter: u8,
    /// The set that the string is of.
    pub set: u8,
}

/// What traps say that the system is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuidOfTraps {
    /// What Get System GUID says.
    System,
    /// Another.
    Own(Guid),
}

/// Parameters that have a value here. Startup delays (3, 4) and the group control table (14, 15) are optional and have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PefParameter {
    /// 0: whether a change is going on. Volatile.
    SetInProgress(Progress),
    /// 1: bits as in [`super::control`].
    Control(u8),
    /// 2: the actions that can be done at all, bits as in [`super::action`].
    ActionControl(u8),
    /// 5: how many event filters there are. Read only.
    FilterCount(u8),
    /// 6: an event filter, from 1.
    Filter(u8, EventFilter),
    /// 7: byte 1 of an event filter.
    FilterConfiguration(u8, u8),
    /// 8: how many alert policies there are. Read only.
    PolicyCount(u8),
    /// 9: an alert policy, from 1.
    Policy(u8, AlertPolicy),
    /// 10: what traps say that the system is called.
    SystemGuid(GuidOfTraps),
    /// 11: how many alert strings there are, beside the volatile one. Read only.
    StringCount(u8),
    /// 12: the key of an alert string; 0 is the volatile one.
    StringKey(u8, StringKey),
    /// 13: a block of 16 bytes of an alert string, from 1.
    StringBlock(u8, u8, [u8; 16]),
}

impl PefParameter {
    /// The numbers that there are.
    pub const NUMBERS: [u8; 12] = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13];
    /// Those that nobody can change.
    pub const READ_ONLY: [u8; 3] = [5, 8, 11];

    /// Reads the value of parameter `number`.
    ///
    /// # Errors
    /// [`PARAMETER_NOT_SUPPORTED`] for a number that is not known here, [`CompletionCode::INVALID_DATA_FIELD`] for a value that the
    /// specification reserves, else as [`Decode::decode`].
    pub fn read(number: u8, data: &[u8]) -> Result<Self, CompletionCode> {
        let mut reader = Reader::new(data);
        let value = Self::decode(number, &mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    fn decode(number: u8, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let selector = |reader: &mut Reader<'_>| reader.u8().map(|byte| byte & 0x7F);
        Ok(match number {
            0 => Self::SetInProgress(Progress::decode(reader)?),
            1 => Self::Control(reader.u8()? & 0x0F),
            2 => Self::ActionControl(reader.u8()? & 0x3F),
            5 => Self::FilterCount(selector(reader)?),
            6 => Self::Filter(selector(reader)?, EventFilter::decode(reader)?),
            7 => Self::FilterConfiguration(selector(reader)?, reader.u8()?),
            8 => Self::PolicyCount(selector(reader)?),
            9 => Self::Policy(selector(reader)?, AlertPolicy::decode(reader)?),
            10 => {
                let own = reader.u8()? & 0x01 != 0;
                let guid = Guid(reader.array()?);
                Self::SystemGuid(if own { GuidOfTraps::Own(guid) } else { GuidOfTraps::System })
            }
            11 => Self::StringCount(selector(reader)?),
            12 => {
                let set = selector(reader)?;
                let [filter, string] = reader.array()?;
                Self::StringKey(set, StringKey { filter: filter & 0x7F, set: string & 0x7F })
            }
            13 => {
                let set = selector(reader)?;
                Self::StringBlock(set, reader.u8()?, block(reader.rest())?)
            }
            _ => return Err(PARAMETER_NOT_SUPPORTED),
        })
    }
}

/// A string's last block may be shorter.
fn block(bytes: &[u8]) -> Result<[u8; 16], CompletionCode> {
    let mut block = [0; 16];
    let space = block.get_mut(..bytes.len()).filter(|space| !space.is_empty());
    space.ok_or(CompletionCode::REQUEST_DATA_LENGTH_INVALID)?.copy_from_slice(bytes);
    Ok(block)
}

impl Encode for PefParameter {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::SetInProgress(progress) => out.push(*progress as u8),
            Self::Control(byte)
            | Self::ActionControl(byte)
            | Self::FilterCount(byte)
            | Self::PolicyCount(byte)
            | Self::StringCount(byte) => out.push(*byte),
            Self::Filter(set, filter) => {
                out.push(*set);
                filter.encode(out);
            }
            Self::FilterConfiguration(set, byte) => out.extend([*set, *byte]),
            Self::Policy(set, policy) => {
                out.push(*set);
                policy.encode(out);
            }
            Self::SystemGuid(GuidOfTraps::System) => out.extend([0; 17]),
            Self::SystemGuid(GuidOfTraps::Own(guid)) => {
                out.push(1);
                out.extend(guid.0);
            }
            Self::StringKey(set, key) => out.extend([*set, key.filter, key.set]),
            Self::StringBlock(set, number, block) => {
                out.extend([*set, *number]);
                out.extend(block);
            }
        }
    }
}
