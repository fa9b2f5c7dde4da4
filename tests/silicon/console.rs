//! Serial over LAN to the host behind the board's first UART; the test is the host.

use std::time::Duration;

use system_tests::{Terminal, eventually, remote_console::SolClient};

use crate::board::Board;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn ipmitool_sol_shows_what_the_host_prints_and_the_host_reads_what_is_typed() {
    let board = Board::get();
    // A host without power is not typed at.
    board.host_power(true);
    let mut host = board.host_uart();
    let mut terminal = Terminal::start(&board.ipmitool().command("sol activate"));
    terminal.wait_for("SOL Session operational");
    host.print("\r\nemulated host login: ");
    terminal.wait_for("emulated host login: ");
    terminal.keys("operator\r");
    assert_eq!(host.typed(9), "operator\r");
    terminal.keys("~.");
    terminal.wait_for("terminated ipmitool");
    terminal.ends();
    board.host_power(false);
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_break_of_the_host_is_told_once_and_the_characters_around_it_are_all_there() {
    let board = Board::get();
    board.host_power(true);
    let mut host = board.host_uart();
    let mut client = SolClient::activate(board.session(), 1, Duration::from_millis(500)).unwrap();
    let patience = Duration::from_secs(20);
    let shows = |client: &SolClient, text: &str| String::from_utf8_lossy(client.received()).contains(text);
    host.print("before");
    assert!(client.run(patience, |client| shows(client, "before")).unwrap());
    host.send_break();
    assert!(client.run(patience, |client| client.counts.breaks > 0).unwrap(), "no break");
    host.print(" and after");
    assert!(client.run(patience, |client| shows(client, "before and after")).unwrap());
    assert_eq!(client.counts.breaks, 1);
    client.deactivate().unwrap().close().unwrap();
    board.host_power(false);
}

/// The modem control register of the UART at the host's serial line, and DTR in it.
const MCR: u32 = 0x1E78_3010;
const DTR: u32 = 1;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn the_hosts_carrier_is_the_uarts_dtr_and_rises_when_the_session_ends() {
    let board = Board::get();
    let mut registers = board.registers();
    let mut dtr = || registers.read(MCR).unwrap() & DTR != 0;
    let mut client = SolClient::activate(board.session(), 1, Duration::from_millis(500)).unwrap();
    eventually("DTR", &mut dtr);
    client.set_carrier(false);
    let patience = Duration::from_secs(20);
    assert!(client.run(patience, SolClient::is_flushed).unwrap());
    eventually("DTR to drop", || !dtr());
    // A new process opens the port, which asserts DTR, and netipmid has it held down again.
    board.shell().ok("systemctl restart consoled@default");
    let name = "xyz.openbmc_project.Console.default /xyz/openbmc_project/console/default";
    let asked = format!("busctl get-property {name} org.ferrite.Console Carrier");
    eventually("the carrier to be held down again", || board.shell().run(&asked).stdout.trim() == "b false");
    eventually("DTR to be dropped again", || !dtr());
    client.deactivate().unwrap().close().unwrap();
    eventually("DTR to rise", &mut dtr);
}
