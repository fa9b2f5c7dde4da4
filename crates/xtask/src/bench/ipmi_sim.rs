//! OpenIPMI's simulated BMC: one process, no bus, everything in memory.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

pub(super) const USER: &str = "bench";
const PASSWORD: &str = "only-on-loopback";
/// Events that it is to keep.
const EVENTS: usize = 4000;
/// Sensors that it can have numbers for, on one LUN.
const NUMBERS: usize = 250;
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running `ipmi_sim`; ends with this.
pub(super) struct IpmiSim {
    process: Child,
    directory: tempfile::TempDir,
    pub(super) port: u16,
}

impl IpmiSim {
    /// Starts one with `sensors` sensor records, and waits until it answers.
    ///
    /// # Errors
    /// Where it is not there, or ends.
    pub(super) fn start(sensors: usize) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        // Free when it was asked; `ipmi_sim` cannot take a socket that is bound.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(path.join("lan.conf"), lan(port))?;
        fs::write(path.join("emu"), commands(sensors))?;
        fs::write(path.join("password"), PASSWORD)?;
        fs::create_dir(path.join("state"))?;
        let log = fs::File::create(path.join("log"))?;
        let process = Command::new("ipmi_sim")
            .args(["-c", "lan.conf", "-f", "emu", "-s", "state", "-n"])
            .current_dir(path)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start ipmi_sim")?;
        let mut started = Self { process, directory, port };
        started.wait_for_answer()?;
        Ok(started)
    }

    /// The process to be measured.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn password_file(&self) -> std::path::PathBuf {
        self.path().join("password")
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn wait_for_answer(&mut self) -> anyhow::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
                bail!("ipmi_sim ended ({status}): {log}");
            }
            // Get Channel Authentication Capabilities. Until the port is bound, the kernel refuses.
            let asked = socket.send(&[
                0x06, 0x00, 0xFF, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x20, 0x18, 0xC8, 0x81, 0, 0x38, 0x8E,
                0x04, 0xB5,
            ]);
            if asked.is_ok() && socket.recv(&mut [0; 64]).is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        ensure!(false, "ipmi_sim does not answer: {log}");
        Ok(())
    }
}

impl Drop for IpmiSim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lan(port: u16) -> String {
    format!(
        "name \"bench\"\nset_working_mc 0x20\nstartlan 1\n addr 127.0.0.1 {port}\n priv_limit admin\n \
         allowed_auths_admin none md2 md5 straight\n guid a123456789abcdefa123456789abcdef\nendlan\n\
         user 1 true \"\" \"\" user 10 none md2 md5 straight\n\
         user 2 true \"{USER}\" \"{PASSWORD}\" admin 63 none md2 md5 straight\n"
    )
}

fn commands(sensors: usize) -> String {
    let mut text = format!(
        "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 {EVENTS} 0x0a\n"
    );
    for number in 1..=sensors.min(NUMBERS) {
        text.push_str(&format!("sensor_add 0x20 0 {number} 1 1\nsensor_set_value 0x20 0 {number} 0x60 0\n"));
    }
    for number in 1..=sensors {
        let bytes: Vec<String> = full_sensor(number).iter().map(|byte| format!("{byte:#04x}")).collect();
        text.push_str(&format!("main_sdr_add 0x20 {}\n", bytes.join(" ")));
    }
    text.push_str("mc_enable 0x20\n");
    text
}

/// A full sensor record of a temperature, as long as those of Ferrite's board (v2.0 table 43-1).
fn full_sensor(number: usize) -> Vec<u8> {
    const TYPE: u8 = 0x01;
    const FIELDS: [u8; 39] = [
        3, 1, 0x7F, 0x68, 1, 1, 0, 0x7A, 0, 0x7A, 0x3F, 0x3F, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 7, 0x60, 0x70, 0,
        0xFF, 0, 0x70, 0x60, 0x50, 0, 0, 0, 2, 2, 0, 0, 0,
    ];
    let name = format!("Drive{number}_Temp");
    let name_length = u8::try_from(name.len()).unwrap_or(0);
    let sensor = u8::try_from(number % NUMBERS + 1).unwrap_or(1);
    let mut body = vec![0x20, 0, sensor];
    body.extend(FIELDS);
    body.push(0xC0 | name_length);
    body.extend(name.bytes());
    let mut record = vec![0, 0, 0x51, TYPE, u8::try_from(body.len()).unwrap_or(0)];
    record.append(&mut body);
    record
}
