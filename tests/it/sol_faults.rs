//! Serial over LAN while the network, the host or a daemon fails.

use std::time::Duration;

use ipmi_wire::sol::Status;
use system_tests::remote_console::SolClient;

use crate::support::{Faults, Lossy, Running, attach, attach_at, crash, noise, start_again};

#[test]
fn a_quarter_of_a_megabyte_arrives_each_way_over_a_bad_network() {
    let stack = Running::start();
    stack.ipmitool().ok("sol set retry-interval 2 1");
    let network = Lossy::start(stack.description.port, 7);
    let mut console = attach_at(&stack, network.port, Duration::from_millis(20));
    console.prompt().unwrap();
    network.set(Faults { loss: 20, duplication: 10, reordering: 10, delay: 0..2000 });
    // What the ring of the console holds: a host does not wait for who reads its output.
    let expected = bmc_sim::burst(64 * 1024);
    for _ in 0..4 {
        assert!(console.burst(64 * 1024).unwrap() == expected);
    }
    console.receives(&noise(1 << 18, 7)).unwrap();
    let counts = console.client.counts;
    assert!(network.lost() > 250 && counts.sent_again > 25 && counts.came_again > 25, "{counts:?}");
    assert_eq!(counts.overruns, 0, "{counts:?}");
    network.set(Faults::default());
    console.detach().unwrap();
}

#[test]
fn a_session_sees_the_host_go_off_and_boot() {
    let stack = Running::start();
    let mut console = attach(&stack);
    console.prompt().unwrap();
    stack.ipmitool().ok("power cycle");
    console.wait_for("Ferrite Simulated Firmware").unwrap();
    console.wait_for("Linux version").unwrap();
    console.wait_for("login: ").unwrap();
    console.prompt().unwrap();
    console.detach().unwrap();
}

#[test]
fn a_session_survives_the_crash_of_consoled() {
    let stack = Running::start();
    let mut console = attach(&stack);
    console.prompt().unwrap();
    let line = crash(&stack, "consoled");
    let gone = |client: &SolClient| client.status().contains(Status::UNAVAILABLE);
    assert!(console.client.run(Duration::from_secs(10), gone).unwrap(), "the client is told");
    let _consoled = start_again(&stack, &line);
    let back = |client: &SolClient| !client.status().contains(Status::UNAVAILABLE);
    assert!(console.client.run(Duration::from_secs(20), back).unwrap(), "and told that it is back");
    console.prompt().unwrap();
    let expected = bmc_sim::burst(16 * 1024);
    assert!(console.burst(16 * 1024).unwrap() == expected);
    console.detach().unwrap();
}

#[test]
fn a_session_does_not_notice_the_crash_of_ipmid() {
    let stack = Running::start();
    let mut console = attach(&stack);
    console.prompt().unwrap();
    let line = crash(&stack, "ipmid");
    let expected = bmc_sim::burst(64 * 1024);
    assert!(console.burst(64 * 1024).unwrap() == expected);
    let _ipmid = start_again(&stack, &line);
    assert!(console.burst(64 * 1024).unwrap() == expected);
    console.detach().unwrap();
}
