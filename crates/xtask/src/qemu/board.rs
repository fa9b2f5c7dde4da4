//! One emulated AST2600 board: its process, how it is reached and how it ends.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{
    parts,
    tool_root::{Kernel, ToolRoot},
};

/// The board's UARTs that lead out, in the order of QEMU's `-serial`: its console is UART5, then they count from UART1.
const SERIAL: [&str; 3] = ["console", "host", "agent"];

/// Where a board is reached, in its directory.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sockets {
    /// QEMU's machine protocol.
    pub(crate) qmp: PathBuf,
    /// A second one, for whoever is the host at the LPC registers.
    pub(crate) host_qmp: PathBuf,
    /// QEMU's test protocol, which writes registers that the machine protocol does not.
    pub(crate) qtest: PathBuf,
    /// A root shell on the board's serial console.
    pub(crate) console: PathBuf,
    /// What the console printed.
    pub(crate) console_log: PathBuf,
    /// The other end of the host's UART, on which consoled is.
    pub(crate) host_uart: PathBuf,
    /// A shell for tests: `tests/guest/etc/agent` says what is spoken there.
    pub(crate) agent: PathBuf,
    /// A program that powers the same board on again, after a power cut.
    pub(crate) power_on: PathBuf,
    /// The number of QEMU's process.
    pub(crate) pid_file: PathBuf,
}

impl Sockets {
    fn of(work: &Path) -> Self {
        let [console, host_uart, agent] = SERIAL.map(|name| work.join(name).with_extension("sock"));
        Self {
            qmp: work.join("qmp.sock"),
            host_qmp: work.join("host-qmp.sock"),
            qtest: work.join("qtest.sock"),
            console_log: work.join("console.log"),
            power_on: work.join("power-on"),
            pid_file: work.join("qemu.pid"),
            console,
            host_uart,
            agent,
        }
    }
}

fn last_lines(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}

/// A running board.
pub(crate) struct Board {
    process: Child,
    /// What QEMU itself says.
    log: PathBuf,
    sockets: Sockets,
}

impl Board {
    /// Starts QEMU on `image` with fresh disks; `address` is the board's UDP port 623.
    pub(crate) fn start(
        tools: &ToolRoot,
        kernel: &Kernel,
        image: &Path,
        work: &Path,
        address: SocketAddrV4,
    ) -> Result<Self> {
        fs::copy(&kernel.image, work.join("vmlinuz"))?;
        parts::make(tools, kernel, work)?;
        let sockets = Sockets::of(work);
        for stale in [&sockets.qmp, &sockets.console_log, &sockets.pid_file] {
            let _ = fs::remove_file(stale);
        }
        let image = image.file_name().context("the image has no name")?.to_string_lossy().into_owned();
        let machine = tools.command(work, &qemu(&image, address)?)?;
        fs::write(&sockets.power_on, format!("exec {}\n", shell_line(&machine)))?;
        let mut command = Command::new("sh");
        let log = work.join("qemu.log");
        let said = fs::File::create(&log)?;
        command.arg(&sockets.power_on).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let process = command.spawn().context("cannot start QEMU")?;
        Ok(Self { process, log, sockets })
    }

    /// QEMU's process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where the board is reached.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Fails, with the end of what QEMU and the console said, where QEMU has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            let (log, console) = (last_lines(&self.log), last_lines(&self.sockets.console_log));
            bail!("QEMU ended with {status}\n{log}\nthe console's last lines:\n{console}");
        }
        Ok(())
    }

    /// Ends the machine as a power cut would.
    pub(crate) fn power_cut(mut self) -> Result<()> {
        let _ = quit(&self.sockets.qmp);
        self.process.wait()?;
        Ok(())
    }
}

/// Tells the QEMU behind `socket` to end at once.
pub(crate) fn quit(socket: &Path) -> Result<()> {
    use std::{
        io::{Read as _, Write as _},
        os::unix::net::UnixStream,
    };
    let mut qmp =
        UnixStream::connect(socket).with_context(|| format!("no QEMU listens at {}", socket.display()))?;
    qmp.write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n")?;
    // QEMU closes the connection when it ends; one that is closed earlier takes its commands with it.
    let _ = qmp.read_to_end(&mut Vec::new());
    Ok(())
}

/// Where the board is reached unless somebody wants it elsewhere: at port 623 of a loopback address of its own, by this process'
/// number, because ipmitool takes Serial over LAN from no other port than the one that the BMC names.
pub(crate) fn own_address() -> SocketAddrV4 {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(127, high, low, 1), 623)
}

/// The line that becomes QEMU, in the tool root with the board's directory at `/shared`.
fn qemu(image: &str, address: SocketAddrV4) -> Result<String> {
    let serial = SERIAL.map(|name| {
        let more = match name {
            // The log goes on over a power cut.
            "console" => ",logfile=console.log,logappend=on",
            // Telnet has a word for a break.
            "host" => ",telnet=on",
            _ => "",
        };
        format!("-chardev socket,id={name},path={name}.sock,server=on,wait=off{more} -serial chardev:{name}")
    });
    // `exec`, so that the process that we know by its pid is QEMU itself.
    Ok(format!(
        "cd /shared && exec qemu-system-arm -M ast2600-evb -accel tcg -m 1G -display none -no-reboot -pidfile qemu.pid \
         -kernel vmlinuz -dtb board.dtb -initrd '{image}' \
         -append 'console=ttyS4,115200 net.ifnames=0 systemd.getty_auto=no systemd.show_status=1 systemd.journald.forward_to_console=1' \
         {serial} -qmp unix:qmp.sock,server=on,wait=off -qmp unix:host-qmp.sock,server=on,wait=off \
         -qtest unix:qtest.sock,server=on,wait=off -qtest-log none \
         -nic user,model=ftgmac100,hostfwd=udp:{host}:{port}-:623 {parts}",
        host = address.ip(),
        port = address.port(),
        serial = serial.join(" "),
        parts = parts::options()?,
    ))
}

/// `command` as a shell reads it.
fn shell_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = |word: std::borrow::Cow<'_, str>| format!("'{}'", word.replace('\'', r"'\''"));
    words.map(|word| quoted(word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
