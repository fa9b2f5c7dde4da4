//! A message bus of a test's own.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A `dbus-daemon` with the system bus' shape, in a directory of its own; ended on drop.
#[derive(Debug)]
pub struct PrivateBus {
    daemon: Child,
    address: String,
    directory: PathBuf,
    /// Removes the directory when the bus ends.
    _owned: tempfile::TempDir,
}

const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow eavesdrop="false"/>
  </policy>
@POLICIES@
</busconfig>
"#;

/// Everybody may own and call everything.
const OPEN: &str = r#"<policy context="default"><allow own="*"/><allow send_type="method_call"/></policy>"#;

impl PrivateBus {
    /// Starts a bus and waits until it listens.
    ///
    /// # Errors
    /// Where `dbus-daemon` is missing (`cargo xtask setup` installs it) or does not start.
    pub fn start() -> io::Result<Self> {
        Self::with_policies(OPEN)
    }

    /// Starts a bus that refuses as the system bus does, but for what `policies` (elements of a bus configuration) allow. Every
    /// user of the machine can reach it.
    ///
    /// # Errors
    /// As [`PrivateBus::start`], and where the bus does not take the policies.
    pub fn with_policies(policies: &str) -> io::Result<Self> {
        let owned = tempfile::tempdir()?;
        let directory = owned.path().to_owned();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755))?;
        let config = CONFIG.replace("@SOCKET@", &directory.join("bus").to_string_lossy());
        let config = config.replace("@POLICIES@", policies);
        std::fs::write(directory.join("bus.conf"), config)?;
        let (daemon, address) = spawn(&directory)?;
        Ok(Self { daemon, address, directory, _owned: owned })
    }

    /// The value for `DBUS_SYSTEM_BUS_ADDRESS`, and for [`zbus::connection::Builder::address`].
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends the bus and starts another at the same address, as an update or a crash would.
    ///
    /// # Errors
    /// As [`PrivateBus::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.daemon.kill()?;
        self.daemon.wait()?;
        // An abrupt end leaves the socket's file.
        let _ = std::fs::remove_file(self.directory.join("bus"));
        (self.daemon, self.address) = spawn(&self.directory)?;
        Ok(())
    }
}

fn spawn(directory: &Path) -> io::Result<(Child, String)> {
    // What it refuses to whom it tells there: expected of some tests, and of no use to the others' reader.
    let log = directory.join("log");
    let mut daemon = Command::new("dbus-daemon")
        .arg(format!("--config-file={}", directory.join("bus.conf").display()))
        .args(["--nofork", "--print-address=1"])
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?)
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = daemon.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    // "unix:path=/…/bus,guid=…": the guid changes with every start, and a client must not insist on it.
    match line.trim().split(",guid=").next() {
        Some(address) if !address.is_empty() => Ok((daemon, address.to_owned())),
        _ => {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            Err(io::Error::other(format!("dbus-daemon printed no address: {said}")))
        }
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
