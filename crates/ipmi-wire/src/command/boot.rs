//! System boot options (v2.0§28.12, §28.13).
//!
//! The commands carry a parameter's bytes as they are; what the bytes of each parameter are is here too, for whoever keeps them.

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::Operator,
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set System Boot Options (v2.0§28.12).
    SetSystemBootOptions = CHASSIS 0x08 "Set System Boot Options", AtLeast(Operator), BootOption => ()
}

command! {
    /// Get System Boot Options (v2.0§28.13).
    GetSystemBootOptions = CHASSIS 0x09 "Get System Boot Options", AtLeast(Operator),
    BootOptionSelector => BootOptionData
}

/// The parameter is not supported.
pub const NOT_SUPPORTED: CompletionCode = CompletionCode(0x80);
/// An attempt to begin a change while another is in progress.
pub const SET_IN_PROGRESS: CompletionCode = CompletionCode(0x81);

/// Version of the parameters (v2.0§28.13).
const VERSION: u8 = 1;

/// Parameter selectors (v2.0 table 28-14).
pub mod parameter {
    /// Set in progress.
    pub const SET_IN_PROGRESS: u8 = 0;
    /// Service partition selector.
    pub const SERVICE_PARTITION_SELECTOR: u8 = 1;
    /// Service partition scan.
    pub const SERVICE_PARTITION_SCAN: u8 = 2;
    /// What does not clear the boot flags.
    pub const FLAG_VALID_CLEARING: u8 = 3;
    /// Boot info acknowledge.
    pub const INFO_ACKNOWLEDGE: u8 = 4;
    /// Boot flags.
    pub const FLAGS: u8 = 5;
    /// Boot initiator info.
    pub const INITIATOR_INFO: u8 = 6;
    /// Boot initiator mailbox.
    pub const INITIATOR_MAILBOX: u8 = 7;
    /// The first of the vendor's.
    pub const FIRST_OEM: u8 = 96;
    /// The last of the vendor's.
    pub const LAST_OEM: u8 = 127;
}

/// Bytes of a block of the mailbox.
pub const MAILBOX_BLOCK: usize = 16;

/// A parameter that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootOption {
    /// Marks the parameter as invalid, or locked.
    pub invalid: bool,
    /// Which one.
    pub parameter: u8,
    /// Its bytes; without any, only the mark changes.
    pub data: Vec<u8>,
}

impl Encode for BootOption {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(marked(self.invalid, self.parameter));
        out.extend(&self.data);
    }
}

impl Decode for BootOption {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let first = reader.u8()?;
        Ok(Self { invalid: first & 0x80 != 0, parameter: first & 0x7F, data: reader.rest().to_vec() })
    }
}

/// A parameter that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootOptionSelector {
    /// Which one.
    pub parameter: u8,
    /// Which set of it; of the mailbox, the block.
    pub set: u8,
    /// Which block of a set; no parameter has any.
    pub block: u8,
}

impl Encode for BootOptionSelector {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.parameter & 0x7F, self.set, self.block]);
    }
}

impl Decode for BootOptionSelector {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [parameter, set, block] = reader.array()?;
        Ok(Self { parameter: parameter & 0x7F, set, block })
    }
}

/// A parameter that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootOptionData {
    /// It is marked as invalid, or locked.
    pub invalid: bool,
    /// Which one.
    pub parameter: u8,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl Encode for BootOptionData {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([VERSION, marked(self.invalid, self.parameter)]);
        out.extend(&self.data);
    }
}

impl Decode for BootOptionData {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [_version, second] = reader.array()?;
        Ok(Self { invalid: second & 0x80 != 0, parameter: second & 0x7F, data: reader.rest().to_vec() })
    }
}

const fn marked(invalid: bool, parameter: u8) -> u8 {
    (if invalid { 0x80 } else { 0 }) | parameter & 0x7F
}

/// Parameter 5: what the next boot, or each, is to be like. All five bytes are kept; the accessors name those that others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootFlags(pub [u8; 5]);

