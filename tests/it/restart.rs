//! Parts of the stack that end and start again under those that stay. Each test has a stack of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::support::{Running, eventually};

/// ipmitool's shell: one session for many commands.
struct Shell {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn open(stack: &Running) -> Self {
        let mut command = stack.ipmitool().command("shell");
        let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
        Self { client, input, output: BufReader::new(output) }
    }

    /// Sends `words` and waits for the line that holds `wanted`.
    fn ask(&mut self, words: &str, wanted: &str) -> String {
        writeln!(self.input, "{words}").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.output.read_line(&mut line).unwrap();
            assert!(length > 0, "ipmitool ended before it said `{wanted}` to `{words}`");
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Ends a process of the stack as a crash would, and starts it again with the words and surroundings it had.
fn crash_and_restart(stack: &Running, daemon: &str, between: impl FnOnce()) -> Started {
    let pid = stack.description.daemons[daemon];
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let words = String::from_utf8(words).unwrap();
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    between();
    let mut command = Command::new(program);
    command.args(words.split_terminator('\0').skip(1));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", &stack.description.bus_address);
    let log = stack.description.state_dir.join(format!("log/{daemon}-again.log"));
    let log = std::fs::File::create(log).unwrap();
    Started(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
}

/// Ends what a test started.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_session_survives_a_crash_of_ipmid() {
    let stack = Running::start();
    let mut shell = Shell::open(&stack);
    let before = shell.ask("raw 6 1", "20 ");
    let _again = crash_and_restart(&stack, "ipmid", || {});
    eventually("ipmid to answer a new session", || stack.ipmitool().run("mc info").success);
    assert_eq!(shell.ask("raw 6 1", "20 "), before);
}

#[test]
fn every_daemon_comes_back_after_a_restart_of_the_bus() {
    let stack = Running::start();
    let sensors = stack.board().sensors.len();
    let socket = stack.description.state_dir.join("run/bus");
    // An abrupt end leaves the socket's file.
    let _again = crash_and_restart(&stack, "dbus-daemon", || std::fs::remove_file(socket).unwrap());
    eventually("the stack to answer again", || stack.ipmitool().run("mc info").success);
    eventually("the sensors to be back", || {
        let answer = stack.ipmitool().run("sdr elist full");
        answer.success && answer.stdout.lines().filter(|line| !line.contains("no reading")).count() >= sensors
    });
    stack.ipmitool().ok("chassis power off");
    stack.board_becomes("the power to go", |board| !board.power_ok);
}
