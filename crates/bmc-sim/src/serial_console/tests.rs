//! The console as a value.

use super::*;

fn all(console: &mut SerialConsole) -> String {
    let mut bytes = Vec::new();
    while console.has_output() {
        bytes.extend(console.output(100));
    }
    String::from_utf8(bytes).unwrap()
}

fn logged_in() -> SerialConsole {
    let mut console = SerialConsole::new(HostPhase::Os, 0);
    console.receive(b"root\r");
    assert!(all(&mut console).ends_with(shell::PROMPT));
    console
}

#[test]
fn a_host_prints_its_boot_from_firmware_to_login_and_is_silent_when_off() {
    let mut console = SerialConsole::new(HostPhase::Off, 0);
    console.receive(b"anybody there?\r");
    console.receive_break();
    assert!(!console.has_output());
    console.step(HostPhase::Post, 1, 0.1);
    let first = all(&mut console);
    assert!(first.contains("Firmware") && !first.contains("PCIe"), "{first}");
    console.step(HostPhase::Post, 1, 3.0);
    assert!(all(&mut console).contains("Booting from"));
    console.step(HostPhase::Os, 1, 0.1);
    let booted = all(&mut console);
    assert!(booted.contains("Linux version") && booted.ends_with(shell::LOGIN), "{booted}");
    console.receive(b"burst 1000\r");
    console.step(HostPhase::Off, 1, 0.1);
    assert!(!console.has_output());
}

#[test]
fn a_reset_prints_the_firmware_again() {
    let mut console = SerialConsole::new(HostPhase::Post, 1);
    console.step(HostPhase::Post, 1, 1.0);
    all(&mut console);
    console.step(HostPhase::Post, 2, 0.01);
    assert!(all(&mut console).contains("Firmware"));
}

#[test]
fn keys_are_echoed_and_edited_and_either_line_end_is_one() {
    let mut console = logged_in();
    console.receive(b"echp\x7fo hi\r\n");
    assert_eq!(all(&mut console), format!("echp\x08 \x08o hi\r\nhi\r\n{}", shell::PROMPT));
    console.receive(b"nonsense\x03");
    assert_eq!(all(&mut console), format!("nonsense^C\r\n{}", shell::PROMPT));
}

#[test]
fn a_burst_is_the_same_each_time_and_has_its_length() {
    let mut console = logged_in();
    console.receive(b"burst 200\r");
    let expected = String::from_utf8(burst(200)).unwrap();
    assert_eq!(all(&mut console), format!("burst 200\r\n{expected}{}", shell::PROMPT));
    assert!(expected.starts_with("00000000 ") && expected[64..].starts_with("00000040 "));
}

#[test]
fn bytes_are_received_without_echo_and_summed_up() {
    let mut console = logged_in();
    console.receive(b"receive 6\r\nfoobar");
    let said = all(&mut console);
    // FNV-1a of "foobar", from the authors' test vectors.
    assert!(said.contains("ready\r\nreceived 6 bytes, sum bf9cf968\r\n"), "{said}");
}

#[test]
fn a_break_is_a_sysrq_of_the_operating_system() {
    let mut console = logged_in();
    console.receive_break();
    assert!(all(&mut console).contains("sysrq"));
}
