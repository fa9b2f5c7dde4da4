//! Fetching a channel's number from its chip.

use bmc_hw::i2c::{I2c, I2cError};

use super::{
    Channel, ChipError, Location, Measure,
    pmbus::{self, Format, PAGE, VOUT_MODE, packet_error_code},
    temperature::{self, Flag, decode_pair},
};

/// A chip that can be talked to.
struct Chip<'a> {
    i2c: &'a dyn I2c,
    at: Location,
}

impl Channel {
    /// The number now, in hwmon's unit. Blocks for as long as the bus does.
    pub(crate) fn read(&self, i2c: &dyn I2c) -> Result<i64, ChipError> {
        let chip = Chip { i2c, at: self.location };
        match &self.measure {
            Measure::Temperature(channel) => chip.temperature(*channel),
            Measure::Pmbus(channel) => chip.pmbus(channel),
        }
    }
}

impl Chip<'_> {
    fn temperature(&self, channel: temperature::Channel) -> Result<i64, ChipError> {
        match channel {
            temperature::Channel::Word { register, layout } => {
                Ok(layout.decode(u16::from_be_bytes(self.read(register)?)))
            }
            temperature::Channel::Pair { high, low, extended, fault } => {
                let ([high], [low]) = (self.read(high)?, self.read(low)?);
                if let Some(fault) = fault
                    && self.is_set(fault)?
                {
                    return Err(ChipError::Diode(self.at));
                }
                Ok(decode_pair(high, low, self.is_set(extended)?))
            }
        }
    }

    fn is_set(&self, flag: Flag) -> Result<bool, ChipError> {
        let [byte] = self.read(flag.register)?;
        Ok(byte & flag.mask != 0)
    }

    fn pmbus(&self, channel: &pmbus::Channel) -> Result<i64, ChipError> {
        if let Some(page) = channel.page {
            // Each time: a device that was reset is on page 0 again.
            self.select(page, channel.pec)?;
        }
        let word = u16::from_le_bytes(self.answer(channel.command, channel.pec)?);
        let value = match channel.format {
            Format::Linear11 => pmbus::linear11(word),
            Format::Direct(coefficients) => coefficients.value(word),
            Format::Vout => {
                let [mode] = self.answer(VOUT_MODE, channel.pec)?;
                pmbus::linear16(word, mode).ok_or(ChipError::VoutMode(self.at, mode))?
            }
        };
        Ok(whole(value * channel.per_unit))
    }

    fn select(&self, page: u8, pec: bool) -> Result<(), ChipError> {
        let packet = [self.at.address << 1, PAGE, page];
        let code = packet_error_code(&packet);
        let written = if pec { &[PAGE, page, code][..] } else { &[PAGE, page][..] };
        self.transfer(written, 0).map(drop)
    }

    /// What a PMBus command answers, with its packet error code checked where there is one.
    fn answer<const N: usize>(&self, command: u8, pec: bool) -> Result<[u8; N], ChipError> {
        if !pec {
            return self.read(command);
        }
        let count = u8::try_from(N + 1).unwrap_or(u8::MAX);
        let bytes = self.transfer(&[command], count)?;
        let header = [self.at.address << 1, command, self.at.address << 1 | 1];
        // Over a packet and its own code the sum is 0.
        if packet_error_code(header.iter().chain(&bytes)) != 0 {
            return Err(ChipError::Disturbed(self.at));
        }
        self.first(&bytes)
    }

    fn read<const N: usize>(&self, register: u8) -> Result<[u8; N], ChipError> {
        let bytes = self.transfer(&[register], u8::try_from(N).unwrap_or(u8::MAX))?;
        self.first(&bytes)
    }

    fn first<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], ChipError> {
        let short = || ChipError::Transfer(self.at, I2cError::NoAcknowledge);
        bytes.first_chunk().copied().ok_or_else(short)
    }

    fn transfer(&self, write: &[u8], count: u8) -> Result<Vec<u8>, ChipError> {
        let done = self.i2c.transfer(&self.at.device(), self.at.address, write, count);
        done.map_err(|error| match error {
            I2cError::Held => ChipError::Held(self.at),
            error => ChipError::Transfer(self.at, error),
        })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 becomes its end, and no device measures so much"
)]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
