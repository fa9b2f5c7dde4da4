//! Logins that must not succeed, and sessions as they are told.

use system_tests::remote_console::{Login, Session};

use crate::support::{Answer, Running, Shell, eventually, freeipmi, login, shared};

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    let stack = shared();
    let mut wrong = stack.ipmitool();
    wrong.password = "not-the-password".to_owned();
    let mut unknown = stack.ipmitool();
    unknown.user = "nobody".to_owned();
    let (wrong, unknown) = (wrong.run("mc info"), unknown.run("mc info"));
    assert!(!wrong.success && !unknown.success);
    assert_eq!(wrong.stdout, "");
    assert_eq!(unknown.stdout, "");
    assert_eq!(wrong.stderr, unknown.stderr, "one cannot be told from the other");
    stack.ipmitool().ok("mc info");
}

#[test]
fn a_suite_that_is_not_offered_is_refused() {
    let stack = shared();
    for suite in [0, 1, 2] {
        let mut client = stack.ipmitool();
        client.suite = suite;
        assert!(!client.run("mc info").success, "suite {suite}");
    }
}

/// The name and source of each session that `ferrite ctl` lists.
fn listed(stack: &Running) -> Vec<serde_json::Value> {
    let answer = stack.ctl("sessions --json");
    let model: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    model["sessions"].as_array().unwrap().clone()
}

/// Ends what other tests left: a client that sees a wrong password or key in the last message of its login just goes away.
fn close_all(stack: &Running) {
    for session in listed(stack) {
        // One that ended by itself in between is as good.
        let _ = Answer::of(stack.ferrite(&format!("ctl sessions close {}", session["id"].as_str().unwrap())));
    }
    eventually("no session", || listed(stack).is_empty());
}

#[test]
fn a_session_is_told_with_its_user_privilege_and_source() {
    let stack = shared();
    close_all(&stack);
    for (host, shown) in [("127.0.0.1", "127.0.0.1"), ("::1", "0.0.0.0")] {
        let mut client = stack.ipmitool();
        client.host = host.to_owned();
        let mut shell = Shell::open(&client);
        shell.ask("mc info", "Manufacturer ID");
        let port = shell.port();
        let mut says =
            |key: &str| shell.ask("session info active", key).split_once(':').unwrap().1.trim().to_owned();
        assert_eq!(says("active sessions"), "1", "{host}");
        assert_eq!(says("slot count"), "15");
        assert_eq!(says("user id"), "2");
        assert_eq!(says("privilege level"), "ADMINISTRATOR");
        assert_eq!(says("session type"), "IPMIv2/RMCP+");
        assert_eq!(says("channel number"), "0x01");
        assert_eq!(says("console ip"), shown, "the response has room for IPv4 alone");
        assert_eq!(says("console port"), port.to_string());
        eventually("ctl to list the session", || listed(&stack).len() == 1);
        let session = &listed(&stack)[0];
        let source = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        assert_eq!(session["source"], source);
        assert_eq!(session["user"], stack.description.user);
        assert_eq!(session["privilege"], "administrator");
        assert_eq!(session["suite"], 17);
        assert!(session["age_ms"].as_u64().unwrap() < 60_000);
        stack.ctl(&format!("sessions close {}", session["id"].as_str().unwrap()));
        eventually("the closed session to be gone", || listed(&stack).is_empty());
    }
}

#[test]
fn a_client_that_asks_right_after_its_login_finds_its_own_session_every_time() {
    let stack = shared();
    close_all(&stack);
    // One login upon the other, faster than the session objects are published.
    for _ in 0..8 {
        let answer = stack.ipmitool().ok("session info active");
        assert_eq!(answer.field("active sessions"), "1");
        assert_eq!(answer.field("console ip"), "127.0.0.1");
        assert_eq!(stack.ipmitool().ok("channel info 1").field("Active Session Count"), "1");
    }
    let all = stack.ipmitool().ok("session info all");
    let handles = all.stdout.lines().filter(|line| line.starts_with("user id")).count();
    assert_eq!(handles, 1, "{all:#?}");
}

#[test]
fn wrong_names_and_passwords_and_a_lockout_stand_in_the_log_with_user_and_channel() {
    // Alone: its administrator is locked out.
    let stack = Running::start();
    let right = login(&stack, stack.description.port);
    let refused = |user: &[u8]| {
        let (user, password) = (user.to_vec(), b"not the password".to_vec());
        assert!(Session::open(&Login { user, password, persistent: true, ..right.clone() }).is_err());
    };
    refused(b"nobody");
    refused(&right.user);
    let logged = |stack: &Running, event: &str| {
        let log: serde_json::Value = serde_json::from_str(&stack.ctl("sel list --json").stdout).unwrap();
        log.as_array().unwrap().iter().any(|record| record["event"] == event)
    };
    eventually("the wrong name", || logged(&stack, "wrong name or password, channel 1"));
    eventually("the wrong password", || logged(&stack, "wrong name or password, user 2, channel 1"));
    let list = stack.ipmitool().ok("sel list");
    assert!(list.stdout.contains("Session Audit"), "{list:#?}");
    let theirs = freeipmi("ipmi-sel", &stack.description, &["--quiet-cache"]);
    assert!(theirs.stdout.contains("Invalid Username or Password"), "{theirs:#?}");
    // The administrator's good logins in between have made the count start anew.
    for _ in 0..10 {
        refused(&right.user);
    }
    eventually("the lockout", || logged(&stack, "locked out after bad passwords, user 2, channel 1"));
    assert!(!stack.ipmitool().run("mc info").success, "the right password is refused too");
}
