//! The board's EEPROM, behind the kernel's at24 driver.

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
