//! Every line that the demo prints, with true answers.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
};

use bmc_sim::BoardState;

use crate::support::{Answer, eventually, shared};

#[test]
fn mc_info_names_an_ipmi_2_0_bmc() {
    let stack = shared();
    let answer = stack.ipmitool().ok("mc info");
    assert_eq!(answer.field("IPMI Version"), "2.0");
    assert!(answer.stdout.contains("Sensor Device"), "{answer:#?}");
}

#[test]
fn suite_3_and_ipv6_answer_as_suite_17_and_ipv4_do() {
    let stack = shared();
    let expected = stack.ipmitool().ok("mc info").stdout;
    for host in ["127.0.0.1", "::1"] {
        for suite in [3, 17] {
            let mut client = stack.ipmitool();
            (client.host, client.suite) = (host.to_owned(), suite);
            assert_eq!(client.ok("mc info").stdout, expected, "{host}, suite {suite}");
        }
    }
}

#[test]
fn chassis_status_tells_the_boards_power() {
    let stack = shared();
    assert!(stack.board().power_ok);
    let answer = stack.ipmitool().ok("chassis status");
    assert_eq!(answer.field("System Power"), "on");
    assert_eq!(answer.field("Power Overload"), "false");
}

#[test]
fn identify_lights_the_boards_led_and_ends_it() {
    let stack = shared();
    let client = stack.ipmitool();
    assert!(!stack.board().identify_led);
    client.ok("chassis identify 2");
    stack.board_becomes("the identify LED to be lit", |board| board.identify_led);
    stack.board_becomes("the identify LED to go out by itself", |board| !board.identify_led);
    client.ok("chassis identify force");
    stack.board_becomes("the identify LED to be lit", |board| board.identify_led);
    client.ok("chassis identify 0");
    stack.board_becomes("the identify LED to go out", |board| !board.identify_led);
}

/// The number that a cell such as `41.000` or `41 degrees C` begins with.
fn number(cell: &str) -> f64 {
    let text = cell.split_whitespace().next().unwrap_or_default();
    text.parse().unwrap_or_else(|_| panic!("`{cell}` begins with no number"))
}

/// Holds a reading of each sensor against the board's. One byte over the sensor's range, so that 1 % of it may be lost.
fn assert_readings(board: &BoardState, reading: impl Fn(&str) -> String) {
    for sensor in &board.sensors {
        let shown = number(&reading(&sensor.name));
        let range = match sensor.name.as_str() {
            name if name.ends_with("_Fan") || name.starts_with("Fan") => 25_000.0,
            name if name.ends_with("_Pin") || name.ends_with("_Pout") => 2000.0,
            name if name.ends_with("_Iin") => 16.0,
            name if name.ends_with("_Iout") => 160.0,
            name if name.ends_with("_Vin") => 300.0,
            name if name.ends_with("_Temp") => 255.0,
            _ => 16.0,
        };
        let difference = (shown - sensor.value).abs();
        assert!(difference <= 0.012 * range, "{}: {shown}, the board says {}", sensor.name, sensor.value);
    }
}

#[test]
fn sdr_elist_and_sensor_list_show_what_the_board_measures() {
    let stack = shared();
    eventually("readings to settle", || !stack.ipmitool().ok("sdr elist full").stdout.contains("no reading"));
    let answer = stack.ipmitool().ok("sdr elist full");
    assert_readings(&stack.board(), |name| answer.row(name)[4].clone());
    let answer = stack.ipmitool().ok("sensor list");
    assert_readings(&stack.board(), |name| answer.row(name)[1].clone());
    let units = |name: &str| answer.row(name)[2].clone();
    assert_eq!(
        ["CPU0_Temp", "P12V", "Fan1", "PSU1_Iout", "PSU1_Pin"].map(units),
        ["degrees C", "Volts", "RPM", "Amps", "Watts"]
    );
}

#[test]
fn sdr_elist_all_has_the_management_controller() {
    let stack = shared();
    let all = stack.ipmitool().ok("sdr elist all").stdout;
    let mc = stack.ipmitool().ok("sdr elist mcloc").stdout;
    assert!(!mc.trim().is_empty() && all.contains(mc.trim()), "{mc:?} in {all}");
}

