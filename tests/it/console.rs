//! The host's serial console, as local people have it: the Unix socket and `ferrite ctl console`.

use std::{
    fs::File,
    io::Write as _,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use bmc_sim::HostPhase;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::support::{Running, crash_and_restart, eventually, shared};

const LOGIN: &str = "simulated-host login: ";
const PROMPT: &str = "root@simulated-host:~# ";
/// Long, so that only what hangs fails.
const PATIENCE: Duration = Duration::from_secs(40);

/// Both directions of a console, whatever carries them; reads on a thread of its own.
struct Console {
    input: Box<dyn std::io::Write>,
    output: mpsc::Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Console {
    fn new(input: impl std::io::Write + 'static, mut output: impl std::io::Read + Send + 'static) -> Self {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { input: Box::new(input), output: receive, seen: Vec::new() }
    }

    /// The socket that consoled serves.
    fn socket(stack: &Running) -> Self {
        let stream = UnixStream::connect(&stack.description.consoles["default"]).unwrap();
        Self::new(stream.try_clone().unwrap(), stream)
    }

    fn send(&mut self, keys: &[u8]) {
        self.input.write_all(keys).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until `wanted` is among the output, and takes everything up to its end.
    fn until(&mut self, wanted: &str) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let wanted = wanted.as_bytes();
            if let Some(at) = self.seen.windows(wanted.len()).position(|window| window == wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(error) => {
                    let tail = String::from_utf8_lossy(&self.seen[self.seen.len().saturating_sub(300)..]);
                    panic!("{wanted:?} did not come ({error}); the end of what did: {tail:?}");
                }
            }
        }
    }

    /// Waits for the number of bytes, and takes them.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while self.seen.len() < length {
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self.output.recv_timeout(left);
            self.seen.extend(
                bytes.unwrap_or_else(|error| panic!("{} of {length} bytes came: {error}", self.seen.len())),
            );
        }
        let rest = self.seen.split_off(length);
        std::mem::replace(&mut self.seen, rest)
    }

    /// Is at the shell's prompt, wherever the test before left it.
    fn log_in(&mut self) {
        self.send(b"\x03");
        let answer = self.until(" ");
        let mut at = String::from_utf8_lossy(&answer).into_owned();
        while !at.ends_with(LOGIN) && !at.ends_with(PROMPT) {
            at.push_str(&String::from_utf8_lossy(&self.until(" ")));
        }
        // What was there before the interrupt may end with a prompt as well: the answer to a question of ours does not.
        self.send(b"root\r");
        self.send(b"echo a-$-marker\r");
        self.until("\r\na-$-marker\r\n");
        self.until(PROMPT);
    }

    fn run(&mut self, command: &str) {
        self.send(format!("{command}\r").as_bytes());
        self.until(&format!("{command}\r\n"));
    }
}

/// A terminal with `ferrite ctl console` at it.
struct Terminal {
    far: File,
    ctl: Child,
}

impl Terminal {
    fn start(stack: &Running, words: &str) -> Self {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        let near = || -> Stdio {
            let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
            ioctl_tiocgptpeer(&far, flags).unwrap().into()
        };
        let mut ctl = stack.ferrite(&format!("ctl console {words}"));
        let ctl = ctl.stdin(near()).stdout(near()).stderr(near()).spawn().unwrap();
        Self { far: far.into(), ctl }
    }

    fn console(&self) -> Console {
        Console::new(self.far.try_clone().unwrap(), self.far.try_clone().unwrap())
    }

    /// Ends it by a signal, which must leave the terminal as it was.
    fn end(&mut self) {
        let pid = self.ctl.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.ctl.wait().unwrap();
        assert!(!self.is_raw(), "the terminal is left raw");
    }

    fn is_raw(&self) -> bool {
        let termios = rustix::termios::tcgetattr(&self.far).unwrap();
        !termios.local_modes.contains(rustix::termios::LocalModes::ICANON)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.ctl.kill();
        let _ = self.ctl.wait();
    }
}

/// `ferrite ctl console` between two pipes; ended with this.
struct Pipe(Child);

impl Pipe {
    fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.0.id().to_string());
        assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pipe(stack: &Running, words: &str) -> (Pipe, Console) {
    let mut ctl: Command = stack.ferrite(&format!("ctl console {words}"));
    let mut ctl = ctl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let console = Console::new(ctl.stdin.take().unwrap(), ctl.stdout.take().unwrap());
    (Pipe(ctl), console)
}

