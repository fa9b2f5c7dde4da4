//! The board's EEPROMs: one behind the kernel's at24 driver, one that ipmid drives itself.

use system_tests::eventually;

use crate::board::Board;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn what_the_eeprom_holds_is_what_fru_print_shows_and_a_field_that_is_edited_is_on_the_chip() {
    let board = Board::get();
    let client = board.ipmitool();
    // The chip is ipmid's when udev has come to it.
    eventually("the device to be there", || client.ok("fru print 0").stdout.contains("Board Mfg"));
    let fru = client.ok("fru print 0");
    assert_eq!(fru.field("Board Mfg"), "Ferrite");
    assert_eq!(fru.field("Board Product"), "AST2600 Board");
    assert_eq!(fru.field("Product Part Number"), "EM-2600");

    for serial in ["SRV2601", "SRV2600"] {
        eventually("the field to be changed", || {
            client.ok(&format!("fru edit 0 field p 4 {serial}"));
            client.ok("fru print 0").field("Product Serial") == serial
        });
        board.shell().ok(&format!("grep -q {serial} /sys/bus/i2c/devices/4-0050/eeprom"));
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn an_eeprom_without_a_driver_is_read_edited_and_still_says_so_when_ipmid_starts_anew() {
    let board = Board::get();
    let client = board.ipmitool();
    eventually("the chip to answer", || client.ok("fru print 1").stdout.contains("Board Mfg"));
    let fru = client.ok("fru print 1");
    assert_eq!(fru.field("Board Product"), "Riser");
    assert_eq!(fru.field("Board Part Number"), "PR-2600");
    assert!(!board.shell().ok("ls /sys/bus/i2c/devices").stdout.contains("3-0054"), "a driver has it");

    let serial = || client.ok("fru print 1").field("Board Serial");
    for new in ["RSR2601", "RSR2600"] {
        eventually("the field to be changed", || {
            client.ok(&format!("fru edit 1 field b 2 {new}"));
            serial() == new
        });
        // Whatever ipmid keeps of it goes: what it says next comes from the chip.
        board.shell().ok("systemctl restart ipmid");
        eventually("ipmid to read the chip again", || {
            let fru = client.run("fru print 1");
            fru.success && fru.stdout.contains("Board Serial")
        });
        assert_eq!(serial(), new);
    }
}
