//! One emulated AST2600 board: its device tree, its process, how it is reached and how it ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::tool_root::{Kernel, ToolRoot};
use crate::workspace::run;

/// GPIO lines that the board's power sequencing uses, as offsets into the first controller (bank P, whose pins have no other
/// duty on this board), with the names that tests/boards/ast2600-evb/etc/ferrite/power-config.json calls them by.
const GPIO_LINES: &[(usize, &str)] = &[
    (120, "power-ok"),
    (121, "power-button"),
    (122, "reset-button"),
    (123, "post-complete"),
    (124, "nmi"),
    (125, "identify-led"),
];

/// How many lines the AST2600's first GPIO controller has.
const GPIO_COUNT: usize = 208;

/// A running board.
pub(crate) struct Board {
    process: Child,
    qmp: PathBuf,
    console: PathBuf,
}

impl Board {
    /// Starts QEMU on `image`; UDP `port` of the loopback interface is the board's port 623.
    pub(crate) fn start(
        tools: &ToolRoot,
        kernel: &Kernel,
        image: &Path,
        work: &Path,
        port: u16,
    ) -> Result<Self> {
        fs::copy(&kernel.image, work.join("vmlinuz"))?;
        fs::copy(&kernel.device_tree, work.join("board.dtb"))?;
        name_gpio_lines(tools, work)?;
        let console = work.join("console.log");
        let qmp = work.join("qmp.sock");
        let _ = fs::remove_file(&qmp);
        let image = image.file_name().context("the image has no name")?.to_string_lossy().into_owned();
        // `exec`, so that the process that we know by its pid is QEMU itself.
        let script = format!(
            "cd /shared && exec qemu-system-arm -M ast2600-evb -accel tcg -m 1G -display none -no-reboot \
             -kernel vmlinuz -dtb board.dtb -initrd '{image}' \
             -append 'console=ttyS4,115200 net.ifnames=0 systemd.show_status=1 systemd.journald.forward_to_console=1' \
             -serial file:console.log -qmp unix:qmp.sock,server=on,wait=off \
             -nic user,model=ftgmac100,hostfwd=udp:127.0.0.1:{port}-:623"
        );
        let mut command: Command = tools.command(work, &script)?;
        let log = fs::File::create(work.join("qemu.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().context("cannot start QEMU")?;
        Ok(Self { process, qmp, console })
    }

    /// QEMU's process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where QEMU's machine protocol listens.
    pub(crate) fn qmp(&self) -> &Path {
        &self.qmp
    }

    /// What the board's serial console printed.
    pub(crate) fn console(&self) -> &Path {
        &self.console
    }

    /// Fails, with the end of the console's output, where QEMU has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            let text = fs::read(&self.console).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let tail: Vec<&str> = text.lines().rev().take(15).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            bail!("QEMU ended with {status}; the console's last lines:\n{}", tail.join("\n"));
        }
        Ok(())
    }

    /// Ends the machine as a power cut would.
    pub(crate) fn power_cut(mut self) -> Result<()> {
        let _ = quit(&self.qmp);
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

/// The board's own device tree names no GPIO line, and a board file finds its lines by name.
fn name_gpio_lines(tools: &ToolRoot, work: &Path) -> Result<()> {
    let mut names = vec!["''"; GPIO_COUNT];
    for (offset, name) in GPIO_LINES {
        if let Some(slot) = names.get_mut(*offset) {
            *slot = name;
        }
    }
    let script =
        format!("fdtput -t s /shared/board.dtb /ahb/apb/gpio@1e780000 gpio-line-names {}", names.join(" "));
    run(&mut tools.command(work, &script)?)
}