#[test]
fn two_watch_on_the_socket_and_a_megabyte_comes_through_both_as_it_is() {
    let stack = shared();
    let (mut one, mut two) = (Console::socket(&stack), Console::socket(&stack));
    one.log_in();
    two.until("\r\na-$-marker\r\n");
    two.until(PROMPT);
    one.run("burst 1048576");
    two.until("burst 1048576\r\n");
    let expected = bmc_sim::burst(1_048_576);
    assert!(one.take(expected.len()) == expected, "what the first saw is not what was printed");
    assert!(two.take(expected.len()) == expected, "what the second saw is not what was printed");
    one.until(PROMPT);
    one.run("screen");
    let drawn = bmc_sim::screen();
    assert_eq!(String::from_utf8(one.take(drawn.len())).unwrap(), drawn, "colours and cursor movement");
}

#[test]
fn a_megabyte_of_keys_reaches_the_host_as_it_is() {
    let stack = shared();
    let mut console = Console::socket(&stack);
    console.log_in();
    console.run("receive 1048576");
    console.until("ready\r\n");
    let bytes = bmc_sim::burst(1_048_576);
    console.send(&bytes);
    let sum =
        bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    console.until(&format!("received 1048576 bytes, sum {sum:08x}\r\n"));
}

#[test]
fn a_person_at_a_terminal_types_sends_a_break_and_leaves_the_terminal_as_it_was() {
    let stack = shared();
    let mut terminal = Terminal::start(&stack, "");
    assert!(!terminal.is_raw() || terminal.ctl.try_wait().unwrap().is_none());
    let mut console = terminal.console();
    console.until("~. ends the session");
    eventually("the terminal to be raw", || terminal.is_raw());
    console.log_in();
    console.run("echo ~. in the middle is no escape");
    console.until("~. in the middle is no escape\r\n");
    console.until(PROMPT);
    console.send(b"\r~B");
    // The word of ours comes when the line is released, the host's answer at once: which is seen first is the machine's affair.
    let first = String::from_utf8(console.until("[break sent]")).unwrap();
    if !first.contains("sysrq: HELP") {
        console.until("sysrq: HELP");
    }
    console.send(b"\r~?");
    console.until("~B  sends a break");
    console.send(b"~.");
    assert!(terminal.ctl.wait().unwrap().success());
    assert!(!terminal.is_raw(), "the terminal is left raw");
}

#[test]
fn a_signal_too_leaves_the_terminal_as_it_was() {
    let stack = shared();
    let mut terminal = Terminal::start(&stack, "default");
    eventually("the terminal to be raw", || terminal.is_raw());
    terminal.end();
}

#[test]
fn without_a_terminal_it_is_a_pipe_and_the_log_and_the_list_tell_of_it() {
    let stack = shared();
    let (ctl, mut console) = pipe(&stack, "");
    console.log_in();
    console.run("echo a line for the log");
    console.until("a line for the log\r\n");
    console.until(PROMPT);
    let list = stack.ctl("console --list").stdout;
    assert!(list.contains("default") && list.contains("115200") && list.contains("console.sock"), "{list}");
    eventually("the log", || stack.ctl("console --log --tail 3").stdout.contains("a line for the log\r\n"));
    assert!(stack.ctl("console --log").stdout.contains("Linux version"));
    assert!(!stack.ctl("console --log --tail 3").stdout.contains("Linux version"));
    drop(ctl);
    let (_ctl, mut console) = pipe(&stack, "--tail 2");
    let tail = String::from_utf8(console.until(PROMPT)).unwrap();
    assert_eq!(tail, format!("a line for the log\r\n{PROMPT}"));
}

#[test]
fn a_session_outlives_a_power_cycle_and_a_crash_of_consoled_without_a_byte_lost_or_twice() {
    let stack = Running::start();
    let (session, mut console) = pipe(&stack, "");
    console.log_in();
    stack.ipmitool().ok("chassis power off");
    stack.board_becomes("off", |board| board.host == HostPhase::Off);
    stack.ipmitool().ok("chassis power on");
    console.until("Firmware");
    console.until(LOGIN);
    console.send(b"root\r");
    console.until(PROMPT);
    // The session falls behind, and the host has printed all of it before the crash.
    let mut other = Console::socket(&stack);
    other.log_in();
    session.signal("STOP");
    other.run("burst 1000000");
    let expected = bmc_sim::burst(1_000_000);
    assert!(other.take(expected.len()) == expected);
    other.until(PROMPT);
    let mut waiting = Terminal::start(&stack, "");
    // One reader for all of the terminal's output: a second would race the first for it.
    let mut person = waiting.console();
    person.until("~. ends the session");
    let resets = stack.board().resets;
    let _again = crash_and_restart(&stack, "consoled", || {
        person.until("the console is away");
        waiting.end();
        stack.ipmitool().ok("chassis power reset");
        stack.board_becomes("reset", |board| board.resets > resets);
    });
    session.signal("CONT");
    console.until("burst 1000000\r\n");
    assert!(console.take(expected.len()) == expected, "a byte is lost, or there twice");
    // The reset came while nobody read the UART.
    console.until("Firmware");
    console.until(LOGIN);
    console.send(b"root\r");
    console.until(PROMPT);
}
