//! System Info Parameters: what the host says of its firmware and operating system (v2.0§22.14a, §22.14b, table 22-16c).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Administrator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set System Info Parameters (v2.0§22.14a).
    SetSystemInfoParameters = APP 0x58 "Set System Info Parameters", AtLeast(Administrator), SystemInfoChange => ()
}

command! {
    /// Get System Info Parameters (v2.0§22.14b).
    GetSystemInfoParameters = APP 0x59 "Get System Info Parameters", AtLeast(User),
    SystemInfoQuery => SystemInfoParameter
}

/// Set in progress.
pub const SET_IN_PROGRESS: u8 = 0;
/// Version of the system's firmware.
pub const SYSTEM_FIRMWARE_VERSION: u8 = 1;
/// Name of the system.
pub const SYSTEM_NAME: u8 = 2;
/// Operating system that is booted for production.
pub const PRIMARY_OPERATING_SYSTEM: u8 = 3;
/// Operating system that runs now.
pub const OPERATING_SYSTEM: u8 = 4;
/// Version of the operating system that runs now.
pub const OPERATING_SYSTEM_VERSION: u8 = 5;
/// Where a browser finds the BMC.
pub const BMC_URL: u8 = 6;
/// Where a browser finds the operating system's or the hypervisor's management.
pub const HYPERVISOR_URL: u8 = 7;

/// Completion codes of these commands.
pub mod codes {
    use crate::CompletionCode;

    /// No such parameter.
    pub const PARAMETER_NOT_SUPPORTED: CompletionCode = CompletionCode(0x80);
    /// Somebody else's set is in progress.
    pub const SET_IN_PROGRESS: CompletionCode = CompletionCode(0x81);
    /// The parameter cannot be written.
    pub const READ_ONLY: CompletionCode = CompletionCode(0x82);
}

layout! {
    /// A new value of a parameter.
    SystemInfoChange {
        /// Which parameter.
        parameter: u8,
        /// Its value, or a block of it.
        data: Vec<u8>,
    }
}

/// What is asked of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemInfoQuery {
    /// Only the revision of its format is wanted.
    pub revision_only: bool,
    /// Which parameter.
    pub parameter: u8,
    /// Which block of a string, from 0.
    pub set: u8,
    /// Which block of a set; 0, as no parameter has any.
    pub block: u8,
}

impl Encode for SystemInfoQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.revision_only) << 7, self.parameter, self.set, self.block]);
    }
}

impl Decode for SystemInfoQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [how, parameter, set, block] = reader.array()?;
        Ok(Self { revision_only: how & 0x80 != 0, parameter, set, block })
    }
}

layout! {
    /// A parameter.
    SystemInfoParameter {
        /// Revision of its format, 11h.
        revision: u8,
        /// Its value, or the block that was asked for after that block's number; empty where only the revision was.
        data: Vec<u8>,
    }
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringHead {
    /// 0 ASCII and Latin 1, 1 UTF-8, 2 UTF-16.
    pub encoding: u8,
    /// Bytes of the whole string.
    pub length: u8,
}

impl StringHead {
    /// Bytes of one block.
    pub const BLOCK: usize = 16;
    /// Bytes of the string that the first block has room for.
    pub const FIRST: usize = 14;

    /// How many blocks a string of this length takes, at least one.
    pub fn blocks(self) -> usize {
        (usize::from(self.length) + 2).div_ceil(Self::BLOCK)
    }
}

impl Encode for StringHead {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.encoding & 0x0F, self.length]);
    }
}

impl Decode for StringHead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [encoding, length] = reader.array()?;
        match encoding & 0x0F {
            encoding @ 0..=2 => Ok(Self { encoding, length }),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    reads_back! {
        changes_read_back: SystemInfoChange;
        queries_read_back: SystemInfoQuery;
        parameters_read_back: SystemInfoParameter;
        string_heads_read_back: StringHead;
    }

    #[test]
    fn ipmitool_asks_for_the_first_block_of_a_name() {
        let query = SystemInfoQuery::from_bytes(&[0, 2, 0, 0]).unwrap();
        assert_eq!((query.revision_only, query.parameter, query.set), (false, SYSTEM_NAME, 0));
    }

    #[test]
    fn a_string_has_fourteen_bytes_in_its_first_block() {
        let blocks = |length| StringHead { encoding: 0, length }.blocks();
        assert_eq!([blocks(0), blocks(14), blocks(15), blocks(30), blocks(255)], [1, 1, 2, 2, 17]);
    }
}
