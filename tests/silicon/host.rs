//! The host in front of the board: at the LPC registers, byte by byte, and as a Linux machine whose driver is at them.

use system_tests::{Agent, VmBridge, eventually};
use xtask::guest::{Guest, Sockets};

use crate::board::Board;

/// Get Device ID (v2.0§20.1), Get Device GUID, and a command that is in no table.
const REQUESTS: [(&[u8], &str); 3] =
    [(&[0x18, 0x01], "raw 0x06 0x01"), (&[0x18, 0x08], "raw 0x06 0x08"), (&[0x18, 0x37], "raw 0x06 0x37")];

fn hexadecimal(bytes: &[u8]) -> Vec<String> {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn what_the_host_is_answered_at_its_registers_is_what_the_lan_is_answered() {
    let board = Board::get();
    let (client, mut host) = (board.ipmitool(), board.host());
    for (request, words) in REQUESTS {
        let response = host.ask(request).unwrap();
        assert_eq!((response[0], response[1], response[2]), (request[0] | 4, request[1], 0), "{words}");
        let lan = client.ok(words).stdout;
        let lan: Vec<&str> = lan.split_whitespace().collect();
        assert_eq!(hexadecimal(&response[3..]), lan, "{words}");
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn an_unknown_command_and_one_that_is_too_short_get_their_completion_codes() {
    let mut host = Board::get().host();
    assert_eq!(host.ask(&[0x18, 0xEE]).unwrap(), [0x1C, 0xEE, 0xC1]);
    // Get Sensor Reading without a sensor.
    assert_eq!(host.ask(&[0x10, 0x2D]).unwrap(), [0x14, 0x2D, 0xC7]);
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_host_that_aborts_its_request_is_answered_the_next_one() {
    let mut host = Board::get().host();
    host.send(&[0x18, 0x01]).unwrap();
    host.abort().unwrap();
    assert_eq!(host.ask(&[0x18, 0x01]).unwrap()[..3], [0x1C, 0x01, 0x00]);
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_linux_host_finds_the_emulated_bmc_by_itself_and_its_ipmitool_agrees_with_the_lan() {
    let board = Board::get();
    let directory = tempfile::tempdir().unwrap();
    let socket = |name: &str| directory.path().join(name);
    let bridge = VmBridge::listen(&socket("interface")).unwrap();
    let bridge = bridge.serve(board.host());
    let sockets = Sockets {
        host_interface: socket("interface"),
        console: socket("console"),
        console_log: socket("console.log"),
        agent: socket("agent"),
        qmp: socket("qmp"),
    };
    let machine = Guest::prepare().unwrap().start(&sockets).unwrap();
    let mut linux = Agent::new(sockets.agent);
    linux.boots();
    eventually("the driver to find the BMC", || linux.run("test -c /dev/ipmi0").success);
    let lan = board.ipmitool();
    let info = |answer: system_tests::Answer| -> Vec<String> {
        // The registry of names is a file that one side may lack.
        let lines = answer.stdout.lines().filter(|line| !line.starts_with("Manufacturer Name"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(info(linux.ok("ipmitool -I open mc info")), info(lan.ok("mc info")));
    let rows = |answer: system_tests::Answer| answer.stdout.lines().count();
    assert_eq!(rows(linux.ok("ipmitool -I open sdr elist full")), rows(lan.ok("sdr elist full")));
    linux.ok("ipmitool -I open sel clear");
    linux.ok("ipmitool -I open event 1");
    eventually("the host's event to be in the log", || {
        lan.ok("sel elist").stdout.contains("Upper Critical going high")
    });
    // Its end of the registers is free for the next.
    drop(machine);
    bridge.join().unwrap().unwrap();
}
