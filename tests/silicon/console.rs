//! Serial over LAN to the host behind the board's first UART; the test is the host.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use system_tests::Terminal;

use crate::board::Board;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn ipmitool_sol_shows_what_the_host_prints_and_the_host_reads_what_is_typed() {
    let board = Board::get();
    // A host without power is not typed at.
    board.host_power(true);
    let mut host = UnixStream::connect(&board.sockets.host_uart).unwrap();
    host.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut terminal = Terminal::start(&board.ipmitool().command("sol activate"));
    terminal.wait_for("SOL Session operational");
    host.write_all(b"\r\nemulated host login: ").unwrap();
    terminal.wait_for("emulated host login: ");
    terminal.keys("operator\r");
    let mut typed = [0; 9];
    host.read_exact(&mut typed).unwrap();
    assert_eq!(&typed, b"operator\r");
    terminal.keys("~.");
    terminal.wait_for("terminated ipmitool");
    terminal.ends();
    board.host_power(false);
}