#[test]
fn sensor_get_and_sdr_get_show_thresholds_and_state() {
    let stack = shared();
    let answer = stack.ipmitool().ok("sensor get CPU0_Temp");
    let difference =
        number(&answer.field("Sensor Reading")) - stack.board().sensor("CPU0_Temp").unwrap().value;
    assert!(difference.abs() <= 3.0, "{answer:#?}");
    assert_eq!(answer.field("Status"), "ok");
    for (threshold, value) in
        [("Upper Non-Critical", 90.0), ("Upper Critical", 95.0), ("Upper Non-Recoverable", 105.0)]
    {
        assert!((number(&answer.field(threshold)) - value).abs() <= 1.0, "{threshold}: {answer:#?}");
    }
    let answer = stack.ipmitool().ok("sdr get CPU0_Temp");
    assert!(answer.field("Entity ID").starts_with("3.1"), "{answer:#?}");
    assert!(answer.field("Sensor Type (Threshold)").starts_with("Temperature"), "{answer:#?}");
}

#[test]
fn sel_info_answers() {
    let stack = shared();
    let answer = stack.ipmitool().ok("sel info");
    answer.field("Entries").parse::<u16>().unwrap();
    assert!(answer.field("Version").starts_with("1.5"), "{answer:#?}");
}

#[test]
fn the_event_log_has_utc() {
    let answer = shared().ipmitool().ok("raw 0x0a 0x5c");
    assert_eq!(answer.stdout.trim(), "00 00");
}

#[test]
fn user_list_has_the_administrator() {
    let stack = shared();
    let answer = stack.ipmitool().ok("user list 1");
    let line = answer.stdout.lines().find(|line| line.contains(&stack.description.user));
    assert!(line.unwrap().contains("ADMINISTRATOR"), "{answer:#?}");
}

#[test]
fn channel_info_says_lan_with_sessions() {
    let stack = shared();
    let answer = stack.ipmitool().ok("channel info 1");
    assert_eq!(answer.field("Channel Medium Type"), "802.3 LAN");
    assert_eq!(answer.field("Channel Protocol Type"), "IPMB-1.0");
    assert_eq!(answer.field("Session Support"), "multi-session");
}

/// The kernel's rows of IPv4 routes through `interface`: destination, gateway and mask.
fn routes(interface: &str) -> Vec<[Ipv4Addr; 3]> {
    let text = fs::read_to_string("/proc/net/route").unwrap();
    let rows = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let address = |digits: &str| Ipv4Addr::from(u32::from_str_radix(digits, 16).unwrap().to_le_bytes());
    rows.filter(|row| row[0] == interface).map(|row| [row[1], row[2], row[7]].map(address)).collect()
}

#[test]
fn lan_print_tells_the_machines_own_interface() {
    let stack = shared();
    let channels = fs::read_to_string(stack.description.state_dir.join("etc/channels.toml")).unwrap();
    let interface =
        channels.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"').to_owned();
    let mac = fs::read_to_string(format!("/sys/class/net/{interface}/address")).unwrap();
    let routes = routes(&interface);
    let gateway = routes.iter().find(|[_, _, mask]| mask.is_unspecified()).map(|[_, gateway, _]| *gateway);
    let local = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Sends nothing, but has the kernel choose its own address.
    local.connect((gateway.unwrap_or(Ipv4Addr::LOCALHOST), 9)).unwrap();
    let std::net::IpAddr::V4(address) = local.local_addr().unwrap().ip() else { unreachable!() };
    let own = routes.iter().find(|[network, gateway, mask]| {
        gateway.is_unspecified() && !mask.is_unspecified() && address & *mask == *network
    });
    let mask = own.map_or(Ipv4Addr::new(255, 0, 0, 0), |[_, _, mask]| *mask);

    let answer = stack.ipmitool().ok("lan print 1");
    assert_eq!(answer.field("IP Address"), address.to_string());
    assert_eq!(answer.field("Subnet Mask"), mask.to_string());
    assert_eq!(answer.field("MAC Address"), mac.trim());
    assert_eq!(answer.field("Default Gateway IP"), gateway.unwrap_or(Ipv4Addr::UNSPECIFIED).to_string());
    assert!(["Static Address", "DHCP Address"].contains(&answer.field("IP Address Source").as_str()));
    assert_eq!(answer.field("Set in Progress"), "Set Complete");
    assert_eq!(answer.field("802.1q VLAN ID"), "Disabled");
    assert_eq!(suites_of(&answer), ["3", "17"]);
    assert_eq!(answer.field("Cipher Suite Priv Max"), "aaXXXXXXXXXXXXX");
}

fn suites_of(answer: &Answer) -> Vec<String> {
    answer.field("RMCP+ Cipher Suites").split(',').map(|suite| suite.trim().to_owned()).collect()
}
