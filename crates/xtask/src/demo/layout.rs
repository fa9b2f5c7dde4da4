//! The demo's directory: `{etc,sys,run,state,log}`, and the configuration of every daemon.

use std::{
    fs, io,
    net::{Ipv6Addr, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{Login, Options};
use crate::guest::{Guest, Sockets};

/// Where what is.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
}

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow eavesdrop="false"/>
  </policy>
</busconfig>
"#;

/// LAN channel 1 is named after an interface, which `lan print` tells of.
const CHANNELS: &str = r#"[[channel]]
number = 1
name = "@INTERFACE@"
medium = "lan"

[[channel]]
number = 15
name = "ipmi_kcs3"
medium = "system-interface"
"#;

/// No abstract socket: several demos have one name for it. The simulated host prints as fast as it is read, without a UART's pace, so the
/// ring takes a burst of a megabyte.
const CONSOLED: &str = r#"gpio = "unix:@DIR@/run/gpio.sock"

[[console]]
id = "default"
tty = "@DIR@/dev/ttyVUART0"
baud = 115200
ring_size = 2097152
abstract_socket = "off"
socket = "@DIR@/run/console.sock"
log_file = "@DIR@/state/consoled/console.log"
log_size = 1048576
ring_gpio = "ring-indicator"
"#;

impl Layout {
    pub(super) fn create(options: &Options) -> anyhow::Result<Self> {
        let layout = Self { dir: options.state_dir.clone() };
        let make = |path: PathBuf| {
            let made = fs::DirBuilder::new().mode(0o700).create(&path);
            made.with_context(|| format!("cannot make {}", path.display()))
        };
        make(layout.dir.clone())?;
        for name in ["etc", "run", "state", "log"] {
            make(layout.dir.join(name))?;
        }
        Ok(layout)
    }

    pub(super) fn etc(&self) -> PathBuf {
        self.dir.join("etc")
    }

    pub(super) fn state(&self, daemon: &str) -> PathBuf {
        self.dir.join("state").join(daemon)
    }

    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.dir.join("log").join(process).with_extension("log")
    }

    pub(super) fn bus_config(&self) -> PathBuf {
        self.dir.join("etc/bus.conf")
    }

    pub(super) fn bus_socket(&self) -> PathBuf {
        self.dir.join("run/bus")
    }

    pub(super) fn bus_address(&self) -> String {
        format!("unix:path={}", self.bus_socket().display())
    }

    pub(super) fn board_socket(&self) -> PathBuf {
        self.dir.join("run/board.sock")
    }

    /// The program that is the board's host where the demo has one.
    pub(super) fn guest_program(&self) -> PathBuf {
        self.dir.join("etc/guest")
    }

    pub(super) fn guest_sockets(&self) -> Sockets {
        let run = self.dir.join("run");
        Sockets {
            host_interface: self.host_interface(),
            console: run.join("guest-console.sock"),
            console_log: self.log("guest-console"),
            agent: run.join("guest-agent.sock"),
            qmp: run.join("guest-qmp.sock"),
        }
    }

    /// Writes the program that is the board's host.
    pub(super) fn install(&self, guest: &Guest) -> anyhow::Result<()> {
        let path = self.guest_program();
        write_private(&path, &guest.program(&self.guest_sockets())?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} a program", path.display()))
    }

    /// Where the host's side connects: a virtual machine, with OpenIPMI's VM protocol.
    pub(super) fn host_interface(&self) -> PathBuf {
        self.dir.join("run/host-interface.sock")
    }

    pub(super) fn console_socket(&self) -> PathBuf {
        self.dir.join("run/console.sock")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.dir.join("password")
    }

    /// Writes every daemon's configuration.
    pub(super) fn configure(&self, options: &Options, port: u16, login: &Login) -> anyhow::Result<()> {
        let dir = self.dir.display();
        let socket = self.bus_socket();
        let suites = options.cipher_suites.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        // One socket takes IPv4 and IPv6, and bound to the loopback device it is not open to the network.
        let listen = if has_ipv6() { format!("[::]:{port}") } else { format!("127.0.0.1:{port}") };
        let interface = primary_interface();
        let beside = options.board.parent().unwrap_or(Path::new("."));
        // What the board's vendor says of its consoles, where anything is said.
        let consoles = fs::read_to_string(beside.join("netipmid.toml")).unwrap_or_default();
        let netipmid = format!(
            "interface = \"lo\"\nchannel = \"{interface}\"\nlisten = \"{listen}\"\nbind_to_device = true\n\
             cipher_suites = [{suites}]\n{consoles}"
        );
        // The simulated front panel is wired to the host as well.
        let powerd = format!("gpio = \"unix:{dir}/run/gpio.sock\"\nbutton_passthrough = false\n");
        let host = self.host_interface();
        // The guest's power comes from the board; a virtual machine of somebody else's hears of it over the protocol.
        let follow = !options.host;
        let kcsbridged =
            format!("[channel.ipmi_kcs3]\nvm = \"unix:{}\"\nfollow_power = {follow}\n", host.display());
        for (name, text) in [
            ("bus.conf", BUS.replace("@SOCKET@", &socket.to_string_lossy())),
            ("channels.toml", CHANNELS.replace("@INTERFACE@", &interface)),
            ("sensord.toml", format!("sysfs = \"{dir}/sys\"\ngpio = \"unix:{dir}/run/gpio.sock\"\n")),
            ("powerd.toml", powerd),
            ("consoled.toml", CONSOLED.replace("@DIR@", &dir.to_string())),
            ("netipmid.toml", netipmid),
            ("kcsbridged.toml", kcsbridged),
        ] {
            write_private(&self.etc().join(name), &text)?;
        }
        write_private(&self.password_file(), &login.password)?;
        for name in ["board.json", "power-config.json"] {
            let from = beside.join(name);
            fs::copy(&from, self.etc().join(name))
                .with_context(|| format!("cannot copy {}", from.display()))?;
        }
        // The vendor's file, where the board has one; its paths are those of the simulated tree.
        if let Ok(text) = fs::read_to_string(beside.join("ipmid.toml")) {
            write_private(
                &self.etc().join("ipmid.toml"),
                &text.replace("\"/sys/", &format!("\"{dir}/sys/")),
            )?;
        }
        Ok(())
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The interface of the default route, else one with a cable in it, else the loopback, which every machine has.
fn primary_interface() -> String {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    default_route(&routes).or_else(connected_interface).unwrap_or_else(|| "lo".to_owned())
}

/// The interface of the default route with the least metric in the text of `/proc/net/route`.
fn default_route(routes: &str) -> Option<String> {
    let rows = routes.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let metric = |row: &Vec<&str>| row.get(6)?.parse::<u32>().ok();
    let default = rows.filter(|row| row.get(1) == Some(&"00000000") && row.get(7) == Some(&"00000000"));
    Some((*default.min_by_key(metric)?.first()?).to_owned())
}

/// The first other than the loopback, by name, that is up.
fn connected_interface() -> Option<String> {
    let entries = fs::read_dir("/sys/class/net").ok()?.flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let is_up = |name: &String| {
        let state = fs::read_to_string(format!("/sys/class/net/{name}/operstate"));
        name != "lo" && state.is_ok_and(|state| state.trim() == "up")
    };
    names.into_iter().find(is_up)
}

fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind(("127.0.0.1", port)).is_ok()
        && (!has_ipv6() || UdpSocket::bind((Ipv6Addr::LOCALHOST, port)).is_ok())
}

/// A UDP port that no other demo picks while this is held: netipmid binds it a while after it was found to be free.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) number: u16,
    _claim: UnixDatagram,
}

