//! What the figures were taken on: they mean nothing without.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::workspace;

/// Processor, kernel and versions; `?` for what does not say.
pub(crate) fn describe() -> Value {
    json!({
        "processor": processor(),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "kernel": first_line(Command::new("uname").arg("-srm")),
        "rustc": first_line(Command::new("rustc").arg("--version")),
        "dbus_daemon": first_line(Command::new("dbus-daemon").arg("--version")),
        "ipmitool": first_line(Command::new("ipmitool").arg("-V")),
        "commit": first_line(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace::root())),
    })
}

/// Processes that ran or waited to run in the last minute: anything above ours makes the figures worse.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().unwrap_or("?").to_owned()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "?".to_owned(), |(_, name)| name.trim().to_owned())
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("?").to_owned()
}
