//! FRU devices: what the factory wrote, what clients write, and that a device is never left with half of it.

use std::fs;

use crate::support::{Answer, Running, eventually, freeipmi, shared};

/// The bytes of the simulated board's EEPROM.
fn eeprom(stack: &Running) -> Vec<u8> {
    fs::read(stack.description.state_dir.join("sys/bus/i2c/devices/4-0050/eeprom")).unwrap()
}

#[test]
fn fru_print_tells_what_the_boards_eeproms_hold() {
    let stack = shared();
    let board = stack.ipmitool().ok("fru print 1");
    assert_eq!(board.field("Product Name"), "PSU 1600W");
    assert_eq!(board.field("Product Serial"), "PSU0001");
    let all = stack.ipmitool().ok("fru print");
    assert!(all.stdout.contains("SRV0001"), "{all:#?}");
    assert!(all.stdout.contains("PSU1 (ID 1)"), "{all:#?}");
    let other_client = freeipmi("ipmi-fru", &stack.description, &["--device-id=1"]);
    assert!(other_client.stdout.contains("PSU0001"), "{other_client:#?}");
}

#[test]
fn what_is_edited_over_ipmi_and_by_hand_is_what_the_other_and_the_bus_show() {
    let stack = Running::start();
    let client = stack.ipmitool();
    // ipmitool writes a section at a time, its checksum last; it cannot make a field longer without a resize of its own.
    client.ok("fru edit 0 field b 2 BRD9999");
    let shown = stack.ctl("fru show 0");
    assert!(shown.stdout.contains("board.serial_number        BRD9999"), "{shown:#?}");
    eventually("the inventory to tell the new serial number", || stack.ctl("fru").stdout.contains("BRD9999"));
    stack.ctl("fru edit 0 product.asset_tag=row4-rack9-place17 product.custom1=leased");
    let shown = client.ok("fru print 0");
    assert_eq!(shown.field("Product Asset Tag"), "row4-rack9-place17");
    assert_eq!(shown.field("Product Extra"), "leased");
}

#[test]
fn an_image_is_saved_and_brought_back_by_either_client() {
    let stack = Running::start();
    let client = stack.ipmitool();
    let dir = tempfile::tempdir().unwrap();
    let (saved, dumped) = (dir.path().join("saved.bin"), dir.path().join("dumped.bin"));
    client.ok(&format!("fru read 0 {}", saved.display()));
    stack.ctl(&format!("fru dump 0 {}", dumped.display()));
    let original = eeprom(&stack);
    assert_eq!(fs::read(&saved).unwrap(), original);
    assert_eq!(fs::read(&dumped).unwrap(), original);
    stack.ctl("fru edit 0 board.name=Another");
    assert_ne!(eeprom(&stack), original);
    client.ok(&format!("fru write 0 {}", saved.display()));
    assert_eq!(eeprom(&stack), original);
}

#[test]
fn half_a_write_and_nonsense_leave_the_device_as_it_was() {
    let stack = Running::start();
    let original = eeprom(&stack);
    // Four bytes of the board area, and no checksum after them.
    let written = stack.ipmitool().ok("raw 0x0a 0x12 0 0x20 0 1 2 3 4");
    assert_eq!(written.stdout.trim(), "04");
    let read_back = stack.ipmitool().ok("raw 0x0a 0x11 0 0x20 0 4");
    assert_eq!(read_back.stdout.trim(), "04 01 02 03 04");
    assert_eq!(eeprom(&stack), original);
    let dir = tempfile::tempdir().unwrap();
    let nonsense = dir.path().join("nonsense");
    fs::write(&nonsense, [0x5a; 64]).unwrap();
    let refused = Answer::of(stack.ferrite(&format!("ctl fru write 0 {}", nonsense.display())));
    assert!(!refused.success && refused.stderr.contains("common header"), "{refused:#?}");
    assert_eq!(eeprom(&stack), original);
    stack.ctl(&format!("fru write 0 {} --force", nonsense.display()));
    assert_eq!(eeprom(&stack)[..64], [0x5a; 64]);
}

#[test]
fn an_image_of_another_tool_reads_in_both_clients_before_and_after_we_build_it_anew() {
    let stack = Running::start();
    let image = xtask::workspace::root().join("tests/golden/fru/codings.bin");
    stack.ctl(&format!("fru write 0 {}", image.display()));
    let say = |ipmitool: &[&str], other: &[&str]| {
        let print = stack.ipmitool().ok("fru print 0");
        let ipmi_fru =
            freeipmi("ipmi-fru", &stack.description, &["--device-id=0", "--interpret-oem-data"]).stdout;
        ipmitool.iter().for_each(|word| assert!(print.stdout.contains(word), "no {word}: {print:#?}"));
        other.iter().for_each(|word| assert!(ipmi_fru.contains(word), "no {word}: {ipmi_fru}"));
    };
    let both = ["CH-4711", "Power Supply", "plain text", "SIX BITS", "PSU 1600W", "A1"];
    // FreeIPMI takes no BCD plus, and ipmitool tells of no power supply.
    let ipmitool = [&both[..], &["12-34.56", "0123 45-6.7", "00c1ff"]].concat();
    let other = [&both[..], &["Overall Capacity: 1600 Watts", "Nominal Voltage: 1200 mV"]].concat();
    say(&ipmitool, &other);
    // Every area is moved: the chassis area grows.
    stack.ctl("fru edit 0 chassis.serial_number=CHS-0002-and-longer-than-before chassis.custom2=another");
    let moved = ["CHS-0002-and-longer-than-before", "another"];
    say(&[&ipmitool[..], &moved].concat(), &[&other[..], &moved].concat());
}
