//! The other client.

use std::{net::UdpSocket, process::Command, time::Duration};

use crate::support::{eventually, freeipmi, shared};

#[test]
fn bmc_info_names_an_ipmi_2_0_bmc() {
    let stack = shared();
    let answer = freeipmi("bmc-info", &stack.description, &[]);
    assert!(answer.success, "{answer:#?}");
    assert_eq!(answer.field("IPMI Version"), "2.0");
}

#[test]
fn ipmi_sensors_shows_what_the_board_measures() {
    let stack = shared();
    let words = ["--comma-separated-output", "--no-header-output", "--quiet-cache"];
    let shown = || freeipmi("ipmi-sensors", &stack.description, &words);
    // A stack answers before the first reading of its slowest sensor.
    // A discrete sensor has neither reading nor unit.
    let is_unread = |line: &str| line.contains(",N/A,") && !line.contains(",N/A,N/A,");
    eventually("every sensor to be read", || !shown().stdout.lines().any(is_unread));
    let answer = shown();
    assert!(answer.success, "{answer:#?}");
    let board = stack.board();
    for name in ["CPU0_Temp", "Inlet_Temp", "P12V", "Fan3"] {
        let row = answer.stdout.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let row =
            row.into_iter().find(|cells| cells.get(1).is_some_and(|cell| *cell == name.replace('_', " ")));
        let shown: f64 = row.unwrap_or_else(|| panic!("no {name} in {answer:#?}"))[3].parse().unwrap();
        let sensor = board.sensor(name).unwrap();
        let tolerance = if name.starts_with("Fan") { 150.0 } else { 3.0 };
        assert!((shown - sensor.value).abs() < tolerance, "{name}: {shown}, the board says {}", sensor.value);
    }
}

#[test]
fn ipmi_chassis_tells_the_boards_power() {
    let stack = shared();
    let answer = freeipmi("ipmi-chassis", &stack.description, &["--get-chassis-status"]);
    assert!(answer.success, "{answer:#?}");
    assert_eq!(answer.field("System Power"), "on");
}

/// ipmiping knows port 623 alone: what comes to it at an address of our own goes to the demo's port and back. Ends with the process.
fn relay_port_623(port: u16) -> &'static str {
    const ADDRESS: &str = "127.0.0.2";
    let socket = UdpSocket::bind((ADDRESS, 623)).expect(
        "port 623 of 127.0.0.2 can be bound: as root, or after `sysctl net.ipv4.ip_unprivileged_port_start=623`",
    );
    std::thread::spawn(move || {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.connect(("127.0.0.1", port)).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut packet = [0; 1024];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            server.send(&packet[..length]).unwrap();
            if let Ok(length) = server.recv(&mut packet) {
                socket.send_to(&packet[..length], client).unwrap();
            }
        }
    });
    ADDRESS
}

#[test]
fn ipmiping_gets_an_answer_to_each_packet() {
    let stack = shared();
    let address = relay_port_623(stack.description.port);
    let path = xtask::workspace::which("ipmiping").expect("ipmiping is there\nhint: cargo xtask setup");
    let output = Command::new(path).args(["-c", "3", "-i", "1", address]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("3 received") || text.contains("3 responses received"), "{text}");
}