/// A bit of the first two bytes, and its setter.
macro_rules! bits {
    ($($(#[$doc:meta])* $get:ident $with:ident: $byte:literal $mask:literal;)*) => {$(
        $(#[$doc])*
        pub const fn $get(self) -> bool {
            self.0[$byte] & $mask != 0
        }
        /// The same with this bit as told.
        #[must_use]
        pub const fn $with(mut self, set: bool) -> Self {
            self.0[$byte] = if set { self.0[$byte] | $mask } else { self.0[$byte] & !$mask };
            self
        }
    )*};
}

impl BootFlags {
    bits! {
        /// The flags hold.
        is_valid with_valid: 0 0x80;
        /// For all boots, not only the next one.
        is_persistent with_persistent: 0 0x40;
        /// EFI, not legacy.
        is_efi with_efi: 0 0x20;
        /// The firmware's settings are to be cleared.
        clears_cmos with_cmos_clear: 1 0x80;
    }

    /// What to boot from: one of [`BootDevice`]'s constants, or a reserved code.
    pub const fn device(self) -> u8 {
        self.0[1] >> 2 & 0x0F
    }

    /// The same with another device.
    #[must_use]
    pub const fn with_device(mut self, device: u8) -> Self {
        self.0[1] = self.0[1] & 0xC3 | (device & 0x0F) << 2;
        self
    }
}

/// Codes of the boot device selector.
#[derive(Debug)]
pub struct BootDevice;

impl BootDevice {
    /// As the firmware is set up.
    pub const NO_OVERRIDE: u8 = 0x0;
    /// The network.
    pub const PXE: u8 = 0x1;
    /// The first disk.
    pub const DISK: u8 = 0x2;
    /// The first disk, safe mode.
    pub const DISK_SAFE: u8 = 0x3;
    /// The diagnostic partition.
    pub const DIAGNOSTIC: u8 = 0x4;
    /// CD or DVD.
    pub const CD: u8 = 0x5;
    /// The firmware's setup.
    pub const SETUP: u8 = 0x6;
    /// Floppy or first removable medium.
    pub const REMOVABLE: u8 = 0xF;
}

/// Bits of parameter 3: what does not clear the "valid" of the boot flags.
#[derive(Debug)]
pub struct KeepValid;

impl KeepValid {
    /// A power-up by the button, or a wake event.
    pub const POWER_BUTTON: u8 = 0x01;
    /// The reset button, or the host's own restart.
    pub const RESET_BUTTON: u8 = 0x02;
    /// The watchdog.
    pub const WATCHDOG: u8 = 0x04;
    /// Sixty seconds without a Chassis Control.
    pub const TIMEOUT: u8 = 0x08;
    /// Platform event filtering.
    pub const PEF: u8 = 0x10;
    /// All of them.
    pub const ALL: u8 = 0x1F;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persistent_efi_boot_from_the_network_has_these_bytes() {
        let flags = BootFlags::default().with_valid(true).with_persistent(true).with_efi(true);
        let flags = flags.with_device(BootDevice::PXE);
        assert_eq!(flags.0, [0xE0, 0x04, 0, 0, 0]);
        let option = BootOption { invalid: false, parameter: parameter::FLAGS, data: flags.0.to_vec() };
        assert_eq!(option.to_bytes(), [0x05, 0xE0, 0x04, 0, 0, 0]);
        let data = BootOptionData { invalid: true, parameter: parameter::FLAGS, data: flags.0.to_vec() };
        assert_eq!(data.to_bytes(), [0x01, 0x85, 0xE0, 0x04, 0, 0, 0]);
    }

    #[test]
    fn a_device_leaves_the_other_bits_of_its_byte_alone() {
        let flags = BootFlags([0, 0xFF, 0, 0, 0]).with_device(BootDevice::CD);
        assert_eq!((flags.0[1], flags.device()), (0xD7, BootDevice::CD));
        assert!(flags.clears_cmos() && !flags.with_cmos_clear(false).clears_cmos());
    }

    #[test]
    fn a_request_without_selectors_is_too_short() {
        let short = BootOptionSelector::from_bytes(&[5, 0]);
        assert_eq!(short, Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    }

    reads_back! {
        an_option_reads_back: BootOption;
        a_selector_reads_back: BootOptionSelector;
        data_reads_back: BootOptionData;
    }
}
