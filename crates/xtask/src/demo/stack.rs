//! The stack: bus, board, daemons, and the order they start in.

use std::{
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{
    Description, GuestSockets, Login, Mode, Options,
    layout::{Layout, choose_port},
    process::Process,
    record, unit,
};
use crate::guest::Guest;

/// The daemons and the arguments that are theirs alone. They find each other in any order; this one asks least of them.
const DAEMONS: [(&str, &[&str]); 9] = [
    ("userd", &[]),
    ("networkd", &[]),
    ("seld", &[]),
    ("consoled", &["--instance", CONSOLE]),
    ("powerd", &[]),
    ("sensord", &[]),
    ("ipmid", &[]),
    ("netipmid", &["--instance", "lo"]),
    ("kcsbridged", &["--instance", "ipmi_kcs3"]),
];

/// The one console of the board, by the name that OpenBMC's netipmid looks for.
const CONSOLE: &str = "default";

/// How long the stack may take from its first process to the first login.
const START: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(100);

/// A running stack; ended on drop unless it is detached.
#[derive(Debug)]
pub struct Stack {
    layout: Layout,
    processes: Vec<Process>,
    tied: bool,
    detached: bool,
    description: Description,
}

impl Stack {
    /// Starts everything from `binaries`, the directory of `ferrite` and `bmc-sim`, and waits until a login works.
    ///
    /// # Errors
    /// The process that did not start, with the end of its log. The directory stays, for its logs; the next start removes it.
    pub fn start(options: &Options, binaries: &Path) -> anyhow::Result<Self> {
        record::clear(&options.state_dir)?;
        let guest = options.host.then(Guest::prepare).transpose()?;
        let login = Login::from_options(options)?;
        let port = choose_port(options.port)?;
        let layout = Layout::create(options)?;
        record::write(&layout.dir, &[])?;
        layout.configure(options, port.number, &login)?;
        let mut description = describe(&layout, port.number, &login);
        if let Some(guest) = &guest {
            layout.install(guest)?;
            let sockets = layout.guest_sockets();
            description.guest = Some(GuestSockets { agent: sockets.agent, qmp: sockets.qmp });
        }
        let tied = options.mode != Mode::Detached;
        let mut stack = Self { layout, processes: Vec::new(), tied, detached: false, description };
        stack.start_bus()?;
        stack.start_board(options, binaries)?;
        for (name, arguments) in DAEMONS {
            stack.start_daemon(&binaries.join("ferrite"), name, arguments)?;
        }
        stack.create_user(&binaries.join("ferrite"))?;
        stack.wait_for_login()?;
        if options.host {
            stack.power_on()?;
        }
        stack.describe_processes();
        Ok(stack)
    }

    /// Where it is and how to get in.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The file of the administrator's password, for `ipmitool -f`.
    pub fn password_file(&self) -> PathBuf {
        self.layout.password_file()
    }

    /// Leaves it running.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Ends it and removes what it made.
    ///
    /// # Errors
    /// Where the directory cannot be removed.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.detached = true;
        record::stop(&self.layout.dir)
    }

    fn spawn(&mut self, name: &str, program: &Path, set: impl FnOnce(&mut Command)) -> anyhow::Result<()> {
        eprintln!("    {name}");
        let process = Process::spawn(name, program, self.tied, &self.layout.log(name), set)?;
        self.processes.push(process);
        record::write(&self.layout.dir, &self.processes)
    }

    fn start_bus(&mut self) -> anyhow::Result<()> {
        let config = format!("--config-file={}", self.layout.bus_config().display());
        self.spawn("dbus-daemon", Path::new("dbus-daemon"), |command| {
            command.args([&config, "--nofork", "--nopidfile", "--nosyslog"]);
        })?;
        let socket = self.layout.bus_socket();
        self.wait_until("the bus to listen", || Ok(socket.exists()))
    }

    fn start_board(&mut self, options: &Options, binaries: &Path) -> anyhow::Result<()> {
        let (board, dir) = (&options.board, self.layout.dir.clone());
        let guest = self.layout.guest_program();
        self.spawn("bmc-sim", &binaries.join("bmc-sim"), |command| {
            command.arg("--board").arg(board).arg("--dir").arg(&dir);
            if options.host {
                command.arg("--guest").arg(guest);
            }
        })?;
        let socket = self.layout.board_socket();
        self.wait_until("the board to appear", || Ok(socket.exists()))
    }

    fn start_daemon(&mut self, ferrite: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let (etc, state) = (self.layout.etc(), self.layout.state(name));
        let bus = self.layout.bus_address();
        let environment = unit::environment(name)?;
        self.spawn(name, ferrite, |command| {
            command.envs(environment);
            command.arg(name).arg("--config-dir").arg(etc).arg("--state-dir").arg(state).args(arguments);
            command
                .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
                .env_remove("NOTIFY_SOCKET")
                .env_remove("JOURNAL_STREAM");
        })
    }

    fn create_user(&self, ferrite: &Path) -> anyhow::Result<()> {
        /// `ferrite ctl` ends so where a daemon is not there (yet); every other failure is final.
        const NOT_THERE: i32 = 3;
        self.wait_until("the administrator to be created", || {
            let mut command = Command::new(ferrite);
            command.args(["ctl", "user", "add", &self.description.user, "--privilege", "administrator"]);
            command.arg("--password-file").arg(self.layout.password_file());
            command.env("DBUS_SYSTEM_BUS_ADDRESS", self.layout.bus_address());
            let output = output(&mut command)?;
            match output.status.code() {
                Some(0) => Ok(true),
                Some(NOT_THERE) => Ok(false),
                _ => bail!("cannot create `{}`: {}", self.description.user, words(&output.stderr)),
            }
        })
    }

    fn wait_for_login(&self) -> anyhow::Result<()> {
        let port = self.description.port;
        // First a ping, which needs no user: a login before netipmid has the users is a failed login.
        self.wait_until("the LAN channel to answer a ping", || Ok(answers_ping(port).unwrap_or(false)))?;
        let mut last = String::new();
        self.wait_until("the first login", || {
            let output = self.ipmitool(&["mc", "info"])?;
            last = words(&output.stderr);
            Ok(output.status.success())
        })
        .with_context(|| format!("ipmitool: {last}"))
    }

    /// A machine that is the host is off until its BMC is there for it to find.
    fn power_on(&self) -> anyhow::Result<()> {
        let output = self.ipmitool(&["chassis", "power", "on"])?;
        if !output.status.success() {
            bail!("the host cannot be turned on: {}", words(&output.stderr));
        }
        Ok(())
    }

    fn ipmitool(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new("ipmitool");
        command.args(["-I", "lanplus", "-N", "2", "-R", "1", "-H", &self.description.host]);
        command.args(["-p", &self.description.port.to_string(), "-U", &self.description.user, "-f"]);
        output(command.arg(self.layout.password_file()).args(arguments))
    }

    /// Waits for `condition`, but not for a stack of which a part has ended.
    fn wait_until(
        &self,
        what: &str,
        mut condition: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while !condition()? {
            if let Some(dead) = self.processes.iter().find(|process| !process.is_alive()) {
                bail!("{} ended\n{}", dead.name, dead.last_words());
            }
            if Instant::now() > deadline {
                let logs = self.layout.dir.join("log");
                bail!("waited {} s for {what}\nhint: the logs are in {}", START.as_secs(), logs.display());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn describe_processes(&mut self) {
        let pairs = self.processes.iter().map(|process| (process.name.clone(), process.pid));
        self.description.daemons = pairs.collect();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !self.detached {
            record::end(&self.processes);
        }
    }
}

fn describe(layout: &Layout, port: u16, login: &Login) -> Description {
    Description {
        host: "127.0.0.1".to_owned(),
        port,
        user: login.user.clone(),
        password: login.password.clone(),
        bus_address: layout.bus_address(),
        board_control: layout.board_socket(),
        consoles: [(CONSOLE.to_owned(), layout.console_socket())].into(),
        host_interface: Some(layout.host_interface()),
        guest: None,
        daemons: Default::default(),
        state_dir: layout.dir.clone(),
    }
}

fn output(command: &mut Command) -> anyhow::Result<Output> {
    let shown = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))
}

fn words(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}

/// An ASF presence ping (v2.0§13.2.3) and whether a pong comes back.
fn answers_ping(port: u16) -> std::io::Result<bool> {
    const PING: [u8; 12] = [0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x2a, 0, 0];
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.send(&PING)?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(length >= 10 && answer.get(8) == Some(&0x40) && answer.get(9) == Some(&0x2a))
}
