//! Serial over LAN configuration (v2.0§26).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Administrator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set SOL Configuration Parameters (v2.0§26.2).
    SetSolConfiguration = TRANSPORT 0x21 "Set SOL Configuration Parameters", AtLeast(Administrator),
    SolParameterChange => ()
}

command! {
    /// Get SOL Configuration Parameters (v2.0§26.3).
    GetSolConfiguration = TRANSPORT 0x22 "Get SOL Configuration Parameters", AtLeast(User),
    ParameterQuery => ParameterValue
}

pub use super::transport::{
    PARAMETER_NOT_SUPPORTED, PARAMETER_REVISION, ParameterChange as SolParameterChange, ParameterQuery,
    ParameterValue, READ_ONLY, SET_IN_PROGRESS,
};

/// Whether somebody is changing parameters, so that others keep away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody is.
    Complete,
    /// Somebody is.
    InProgress,
    /// All that was written is to take effect now.
    Commit,
}

impl Decode for Progress {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        match reader.u8()? & 0x03 {
            0b00 => Ok(Self::Complete),
            0b01 => Ok(Self::InProgress),
            0b10 => Ok(Self::Commit),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }
}

/// A bit rate of the serial port (v2.0 table 26-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitRate {
    /// What the serial channel is set to.
    Unchanged,
    /// Bits a second.
    Baud(u32),
}

/// The bit rates that have a code.
const RATES: [(u8, u32); 5] = [(6, 9600), (7, 19_200), (8, 38_400), (9, 57_600), (10, 115_200)];

impl BitRate {
    /// The rate of `baud` bits a second; [`BitRate::Unchanged`] for one that the specification has no code for.
    pub fn of(baud: u64) -> Self {
        let known = RATES.iter().find(|(_, rate)| u64::from(*rate) == baud);
        known.map_or(Self::Unchanged, |(_, rate)| Self::Baud(*rate))
    }

    fn code(self) -> u8 {
        let Self::Baud(baud) = self else { return 0 };
        RATES.iter().find(|(_, rate)| *rate == baud).map_or(0, |(code, _)| *code)
    }

    fn from_code(code: u8) -> Result<Self, CompletionCode> {
        if code == 0 {
            return Ok(Self::Unchanged);
        }
        let known = RATES.iter().find(|(known, _)| *known == code);
        known.map(|(_, rate)| Self::Baud(*rate)).ok_or(CompletionCode::INVALID_DATA_FIELD)
    }
}

/// Serial over LAN parameters (v2.0 table 26-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SolParameter {
    /// 0: whether a change is going on. Volatile.
    SetInProgress(Progress),
    /// 1: whether Serial over LAN can be activated.
    Enable(bool),
    /// 2: who may activate it and how it is protected.
    Authentication {
        /// Whether its packets must be encrypted.
        force_encryption: bool,
        /// Whether they must be authenticated.
        force_authentication: bool,
        /// The privilege that it takes, 2 (User) to 5 (OEM).
        privilege: u8,
    },
    /// 3: when characters from the host are sent.
    Accumulate {
        /// Steps of 5 ms to wait for more of them, from 1.
        interval: u8,
        /// How many are sent at once without waiting, from 1.
        threshold: u8,
    },
    /// 4: when a packet that is not acknowledged is sent again.
    Retry {
        /// How often at most, 0 to 7.
        count: u8,
        /// Steps of 10 ms between.
        interval: u8,
    },
    /// 5: the bit rate from the next start on.
    NonVolatileBitRate(BitRate),
    /// 6: the bit rate until then. Volatile.
    VolatileBitRate(BitRate),
    /// 7: the channel whose port Serial over LAN uses. Read only.
    PayloadChannel(u8),
    /// 8: that UDP port. Read only here.
    PayloadPort(u16),
}

impl SolParameter {
    /// Every number that there is.
    pub const NUMBERS: std::ops::RangeInclusive<u8> = 0..=8;

    /// The parameter's number.
    pub fn number(&self) -> u8 {
        match self {
            Self::SetInProgress(_) => 0,
            Self::Enable(_) => 1,
            Self::Authentication { .. } => 2,
            Self::Accumulate { .. } => 3,
            Self::Retry { .. } => 4,
            Self::NonVolatileBitRate(_) => 5,
            Self::VolatileBitRate(_) => 6,
            Self::PayloadChannel(_) => 7,
            Self::PayloadPort(_) => 8,
        }
    }

    /// Reads the value of parameter `number`.
    ///
    /// # Errors
    /// [`PARAMETER_NOT_SUPPORTED`] for a number that does not exist, [`CompletionCode::INVALID_DATA_FIELD`] for a value that the
    /// specification reserves, else as [`Decode::decode`].
    pub fn read(number: u8, data: &[u8]) -> Result<Self, CompletionCode> {
        let mut reader = Reader::new(data);
        let value = Self::decode(number, &mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    fn decode(number: u8, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match number {
            0 => Self::SetInProgress(Progress::decode(reader)?),
            1 => Self::Enable(reader.u8()? & 0x01 != 0),
            2 => authentication(reader.u8()?)?,
            3 => {
                let [interval, threshold] = nonzero(reader.array()?)?;
                Self::Accumulate { interval, threshold }
            }
            4 => {
                let [count, interval] = reader.array()?;
                Self::Retry { count: count & 0x07, interval }
            }
            5 => Self::NonVolatileBitRate(BitRate::from_code(reader.u8()? & 0x0F)?),
            6 => Self::VolatileBitRate(BitRate::from_code(reader.u8()? & 0x0F)?),
            7 => Self::PayloadChannel(reader.u8()? & 0x0F),
            8 => Self::PayloadPort(reader.u16()?),
            _ => return Err(PARAMETER_NOT_SUPPORTED),
        })
    }
}

/// The lowest and the highest privilege that Serial over LAN can ask for.
const PRIVILEGES: std::ops::RangeInclusive<u8> = 2..=5;

fn authentication(byte: u8) -> Result<SolParameter, CompletionCode> {
    let privilege = byte & 0x0F;
    if !PRIVILEGES.contains(&privilege) {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    Ok(SolParameter::Authentication {
        force_encryption: byte & 0x80 != 0,
        force_authentication: byte & 0x40 != 0,
        privilege,
    })
}

/// Both count from 1.
fn nonzero(bytes: [u8; 2]) -> Result<[u8; 2], CompletionCode> {
    if bytes.contains(&0) { Err(CompletionCode::INVALID_DATA_FIELD) } else { Ok(bytes) }
}

impl Encode for SolParameter {
    fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::SetInProgress(progress) => out.push(progress as u8),
            Self::Enable(enable) => out.push(enable.into()),
            Self::Authentication { force_encryption, force_authentication, privilege } => out.push(
                u8::from(force_encryption) << 7 | u8::from(force_authentication) << 6 | privilege & 0x0F,
            ),
            Self::Accumulate { interval, threshold } => out.extend([interval, threshold]),
            Self::Retry { count, interval } => out.extend([count & 0x07, interval]),
            Self::NonVolatileBitRate(rate) | Self::VolatileBitRate(rate) => out.push(rate.code()),
            Self::PayloadChannel(channel) => out.push(channel & 0x0F),
            Self::PayloadPort(port) => out.extend(port.to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
