//! The two GUIDs: generated once, then the same for good.

use anyhow::Context as _;
use ipmi_wire::command::app::Guid;
use serde::{Deserialize, Serialize};

/// The GUIDs as text, in `guids.json` of the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    system: String,
    device: String,
}

/// What the controller and the system are called for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guids {
    /// The managed system's, where the board has none of its own (`Common.UUID`).
    pub system: Guid,
    /// The controller's.
    pub device: Guid,
}

impl Guids {
    /// Those in the state directory; at the very first start, new random ones.
    ///
    /// # Errors
    /// Where the state cannot be read or written, or the kernel has no random UUID.
    pub fn load(context: &bmc_daemon::Context) -> anyhow::Result<Self> {
        let file = context.state_file::<Stored>("guids.json")?;
        let stored = match file.load()? {
            Some(stored) => stored,
            None => {
                let stored = Stored { system: random()?, device: random()? };
                file.store(&stored)?;
                stored
            }
        };
        let read = |text: &str| {
            parse(text).with_context(|| format!("{}: `{text}` is no UUID", file.path().display()))
        };
        Ok(Self { system: read(&stored.system)?, device: read(&stored.device)? })
    }
}

/// A version 4 UUID from the kernel.
fn random() -> anyhow::Result<String> {
    const KERNEL: &str = "/proc/sys/kernel/random/uuid";
    let text = std::fs::read_to_string(KERNEL).with_context(|| format!("cannot read {KERNEL}"))?;
    Ok(text.trim().to_owned())
}

/// Reads 32 hexadecimal digits, hyphens between them or not.
pub(crate) fn parse(text: &str) -> Option<Guid> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    // from_str_radix would take a sign as well.
    let well_formed = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u128::from_str_radix(&digits, 16).ok().filter(|_| well_formed)?;
    Some(Guid::from_network_order(value.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_becomes_a_guid_with_its_last_byte_first() {
        let guid = parse("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(
            guid.0,
            [0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0]
        );
        assert_eq!(parse("+0112233445566778899aabbccddeeff"), None);
        assert_eq!(parse("0011"), None);
    }
}