impl Port {
    fn claim(number: u16) -> Option<Self> {
        // A name in the abstract namespace: it belongs to one process at a time and goes with it.
        let name = SocketAddr::from_abstract_name(format!("ferrite-demo-port-{number}")).ok()?;
        let claim = UnixDatagram::bind_addr(&name).ok()?;
        is_free(number).then_some(Self { number, _claim: claim })
    }
}

/// The port asked for, or the first free one.
pub(super) fn choose_port(asked: Option<u16>) -> anyhow::Result<Port> {
    match asked {
        Some(port) => Port::claim(port).with_context(|| {
            format!("UDP port {port} is in use or not ours to use\nhint: another --port, or none")
        }),
        None => (6230..6330).find_map(Port::claim).context("no UDP port from 6230 to 6329 is free"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_demos_that_start_at_once_get_two_ports() {
        let (one, two) = (choose_port(None).unwrap(), choose_port(None).unwrap());
        assert_ne!(one.number, two.number);
        assert!(choose_port(Some(one.number)).is_err());
        let number = one.number;
        drop(one);
        assert!(choose_port(Some(number)).is_ok());
    }

    #[test]
    fn the_interface_is_that_of_the_default_route_with_the_least_metric() {
        let routes = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                      wlan0 00000000 0100A8C0 0003 0 0 600 00000000 0 0 0\n\
                      eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
                      eth0 00000000 0100A8C0 0003 0 0 100 00000000 0 0 0\n";
        assert_eq!(default_route(routes).as_deref(), Some("eth0"));
        assert_eq!(default_route("Iface Destination\n"), None);
        assert_eq!(default_route(""), None);
    }
}
