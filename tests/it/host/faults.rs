//! A guest that hangs, daemons that die under a guest's requests, and many requests.

use std::collections::BTreeSet;

use ring::digest;

use super::{Host, host};
use crate::support::{Answer, crash_and_restart, eventually};

/// One Get SDR (v2.0§33.12) of the first bytes of each record: the answer tells which record was asked for.
fn get_sdr(record: u16, length: u8) -> String {
    let [low, high] = record.to_le_bytes();
    format!("raw 0x0a 0x23 0 0 {low} {high} 0 {length}")
}

/// The identifiers of the repository's records, walked from the first to the last.
fn records(host: &mut Host) -> Vec<u16> {
    let answers = host.guest.ok(
        "next='0 0'; until [ \"$next\" = '0xff 0xff' ]; do \
         answer=$(ipmitool -I open raw 0x0a 0x23 0 0 $next 0 5) || exit 1; set -- $answer; echo $3 $4; next=\"0x$1 0x$2\"; done",
    );
    let id = |line: &str| {
        let bytes: Vec<u8> = line.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        u16::from_le_bytes(bytes.try_into().unwrap())
    };
    let ids: Vec<_> = answers.stdout.lines().map(id).collect();
    assert!(ids.len() >= host.stack.board().sensors.len(), "{ids:?}");
    ids
}

/// Distinct requests with distinct answers.
fn requests(host: &mut Host) -> Vec<String> {
    let records = records(host);
    let lengths = [5_u8, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    let requests: Vec<_> =
        lengths.iter().flat_map(|length| records.iter().map(move |id| get_sdr(*id, *length))).collect();
    requests.into_iter().take(250).collect()
}

/// ipmitool over LAN on a file of commands.
fn over_lan(host: &Host, commands: &[String]) -> String {
    let file = host.stack.description.state_dir.join("requests");
    std::fs::write(&file, commands.join("\n") + "\n").unwrap();
    let mut command = host.stack.ipmitool().command("exec");
    command.arg(&file);
    let answer = Answer::of(command);
    assert!(answer.success, "{answer:#?}");
    answer.stdout
}

fn hash(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn ten_thousand_requests_by_two_users_of_the_driver_get_each_its_own_answer() {
    let mut host = host();
    let forward = requests(&mut host);
    let backward: Vec<_> = forward.iter().rev().cloned().collect();
    assert_eq!(forward.iter().collect::<BTreeSet<_>>().len(), 250);
    let mut wanted = Vec::new();
    for (name, commands) in [("forward", &forward), ("backward", &backward)] {
        let answers = over_lan(&host, commands);
        assert!(answers.lines().count() >= 250, "{answers}");
        wanted.push(format!("{}  /run/{name}.out", hash(&answers.repeat(20))));
        host.guest.ok(&format!(
            "cat > /run/{name}.once <<'end'\n{}\nend\nfor n in $(seq 20); do cat /run/{name}.once; done > /run/{name}",
            commands.join("\n")
        ));
    }
    let sums = host.guest.ok(
        "for name in forward backward; do ipmitool -I open exec /run/$name > /run/$name.out & done; wait; \
         sha256sum /run/forward.out /run/backward.out",
    );
    assert_eq!(sums.stdout.lines().collect::<Vec<_>>(), wanted);
}

/// Crashes `daemon` while the guest asks, and starts it again: the guest gets for each request its own answer or an error, and after a
/// while answers alone.
fn dies_under_requests(daemon: &str) {
    let mut host = host();
    let ids = records(&mut host);
    let once = ids.iter().map(|id| get_sdr(*id, 5)).collect::<Vec<_>>().join("\n");
    host.guest.ok(&format!("cat > /run/once <<'end'\n{once}\nend\n"));
    host.guest.ok(
        "rm -f /run/stop; (until [ -e /run/stop ]; do ipmitool -I open exec /run/once; done > /run/out 2> /run/err; touch /run/stopped) \
         > /dev/null 2>&1 &",
    );
    let lines = |guest: &mut crate::support::Guest| -> usize {
        guest.ok("cat /run/out | wc -l").stdout.trim().parse().unwrap()
    };
    let Host { guest, stack, again } = &mut *host;
    eventually("answers", || lines(guest) > 100);
    again.push(crash_and_restart(stack, daemon, || {}));
    eventually("the guest to be answered again", || {
        guest.run("ipmitool -I open mc info && ipmitool -I open mc info").success
    });
    let before = lines(guest);
    eventually("more answers", || lines(guest) > before + 100);
    guest.ok("touch /run/stop; until [ -e /run/stopped ]; do sleep 0.1; done; rm /run/stopped");
    let wanted = replies(&guest.ok("ipmitool -I open exec /run/once").stdout);
    assert_eq!(wanted.len(), ids.len());
    let got = replies(&guest.ok("sort -u /run/out").stdout);
    let strange: Vec<_> = got.difference(&wanted).collect();
    assert!(strange.is_empty(), "answers to no request: {strange:?}");
}

/// What Get SDR replies hold behind the next record's identifier, which depends on the records that ipmid knows at that moment.
fn replies(output: &str) -> BTreeSet<String> {
    let records = output.lines().filter_map(|line| line.trim().splitn(3, ' ').nth(2));
    records.map(str::to_owned).collect()
}

#[test]
fn a_crash_of_ipmid_costs_the_guest_no_more_than_the_requests_of_that_moment() {
    dies_under_requests("ipmid");
}

#[test]
fn a_crash_of_kcsbridged_costs_the_guest_no_more_than_the_requests_of_that_moment() {
    dies_under_requests("kcsbridged");
}

#[test]
fn a_hung_guest_is_reset_by_its_watchdog_and_the_reason_is_told() {
    let mut host = host();
    host.stack.ipmitool().ok("sel clear");
    let (boot, resets) = (host.guest.boot(), host.stack.board().resets);
    host.guest.ok("modprobe ipmi_watchdog timeout=5 action=reset start_now=1");
    host.guest.hang();
    assert!(!host.guest.runs());
    host.stack.board_becomes("the watchdog to reset the host", |board| board.resets > resets);
    host.guest.boots_anew(&boot);
    assert_eq!(host.stack.board().resets, resets + 1, "once");
    let list = host.guest.ipmitool("sel elist").stdout;
    let entry = list.lines().find(|line| line.contains("Watchdog")).unwrap_or_else(|| panic!("{list}"));
    assert!(entry.contains("Hard reset"), "{entry}");
    let cause = host.guest.ipmitool("chassis restart_cause").stdout;
    assert!(cause.contains("watchdog"), "{cause}");
}
