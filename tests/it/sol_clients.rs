//! The consoles that people use, each on the simulated host's serial console.

use std::process::Command;

use crate::support::{Running, Terminal, attach, shared};

/// Leaves the host at its shell's prompt, so that a client that attaches finds it there.
fn at_the_prompt(stack: &Running) {
    let mut console = attach(stack);
    console.prompt().unwrap();
    console.detach().unwrap();
}

/// Types a command and sees what it prints, then a screen in colours as it was drawn.
fn works(terminal: &mut Terminal) {
    terminal.keys("\r");
    terminal.wait_for("root@simulated-host:~# ");
    terminal.keys("echo typed by hand\r");
    terminal.wait_for("echo typed by hand\r\n");
    terminal.wait_for("typed by hand\r\n");
    terminal.keys("screen\r");
    terminal.wait_for("screen\r\n");
    let drawn = terminal.wait_for("root@simulated-host:~# ");
    let screen = bmc_sim::screen();
    assert!(drawn.starts_with(screen.as_bytes()), "{:?}", String::from_utf8_lossy(&drawn));
}

#[test]
fn ipmitool_sol_activate_shows_the_host_and_leaves_by_its_escape() {
    let stack = shared();
    at_the_prompt(&stack);
    let mut terminal = Terminal::start(&stack.ipmitool().command("sol activate"));
    terminal.wait_for("[SOL Session operational.");
    works(&mut terminal);
    terminal.keys("\r~.");
    terminal.wait_for("[terminated ipmitool]");
    terminal.ends();
}

#[test]
fn ipmiconsole_shows_the_host_and_leaves_by_its_escape() {
    let stack = shared();
    at_the_prompt(&stack);
    let about = &stack.description;
    let mut command = Command::new(
        xtask::workspace::which("ipmiconsole").expect("ipmiconsole is there\nhint: cargo xtask setup"),
    );
    command.args(["-h", &format!("{}:{}", about.host, about.port), "-u", &about.user]);
    command.args(["-p", &about.password, "-I", "17", "-l", "ADMIN"]);
    let mut terminal = Terminal::start(&command);
    terminal.wait_for("[SOL established]");
    works(&mut terminal);
    terminal.keys("&.");
    terminal.wait_for("[closing the connection]");
    terminal.ends();
}

#[test]
fn pyghmis_console_shows_the_host() {
    let stack = shared();
    at_the_prompt(&stack);
    let about = &stack.description;
    // Debian's, which has Debian's pyghmi.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(xtask::workspace::root().join("tests/it/pyghmi_console.py"));
    command.args([&about.host, &about.port.to_string(), &about.user]).env("IPMI_PASSWORD", &about.password);
    let mut terminal = Terminal::of(command);
    works(&mut terminal);
    terminal.hang_up();
}
