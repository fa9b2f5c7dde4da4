//! `cargo xtask demo`: Ferrite on a simulated board, on this machine, for any IPMI client to talk to.

mod layout;
mod login;
mod options;
mod process;
mod record;
mod stack;
mod unit;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};
use serde::{Deserialize, Serialize};

use crate::{setup, step::step, workspace};

pub use login::Login;
pub use options::{Mode, Options};
pub use stack::Stack;

/// What `--json` prints: where the stack is and how to get in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// IPv4 address that netipmid listens at.
    pub host: String,
    /// UDP port, at `host` and at `::1`.
    pub port: u16,
    /// An administrator.
    pub user: String,
    /// The administrator's password.
    pub password: String,
    /// For `DBUS_SYSTEM_BUS_ADDRESS`.
    pub bus_address: String,
    /// The simulated board's control socket.
    pub board_control: PathBuf,
    /// Console id and Unix socket.
    pub consoles: BTreeMap<String, PathBuf>,
    /// Where the host's side connects: OpenIPMI's VM protocol, as QEMU's `ipmi-bmc-extern` speaks it.
    pub host_interface: Option<PathBuf>,
    /// Where the guest that is the board's host is reached, where there is one.
    pub guest: Option<GuestSockets>,
    /// Process id of each daemon, bus and board included.
    pub daemons: BTreeMap<String, u32>,
    /// Everything that the demo made.
    pub state_dir: PathBuf,
}

/// The guest's Unix sockets. They are there while the host has power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSockets {
    /// The second serial port, which runs commands (`tests/guest/etc/agent`).
    pub agent: PathBuf,
    /// QEMU's machine protocol.
    pub qmp: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// What could not be built, started or reached, with the log of the daemon concerned.
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let options = Options::parse(arguments)?;
    match options.mode {
        Mode::Help => {
            print!("{}", options::USAGE);
            Ok(())
        }
        Mode::Stop => record::stop(&options.state_dir),
        Mode::Detached => {
            let stack = start(&options)?;
            report(&options, &stack)?;
            stack.detach();
            Ok(())
        }
        Mode::Foreground | Mode::Tied => foreground(&options),
    }
}

/// Builds what is needed and starts the stack.
///
/// # Errors
/// As [`main`].
pub fn start(options: &Options) -> anyhow::Result<Stack> {
    setup::setup()?;
    let binaries = step("building", || build(options.release))?;
    step("starting", || Stack::start(options, &binaries))
}

/// Builds the daemons and the board; the directory of the executables.
pub(crate) fn build(release: bool) -> anyhow::Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "ferrite", "--package", "bmc-sim"]);
    if release {
        command.arg("--release");
    }
    workspace::run(&mut command)?;
    workspace::target_dir(release)
}

fn foreground(options: &Options) -> anyhow::Result<()> {
    let stack = start(options)?;
    // Not before: the processes would inherit it. Until here a Ctrl-C ends us, and the kernel the processes with us.
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().context("cannot block signals")?;
    report(options, &stack)?;
    if options.mode == Mode::Tied {
        // Ends when whoever started us closes our input, which the kernel does for it if it must.
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
    } else {
        signals.wait().context("cannot wait for a signal")?;
    }
    eprintln!("ending");
    stack.stop()
}

fn report(options: &Options, stack: &Stack) -> anyhow::Result<()> {
    if options.json {
        println!("{}", serde_json::to_string(stack.description())?);
    } else {
        let board = workspace::target_dir(options.release)?.join("bmc-sim");
        print!("{}", lines_to_paste(options, stack.description(), &stack.password_file(), &board));
    }
    Ok(())
}

/// In an order in which each succeeds: the sensors while the host is on, and the soft power-off last, since a host that is off cannot be
/// cycled. A host that is on its way up takes no soft power-off: a shell passes the remark over when all are pasted at once.
const COMMANDS: [&str; 17] = [
    "mc info",
    "chassis status",
    "sdr elist",
    "sensor list",
    "sensor get 'CPU0 Temp'",
    "sdr get 'CPU0 Temp'",
    "sel info",
    "user list 1",
    "channel info 1",
    "lan print 1",
    "session info all",
    "chassis identify",
    "chassis power reset",
    "chassis power cycle",
    "chassis power off",
    "chassis power on",
    SOFT_OFF,
];

const SOFT_OFF: &str = "chassis power soft";

fn lines_to_paste(options: &Options, stack: &Description, password_file: &Path, board: &Path) -> String {
    let suite = options.cipher_suites.first().copied().unwrap_or(17);
    let client = format!(
        "ipmitool -I lanplus -H {} -p {} -U {} -f {} -C {suite}",
        stack.host,
        stack.port,
        stack.user,
        password_file.display()
    );
    let mut text = format!("\nFerrite answers at {} port {} (and at ::1).\n", stack.host, stack.port);
    text.push_str(&format!("user {}, password {}\n\n", stack.user, stack.password));
    for command in COMMANDS {
        if command == SOFT_OFF {
            text.push_str("# a few seconds later, when `chassis status` says that the host is on again:\n");
        }
        text.push_str(&format!("{client} {command}\n"));
    }
    text.push_str(&format!(
        "\nlogs: {}/log\nboard: {} control {} state\n",
        stack.state_dir.display(),
        board.display(),
        stack.board_control.display()
    ));
    if stack.guest.is_some() {
        let log = stack.state_dir.join("log/guest-console.log");
        text.push_str(&format!(
            "guest: its serial console, with a root shell, is the host's; its output is in {}\n",
            log.display()
        ));
    }
    for (id, socket) in &stack.consoles {
        let ctl = format!(
            "DBUS_SYSTEM_BUS_ADDRESS={} {} ctl",
            stack.bus_address,
            board.with_file_name("ferrite").display()
        );
        text.push_str(&format!(
            "host console: {ctl} console {id}\n          or: nc -U {}\n",
            socket.display()
        ));
    }
    text.push_str(&match options.mode {
        Mode::Detached => {
            format!("end it with: cargo xtask demo --stop --state-dir {}\n", stack.state_dir.display())
        }
        _ => "end it with Ctrl-C\n".to_owned(),
    });
    text
}
