//! OpenBMC's words for what to boot from, beside IPMI's selector. Each has what the other cannot say, so both are kept.

use ipmi_wire::command::boot::BootDevice;
use serde::{Deserialize, Serialize};

/// An enumeration with OpenBMC's names.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) enum $name { $($(#[$variant_doc])* $variant),+ }
        impl $name {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];
            /// The last part of its name on D-Bus.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

words! {
    /// What to boot from.
    Source {
        /// As the firmware is set up.
        Default = "Default",
        /// A disk.
        Disk = "Disk",
        /// CD or DVD.
        ExternalMedia = "ExternalMedia",
        /// PXE.
        Network = "Network",
        /// Floppy or USB.
        RemovableMedia = "RemovableMedia",
        /// UEFI HTTP boot.
        Http = "HTTP",
    }
}
words! {
    /// What to boot into.
    Mode {
        /// The operating system.
        Regular = "Regular",
        /// Its safe mode.
        Safe = "Safe",
        /// The firmware's setup.
        Setup = "Setup",
    }
}

/// The selector that comes closest.
pub(super) fn device(source: Source, mode: Mode) -> u8 {
    match (mode, source) {
        (Mode::Setup, _) => BootDevice::SETUP,
        (Mode::Safe, _) => BootDevice::DISK_SAFE,
        (Mode::Regular, Source::Default) => BootDevice::NO_OVERRIDE,
        (Mode::Regular, Source::Disk) => BootDevice::DISK,
        (Mode::Regular, Source::ExternalMedia) => BootDevice::CD,
        (Mode::Regular, Source::Network | Source::Http) => BootDevice::PXE,
        (Mode::Regular, Source::RemovableMedia) => BootDevice::REMOVABLE,
    }
}

/// The words that come closest to a selector, remote media being media too.
pub(super) fn words(device: u8) -> (Source, Mode) {
    match device {
        BootDevice::PXE => (Source::Network, Mode::Regular),
        BootDevice::DISK | 0xB => (Source::Disk, Mode::Regular),
        BootDevice::DISK_SAFE => (Source::Disk, Mode::Safe),
        BootDevice::CD | 0x8 => (Source::ExternalMedia, Mode::Regular),
        BootDevice::SETUP => (Source::Default, Mode::Setup),
        BootDevice::REMOVABLE | 0x7 | 0x9 => (Source::RemovableMedia, Mode::Regular),
        _ => (Source::Default, Mode::Regular),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_that_ipmitool_sets_comes_back_from_its_words() {
        for selector in [0x0, 0x1, 0x2, 0x3, 0x5, 0x6, 0xF] {
            let (source, mode) = words(selector);
            assert_eq!(device(source, mode), selector);
        }
    }
}
