//! The board that all tests are on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::json;
use system_tests::{
    Agent, Answer, Ipmitool, KcsHost, Qmp, Qtest, eventually,
    remote_console::{Login, Session, Suite},
};

/// What a board may take from power-on until it answers on a machine that has other things to do.
const BOOT: Duration = Duration::from_secs(600);

/// The first GPIO controller, on which bank P is the host's power sequencing.
const GPIO: &str = "/machine/soc/gpio";

/// The line by which the host says that it has power.
pub(crate) const POWER_OK: &str = "gpioP0";

/// Seconds that an answer of the emulated processor may take.
const PATIENCE: u8 = 5;

/// What `cargo xtask qemu test` tells.
#[derive(Deserialize)]
pub(crate) struct Board {
    host: Ipv4Addr,
    port: u16,
    user: String,
    password_file: PathBuf,
    pub(crate) sockets: Sockets,
    /// Seconds from power-on to the first answer.
    pub(crate) boot_seconds: f64,
    /// The executable, and the image that holds it.
    pub(crate) executable: PathBuf,
    pub(crate) image: PathBuf,
}

/// See `xtask`'s of the same name.
#[derive(Deserialize)]
pub(crate) struct Sockets {
    qmp: PathBuf,
    host_qmp: PathBuf,
    qtest: PathBuf,
    host_uart: PathBuf,
    agent: PathBuf,
    power_on: PathBuf,
    pid_file: PathBuf,
}

impl Board {
    pub(crate) fn get() -> Self {
        let facts =
            std::env::var("FERRITE_BOARD").expect("FERRITE_BOARD is not set: use `cargo xtask qemu test`");
        serde_json::from_str(&facts).unwrap()
    }

    fn password(&self) -> String {
        fs::read_to_string(&self.password_file).unwrap()
    }

    /// An administrator outside.
    pub(crate) fn ipmitool(&self) -> Ipmitool {
        Ipmitool {
            host: self.host.to_string(),
            port: self.port,
            user: self.user.clone(),
            password: self.password(),
            suite: 17,
            patience: PATIENCE,
        }
    }

    /// A session of the client of our own.
    pub(crate) fn session(&self) -> Session {
        let login = Login {
            address: SocketAddr::from((self.host, self.port)),
            user: self.user.clone().into_bytes(),
            password: self.password().into_bytes(),
            suite: Suite::from_number(17).unwrap(),
            persistent: false,
        };
        Session::open(&login).unwrap()
    }

    /// The machine around the BMC.
    pub(crate) fn machine(&self) -> Machine {
        Machine { qmp: Qmp::connect(&self.sockets.qmp).unwrap() }
    }

    /// The host at the LPC registers.
    pub(crate) fn host(&self) -> KcsHost {
        KcsHost::connect(&self.sockets.host_qmp, &self.sockets.qtest).unwrap()
    }

    /// The BMC's registers.
    pub(crate) fn registers(&self) -> Qtest {
        Qtest::connect(&self.sockets.qtest).unwrap()
    }

    /// The host's end of the serial line.
    pub(crate) fn host_uart(&self) -> HostUart {
        let mut stream = UnixStream::connect(&self.sockets.host_uart).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut offer = [0; TELNET_OFFER];
        stream.read_exact(&mut offer).unwrap();
        assert!(offer.chunks(3).all(|command| command[0] == TELNET_COMMAND), "{offer:02x?}");
        HostUart { stream }
    }

    /// A root shell on the BMC.
    pub(crate) fn shell(&self) -> Agent {
        Agent::new(self.sockets.agent.clone())
    }

    /// Gives the host power, or takes it, and waits until the BMC has noticed.
    pub(crate) fn host_power(&self, on: bool) {
        self.machine().drive(POWER_OK, on);
        let (client, wanted) = (self.ipmitool(), if on { "on" } else { "off" });
        eventually(&format!("chassis status to say {wanted}"), || {
            client.ok("chassis status").field("System Power") == wanted
        });
    }

    /// Kills the machine as a power cut does, and powers it on again with what was on its card.
    pub(crate) fn cut_power(&self) {
        let pid = fs::read_to_string(&self.sockets.pid_file).unwrap();
        let status = xtask::qemu::as_root("kill").args(["-KILL", pid.trim()]).status().unwrap();
        assert!(status.success(), "no process {pid}");
        let process = PathBuf::from("/proc").join(pid.trim()).join("exe");
        eventually("the machine to be gone", || fs::read_link(&process).is_err());
        // It outlives the test, as the first one would have.
        let mut machine = Command::new("sh");
        machine.args(["-c", "sh \"$0\" &"]).arg(&self.sockets.power_on);
        machine.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(machine.status().unwrap().success());
        let start = Instant::now();
        while !self.ipmitool().run("mc info").success {
            assert!(start.elapsed() < BOOT, "the board does not come back");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// Begins a command of telnet (RFC 854).
const TELNET_COMMAND: u8 = 255;
const TELNET_BREAK: u8 = 243;
/// QEMU's words at the start: what it will do and asks for, four commands of three bytes.
const TELNET_OFFER: usize = 12;

/// What a host has at its serial port. QEMU speaks telnet there, for the sake of the break; text goes through as it is.
pub(crate) struct HostUart {
    stream: UnixStream,
}

impl HostUart {
    pub(crate) fn print(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Holds the line for longer than a character.
    pub(crate) fn send_break(&mut self) {
        self.stream.write_all(&[TELNET_COMMAND, TELNET_BREAK]).unwrap();
    }

    /// The next `count` characters that were typed at the host.
    pub(crate) fn typed(&mut self, count: usize) -> String {
        let mut typed = vec![0; count];
        self.stream.read_exact(&mut typed).unwrap();
        String::from_utf8(typed).unwrap()
    }
}

/// Pins and chips, from outside.
pub(crate) struct Machine {
    qmp: Qmp,
}

impl Machine {
    /// Whether a GPIO line is high.
    pub(crate) fn level(&mut self, line: &str) -> bool {
        let level = self.qmp.execute("qom-get", json!({ "path": GPIO, "property": line })).unwrap();
        level.as_bool().expect("a line is high or low")
    }

    /// Drives a GPIO line.
    pub(crate) fn drive(&mut self, line: &str, level: bool) {
        let arguments = json!({ "path": GPIO, "property": line, "value": level });
        self.qmp.execute("qom-set", arguments).unwrap();
    }

    /// The path of the chip called `id` in the board's `devices`, or of the only one of a type.
    pub(crate) fn chip(&mut self, name: &str) -> String {
        let path = format!("/machine/peripheral/{name}");
        match self.qmp.execute("qom-list", json!({ "path": path })) {
            Ok(_) => path,
            Err(_) => self.qmp.find(name).unwrap(),
        }
    }

    /// Sets a temperature of a chip's, in degrees Celsius.
    pub(crate) fn heat(&mut self, chip: &str, property: &str, celsius: i32) {
        self.set(chip, property, celsius * 1000);
    }

    /// Sets what a chip measures, in QEMU's unit for it.
    pub(crate) fn set(&mut self, chip: &str, property: &str, value: i32) {
        let path = self.chip(chip);
        let arguments = json!({ "path": path, "property": property, "value": value });
        self.qmp.execute("qom-set", arguments).unwrap();
    }
}

/// The reading of a sensor in a client's table; `None` where there is none.
pub(crate) fn reading(answer: &Answer) -> Option<f64> {
    answer.stdout.lines().next()?.split(',').nth(1)?.parse().ok()
}
