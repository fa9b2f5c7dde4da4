//! Hardware addresses of clients, from the kernel's table of IPv4 neighbours.
//!
//! Its IPv6 neighbours stand in no file: those addresses stay unknown.

use std::net::{IpAddr, Ipv4Addr};

const TABLE: &str = "/proc/net/arp";

/// Bit of the flags of an entry that is resolved (`ATF_COM` of `net/if_arp.h`).
const COMPLETE: u32 = 0x02;

/// What stands for an address that is not known.
pub(crate) const UNKNOWN: [u8; 6] = [0; 6];

/// The table at one instant.
#[derive(Debug, Default)]
pub(crate) struct Neighbors(String);

impl Neighbors {
    /// Reads the kernel's; an empty one where it has none.
    pub(crate) fn read() -> Self {
        Self(std::fs::read_to_string(TABLE).unwrap_or_default())
    }

    /// The hardware address of `address`; [`UNKNOWN`] where it is no direct neighbour, is IPv6, or is this machine.
    pub(crate) fn mac(&self, address: IpAddr) -> [u8; 6] {
        let IpAddr::V4(address) = address.to_canonical() else { return UNKNOWN };
        self.0.lines().find_map(|line| entry(line, address)).unwrap_or(UNKNOWN)
    }
}

/// Reads `IP address, HW type, flags, HW address, mask, device`; `None` where it is another's, or not resolved.
fn entry(line: &str, wanted: Ipv4Addr) -> Option<[u8; 6]> {
    let mut columns = line.split_ascii_whitespace();
    let address: Ipv4Addr = columns.next()?.parse().ok()?;
    let flags = u32::from_str_radix(columns.nth(1)?.strip_prefix("0x")?, 16).ok()?;
    if address != wanted || flags & COMPLETE == 0 {
        return None;
    }
    let mut pairs = columns.next()?.split(':').map(|pair| u8::from_str_radix(pair, 16).ok());
    let mut mac = UNKNOWN;
    for byte in &mut mac {
        *byte = pairs.next()??;
    }
    pairs.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARP: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0
192.0.2.7        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.8        0x1         0x6         52:54:00:AB:cd:ef     *        eth1
192.0.2.9        0x20        0x2         80:00:00:48:fe:80:00:00:00:00:00:00     *        ib0
192.0.2.10       0x1
";

    #[test]
    fn a_resolved_neighbour_has_its_address_and_everybody_else_zeros() {
        let table = Neighbors(ARP.to_owned());
        let mac = |address: &str| table.mac(address.parse().unwrap());
        assert_eq!(mac("192.0.2.1"), [0x02, 0xFC, 0, 0, 0, 5]);
        assert_eq!(mac("::ffff:192.0.2.8"), [0x52, 0x54, 0, 0xAB, 0xCD, 0xEF]);
        for unknown in ["192.0.2.7", "192.0.2.9", "192.0.2.10", "192.0.2.11", "127.0.0.1", "::1"] {
            assert_eq!(mac(unknown), UNKNOWN, "{unknown}");
        }
    }

    #[test]
    fn no_table_is_an_empty_one() {
        assert_eq!(Neighbors::default().mac(Ipv4Addr::LOCALHOST.into()), UNKNOWN);
    }
}
