//! Logins that must not succeed, and sessions as they are told.

use crate::support::shared;

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

#[test]
fn session_info_names_the_session_that_asks() {
    let stack = shared();
    let answer = stack.ipmitool().ok("session info all");
    assert_eq!(answer.field("privilege level"), "ADMINISTRATOR");
    assert_eq!(answer.field("console ip"), "127.0.0.1");
    assert!(answer.field("active sessions").parse::<u8>().unwrap() >= 1);
}
