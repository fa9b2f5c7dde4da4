//! A client on the board's Ethernet port.

use crate::board::Board;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn device_power_and_log_are_told_over_the_lan() {
    let client = Board::get().ipmitool();
    let info = client.ok("mc info");
    assert_eq!(info.field("IPMI Version"), "2.0");
    assert_eq!(info.field("Device Available"), "yes");
    assert_eq!(info.field("Firmware Revision").split('.').next(), Some("0"));
    assert!(["on", "off"].contains(&client.ok("chassis status").field("System Power").as_str()));
    assert_eq!(client.ok("sel info").field("Version"), "1.5 (v1.5, v2 compliant)");
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn the_boards_own_address_is_what_lan_print_shows() {
    let text = Board::get().ipmitool().ok("lan print 1").stdout;
    // QEMU's user network hands this out over DHCP.
    assert!(text.contains("10.0.2.15"), "{text}");
    assert!(text.contains("DHCP Address"), "{text}");
}
