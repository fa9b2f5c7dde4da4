//! The host's machine: a program that runs an operating system in earnest, on the board's wires.
//!
//! It speaks QEMU's machine protocol on its standard input and output. The board starts it when the main rails come up and ends it
//! when they go; what it does by itself (a shutdown, a restart) it tells the board.

use std::{path::Path, process::Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};

use crate::Wire;

/// What the machine says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It runs, as this process.
    Started(u32),
    /// It restarted, and nobody on the board made it.
    Restarted,
    /// It is gone.
    Ended,
}

/// Lets `wires` act on `program` until they end, and tells what it says.
pub(crate) async fn run(
    program: &Path,
    mut wires: mpsc::Receiver<Wire>,
    mut tell: impl FnMut(Said),
) -> anyhow::Result<()> {
    let mut running: Option<Machine> = None;
    loop {
        tokio::select! {
            wire = wires.recv() => match (wire, &mut running) {
                (None, _) => return Ok(()),
                (Some(Wire::PowerOn), None) => {
                    let machine = Machine::start(program).await?;
                    tell(Said::Started(machine.process.id().unwrap_or_default()));
                    running = Some(machine);
                }
                (Some(Wire::PowerOff), Some(machine)) => {
                    machine.process.kill().await.context("cannot end the host's machine")?;
                    running = None;
                    tell(Said::Ended);
                }
                (Some(wire), Some(machine)) => machine.feel(wire).await,
                // An interrupt and the power's end may cross on the way.
                (Some(_), None) => {}
            },
            said = listen(&mut running) => {
                if said == Said::Ended {
                    running = None;
                }
                tell(said);
            }
        }
    }
}

/// The next thing that it says; nothing ever where none runs. May be dropped and called again.
async fn listen(running: &mut Option<Machine>) -> Said {
    match running {
        Some(machine) => machine.said().await,
        None => std::future::pending().await,
    }
}

struct Machine {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Machine {
    async fn start(program: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process =
            command.spawn().with_context(|| format!("cannot start the guest {}", program.display()))?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let (input, output) = input.zip(output).context("the guest has no input or output")?;
        let mut machine = Self { process, input, output: BufReader::new(output).lines() };
        machine.execute("qmp_capabilities").await;
        Ok(machine)
    }

    async fn feel(&mut self, wire: Wire) {
        match wire {
            Wire::PowerButton => self.execute("system_powerdown").await,
            Wire::Interrupt => self.execute("inject-nmi").await,
            Wire::Reset => {
                self.execute("system_reset").await;
                // Whatever held its processors, a debugger for one, a reset lets them go.
                self.execute("cont").await;
            }
            Wire::PowerOn | Wire::PowerOff => {}
        }
    }

    /// A machine that no longer listens is about to end, which its output tells.
    async fn execute(&mut self, command: &str) {
        let line = format!("{}\n", json!({ "execute": command }));
        if let Err(error) = self.input.write_all(line.as_bytes()).await {
            tracing::warn!("the guest does not take `{command}`: {error}");
        }
    }

    async fn said(&mut self) -> Said {
        loop {
            match self.output.next_line().await {
                Ok(Some(line)) => match meaning(&line) {
                    Some(said) => return said,
                    None => continue,
                },
                Ok(None) => {}
                Err(error) => tracing::warn!("the guest cannot be heard: {error}"),
            }
            match self.process.wait().await {
                Ok(status) if status.success() => tracing::info!("the guest turned itself off"),
                Ok(status) => tracing::warn!("the guest ended: {status}"),
                Err(error) => tracing::warn!("the guest's end is not known: {error}"),
            }
            return Said::Ended;
        }
    }
}

/// What a line of the machine's output says of it; most say nothing.
fn meaning(line: &str) -> Option<Said> {
    let Ok(message) = serde_json::from_str::<Value>(line) else {
        tracing::warn!("the guest says what is no message: {line}");
        return None;
    };
    if let Some(error) = message.get("error") {
        tracing::warn!("the guest refuses: {error}");
    }
    let by_itself = message["data"]["guest"] == true;
    (message["event"] == "RESET" && by_itself).then_some(Said::Restarted)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A program that notes what it is told, in `heard`, and does as `does` says.
    fn program(directory: &Path, does: &str) -> std::path::PathBuf {
        let path = directory.join("guest");
        let heard = directory.join("heard");
        let script = format!("#!/bin/sh\nheard={}\n{does}\n", heard.display());
        let text = directory.join("guest.sh");
        fs::write(&text, script).unwrap();
        // By a process of its own: what another test's thread forks meanwhile would hold a file open that we write ourselves, and what
        // somebody may write cannot be run.
        let copied = std::process::Command::new("install").args(["-m", "700"]).args([&text, &path]).status();
        assert!(copied.unwrap().success());
        path
    }

    /// Sends `wires`, the first at once and each other after the machine said something, and gives what it said.
    async fn story(does: &str, wires: &[Wire], until: Said) -> (Vec<Said>, String) {
        let directory = tempfile::tempdir().unwrap();
        let program = program(directory.path(), does);
        let (sender, receiver) = mpsc::channel(8);
        let mut rest = wires.iter();
        sender.try_send(*rest.next().unwrap()).unwrap();
        let mut said = Vec::new();
        let (done, mut finished) = mpsc::channel(1);
        let machine = run(&program, receiver, |what| {
            said.push(what);
            if let Some(wire) = rest.next() {
                sender.try_send(*wire).unwrap();
            }
            if what == until {
                let _ = done.try_send(());
            }
        });
        tokio::select! {
            result = machine => result.unwrap(),
            _ = finished.recv() => {}
        }
        (said, fs::read_to_string(directory.path().join("heard")).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_machine_that_turns_itself_off_is_told_of_as_gone() {
        let (said, _) = story("exit 0", &[Wire::PowerOn], Said::Ended).await;
        assert!(matches!(said[..], [Said::Started(_), Said::Ended]), "{said:?}");
    }

    #[tokio::test]
    async fn a_power_off_ends_the_machine() {
        let (said, _) = story("exec sleep 1000", &[Wire::PowerOn, Wire::PowerOff], Said::Ended).await;
        assert!(matches!(said[..], [Said::Started(_), Said::Ended]), "{said:?}");
    }

    #[tokio::test]
    async fn a_reset_reaches_the_machine_and_its_own_restart_the_board() {
        // It begins as QEMU does, and restarts after the third line that it was told.
        let does = r#"echo '{"QMP":{}}'; for n in 1 2 3; do read -r line; echo "$line" >> "$heard"; done
            echo '{"event":"RESET","data":{"guest":false}}'; echo '{"event":"RESET","data":{"guest":true}}'; exec sleep 1000"#;
        let (said, heard) = story(does, &[Wire::PowerOn, Wire::Reset], Said::Restarted).await;
        assert!(matches!(said[..], [Said::Started(_), Said::Restarted]), "{said:?}");
        let commands = ["qmp_capabilities", "system_reset", "cont"];
        assert_eq!(heard, commands.map(|name| format!("{{\"execute\":\"{name}\"}}\n")).concat());
    }
}
