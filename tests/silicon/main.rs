//! On the emulated AST2600: real kernel drivers, systemd, and a client outside.
//!
//! `cargo xtask qemu test` boots the board and names it in `FERRITE_BOARD`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is the test failing")]

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::json;
use system_tests::Qmp;

/// How long a changed temperature may take from the chip's register to an IPMI reading.
const SETTLE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Board {
    port: u16,
    user: String,
    password_file: PathBuf,
    qmp: PathBuf,
}

impl Board {
    fn from_environment() -> Self {
        let facts =
            std::env::var("FERRITE_BOARD").expect("FERRITE_BOARD is not set: use `cargo xtask qemu test`");
        serde_json::from_str(&facts).unwrap()
    }

    /// What ipmitool prints; its own retries are few, so that a lost answer shows.
    fn ipmitool(&self, arguments: &[&str]) -> String {
        let output = Command::new("ipmitool")
            .args(["-I", "lanplus", "-C", "17", "-H", "127.0.0.1", "-N", "5", "-R", "1", "-U", &self.user])
            .args(["-p", &self.port.to_string(), "-f"])
            .arg(&self.password_file)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The reading of the board's LM75 (an emulated TMP105) as IPMI gives it, in degrees Celsius.
    fn board_temperature(&self) -> Option<f64> {
        let text = self.ipmitool(&["-c", "sdr", "get", "Board Temp"]);
        text.lines().next()?.split(',').nth(1)?.parse().ok()
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_temperature_set_in_the_chip_is_read_over_the_lan_through_i2c_and_hwmon() {
    let board = Board::from_environment();
    let mut qmp = Qmp::connect(&board.qmp).unwrap();
    let chip = qmp.find("tmp105").unwrap();
    for celsius in [41, 27] {
        let arguments = json!({ "path": chip, "property": "temperature", "value": celsius * 1000 });
        qmp.execute("qom-set", arguments).unwrap();
        let start = Instant::now();
        while board.board_temperature() != Some(f64::from(celsius)) {
            let last = board.board_temperature();
            assert!(
                start.elapsed() < SETTLE,
                "{celsius} degrees never arrived; the last reading was {last:?}"
            );
        }
    }
}

/// The first GPIO controller, on which bank P is the host's power sequencing.
const GPIO: &str = "/machine/soc/gpio";

fn level(qmp: &mut Qmp, line: &str) -> bool {
    let level = qmp.execute("qom-get", json!({ "path": GPIO, "property": line })).unwrap();
    level.as_bool().expect("a line is high or low")
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn chassis_power_on_presses_the_button_line_and_power_ok_is_what_chassis_status_shows() {
    let board = Board::from_environment();
    let mut qmp = Qmp::connect(&board.qmp).unwrap();
    assert!(board.ipmitool(&["chassis", "status"]).contains("System Power         : off"));
    assert!(!level(&mut qmp, "gpioP1"), "nobody presses the button yet");

    board.ipmitool(&["chassis", "power", "on"]);
    let start = Instant::now();
    while !level(&mut qmp, "gpioP1") {
        assert!(start.elapsed() < SETTLE, "the power button was never pressed");
    }
    qmp.execute("qom-set", json!({ "path": GPIO, "property": "gpioP0", "value": true })).unwrap();
    let start = Instant::now();
    while !board.ipmitool(&["chassis", "status"]).contains("System Power         : on") {
        assert!(start.elapsed() < SETTLE, "power-ok rose and chassis status does not say so");
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn the_boards_own_address_is_what_lan_print_shows() {
    let text = Board::from_environment().ipmitool(&["lan", "print", "1"]);
    // QEMU's user network hands this out over DHCP.
    assert!(text.contains("10.0.2.15"), "{text}");
    assert!(text.contains("DHCP Address"), "{text}");
}
