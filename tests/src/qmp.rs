//! QEMU's machine protocol, as much of it as a test bench needs: read and write object properties, end the machine.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// A conversation with one QEMU.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects to the socket at `path` and leaves the greeting behind.
    ///
    /// # Errors
    /// Where nothing listens there, or what listens is no QEMU.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(path).with_context(|| format!("no QEMU listens at {}", path.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut qmp = Self { stream: BufReader::new(stream) };
        qmp.read()?;
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and gives what it returns; events on the way are passed over.
    ///
    /// # Errors
    /// What QEMU says against the command, or a lost connection.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        loop {
            let mut answer = self.read()?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// The path of the first object of type `kind` among the machine's devices.
    ///
    /// # Errors
    /// Where the machine has none.
    pub fn find(&mut self, kind: &str) -> Result<String> {
        let wanted = format!("child<{kind}>");
        for parent in ["/machine/unattached", "/machine/peripheral-anon", "/machine/peripheral"] {
            let children = self.execute("qom-list", json!({ "path": parent }))?;
            let found =
                children.as_array().into_iter().flatten().find(|child| child["type"] == wanted.as_str());
            if let Some(name) = found.and_then(|child| child["name"].as_str()) {
                return Ok(format!("{parent}/{name}"));
            }
        }
        bail!("the machine has no {kind}")
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("QEMU closed the connection");
        }
        Ok(serde_json::from_str(&line)?)
    }
}
