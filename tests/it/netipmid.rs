//! netipmid started in other ways than the demo does.

use std::{
    fs,
    net::UdpSocket,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use crate::support::{Answer, Running, crash, eventually, shared, start_again, start_as};

#[test]
fn a_socket_that_systemd_opened_is_served() {
    let stack = Running::start();
    let line = crash(&stack, "netipmid");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client = stack.ipmitool();
    client.port = socket.local_addr().unwrap().port();
    // As systemd does it: descriptor 3, and the number of the process that is meant.
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    command.arg(&line.program).args(&line.words).stdin(Stdio::from(OwnedFd::from(socket)));
    let _activated = start_as(&stack, "netipmid", command);
    eventually("a login at the inherited socket", || client.run("mc info").success);
    assert!(!stack.ipmitool().run("mc info").success, "its own port is not opened as well");
}

#[test]
fn the_third_wrong_password_locks_the_user_out_and_others_stay() {
    let stack = Running::start();
    let line = crash(&stack, "netipmid");
    let config = stack.description.state_dir.join("etc/netipmid.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "lockout_user_failures = 3\n").unwrap();
    let other = stack.description.state_dir.join("other-password");
    fs::write(&other, "another-password\n").unwrap();
    stack.ctl(&format!("user add other --privilege administrator --password-file {}", other.display()));
    let started = start_again(&stack, &line);
    let login = || stack.ipmitool().run("mc info").success;
    eventually("a login", login);
    let guess = |count: u8| {
        let mut load = Command::new(env!("CARGO_BIN_EXE_ferrite-load"));
        load.args(["--port", &stack.description.port.to_string(), "--user", &stack.description.user]);
        load.arg("--password-file").arg(&other).args(["--count", &count.to_string(), "guesses"]);
        let answer = Answer::of(load);
        assert!(answer.success, "{answer:#?}");
    };
    guess(2);
    assert!(login(), "two are forgiven");
    guess(3);
    assert!(!login(), "the right password does not help now");
    assert_eq!(started.log().matches("locked out").count(), 1, "{}", started.log());
    let mut client = stack.ipmitool();
    (client.user, client.password) = ("other".to_owned(), "another-password".to_owned());
    client.ok("mc info");
}

#[test]
fn with_a_kg_set_only_a_client_that_knows_it_gets_in() {
    let stack = shared();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kg");
    let with_key = |key: &str| {
        let plain = stack.ipmitool().command("mc info");
        let mut command = Command::new(plain.get_program());
        command.args(["-k", key]).args(plain.get_args());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Answer::of(command).success
    };
    // Clients fill a shorter key up with zeros; twenty bytes are all there is room for.
    for key in ["a short key", "twenty bytes exactly"] {
        fs::write(&file, format!("{key}\n")).unwrap();
        stack.ctl(&format!("user kg --file {}", file.display()));
        eventually("a login with the key", || with_key(key));
        assert!(!with_key("another key"));
        assert!(!stack.ipmitool().run("mc info").success);
    }
    stack.ctl("user kg --clear");
    eventually("a login without a key", || stack.ipmitool().run("mc info").success);
}
