//! Records of every kind, put into the log by a client, and what ipmitool and FreeIPMI say of them; what both can do with the log.

use std::{collections::BTreeSet, fs, time::Duration};

use system_tests::event_log::{Claims, add_events};

use crate::support::{Answer, Running, crash, eventually, freeipmi, login, shared, start_again};

/// A record, and the words that each client has for it.
struct Injected {
    /// Without ID and time: type and, from the eighth byte on (the fourth where the type has no time), the rest.
    record: &'static [u8],
    ipmitool: &'static [&'static str],
    freeipmi: &'static [&'static str],
}

/// A system event of a remote console's: sensor type, number, direction and event type, event data.
macro_rules! event {
    ($($byte:expr),* => $ipmitool:expr, $freeipmi:expr) => {
        Injected { record: &[0x02, 0x41, 0x00, 0x04, $($byte),*], ipmitool: &$ipmitool, freeipmi: &$freeipmi }
    };
}

/// v2.0 tables 42-1 to 42-3, §32.2 and §32.3. Sensor EEh is none of the board's.
const INJECTED: &[Injected] = &[
    // Thresholds.
    event!(0x01, 0xEE, 0x01, 0x09, 0xFF, 0xFF =>
        ["Temperature #0xee", "Upper Critical going high", "Asserted"], ["Temperature,Critical", "Upper Critical - going high"]),
    event!(0x02, 0xEE, 0x81, 0x02, 0xFF, 0xFF =>
        ["Voltage #0xee", "Lower Critical going low", "Deasserted"], ["Voltage", "Lower Critical - going low"]),
    event!(0x04, 0xEE, 0x01, 0x04, 0xFF, 0xFF =>
        ["Fan #0xee", "Lower Non-recoverable going low", "Asserted"], ["Fan,Critical", "Lower Non-recoverable - going low"]),
    // Generic states.
    event!(0x21, 0xEE, 0x03, 0x01, 0xFF, 0xFF => ["Slot / Connector #0xee", "State Asserted"], ["Slot/Connector", "State Asserted"]),
    event!(0x01, 0xEE, 0x04, 0x01, 0xFF, 0xFF => ["Predictive Failure Asserted"], ["Predictive Failure asserted"]),
    event!(0x04, 0xEE, 0x08, 0x01, 0xFF, 0xFF => ["Device Present"], ["Fan,Nominal", "Device Inserted/Device Present"]),
    event!(0x08, 0xEE, 0x0B, 0x00, 0xFF, 0xFF => ["Fully Redundant"], ["Power Supply,Nominal", "Fully Redundant"]),
    // States that the sensor's type defines.
    event!(0x05, 0xEE, 0x6F, 0x00, 0xFF, 0xFF =>
        ["Physical Security #0xee", "General Chassis intrusion"], ["Physical Security", "General Chassis Intrusion"]),
    event!(0x08, 0xEE, 0x6F, 0x01, 0xFF, 0xFF =>
        ["Power Supply #0xee", "Failure detected"], ["Power Supply,Critical", "Power Supply Failure detected"]),
    event!(0x08, 0xEE, 0xEF, 0x01, 0xFF, 0xFF =>
        ["Power Supply #0xee", "Failure detected", "Deasserted"], ["Power Supply Failure detected"]),
    event!(0x2A, 0xEE, 0x6F, 0xF3, 0x02, 0x01 => ["Session Audit"], ["Session Audit,Critical", "Invalid Password Disable", "Data2 = 02h", "activated/deactivated = 1"]),
    // The vendor's, with a time and without one.
    Injected {
        record: &[0xC0, 0x57, 0x01, 0x00, 1, 2, 3, 4, 5, 6],
        ipmitool: &["OEM record c0", "000157", "010203040506"],
        freeipmi: &["(157h)", "OEM defined = 01h 02h 03h 04h 05h 06h"],
    },
    Injected {
        record: &[0xE0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ipmitool: &["OEM record e0", "0102030405060708090a0b0c0d"],
        freeipmi: &["OEM defined = 01h 02h 03h 04h 05h 06h 07h 08h 09h 0Ah 0Bh 0Ch 0Dh"],
    },
];

/// Puts a record into the log and gives its ID.
fn add(stack: &Running, record: &[u8]) -> u16 {
    let (kind, rest) = record.split_first().unwrap();
    let time: &[u8] = if *kind < 0xE0 { &[0; 4] } else { &[] };
    let bytes = [&[0, 0, *kind], time, rest].concat();
    assert_eq!(bytes.len(), 16);
    let words: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let answer = stack.ipmitool().ok(&format!("raw 0x0a 0x44 {}", words.join(" ")));
    let id: Vec<_> =
        answer.stdout.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    u16::from_le_bytes(id.try_into().unwrap())
}

/// The line of the record with this ID, which `digits` reads from its first word.
fn line_of(answer: &Answer, id: u16, radix: u32) -> &str {
    let is = |line: &&str| {
        let first = line.split(['|', ',']).next().unwrap_or_default().trim();
        u16::from_str_radix(first, radix) == Ok(id)
    };
    answer.stdout.lines().find(is).unwrap_or_else(|| panic!("no record {id} in {answer:#?}"))
}

fn says(client: &str, line: &str, words: &[&str]) {
    assert!(words.iter().all(|word| line.contains(word)), "{client} says `{line}`, not {words:?}");
}

fn ipmi_sel(stack: &Running, words: &[&str]) -> Answer {
    let answer = freeipmi("ipmi-sel", &stack.description, &[&["--quiet-cache"], words].concat());
    assert!(answer.success, "{words:?}: {answer:#?}");
    answer
}

fn entries(stack: &Running) -> usize {
    stack.ipmitool().ok("sel info").field("Entries").parse().unwrap()
}

/// The shared stack with an empty log, which stays empty but for what the test does.
fn emptied() -> impl std::ops::Deref<Target = Running> {
    let stack = shared();
    stack.empty_log();
    stack
}

#[test]
fn a_record_of_every_kind_reads_in_both_clients_as_it_was_put_in() {
    let stack = emptied();
    let ids: Vec<u16> = INJECTED.iter().map(|injected| add(&stack, injected.record)).collect();
    let list = stack.ipmitool().ok("sel elist");
    let theirs =
        ipmi_sel(&stack, &["--output-event-state", "--comma-separated-output", "--output-manufacturer-id"]);
    for (id, injected) in ids.iter().zip(INJECTED) {
        says("ipmitool", line_of(&list, *id, 16), injected.ipmitool);
        says("ipmi-sel", line_of(&theirs, *id, 10), injected.freeipmi);
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), INJECTED.len());
    stack.ipmitool().ok("sel clear");
}

#[test]
fn freeipmi_judges_deletes_and_clears() {
    let stack = emptied();
    let critical = add(&stack, &[0x02, 0x41, 0, 4, 0x01, 0xEE, 0x01, 0x09, 0xFF, 0xFF]);
    let nominal = add(&stack, &[0x02, 0x41, 0, 4, 0x08, 0xEE, 0x0B, 0x00, 0xFF, 0xFF]);
    let words = ["--output-event-state", "--comma-separated-output"];
    let judged = ipmi_sel(&stack, &words);
    says("ipmi-sel", line_of(&judged, critical, 10), &["Critical"]);
    says("ipmi-sel", line_of(&judged, nominal, 10), &["Nominal"]);
    assert!(ipmi_sel(&stack, &["--info"]).field("Number of log entries") == "2");
    ipmi_sel(&stack, &[&format!("--delete={critical}")]);
    assert_eq!(entries(&stack), 1);
    line_of(&ipmi_sel(&stack, &words), nominal, 10);
    // Shows what there is, then clears.
    let last = ipmi_sel(&stack, &["--post-clear", "--comma-separated-output"]);
    line_of(&last, nominal, 10);
    // What is left is that it was cleared.
    assert_eq!(entries(&stack), 1);
    add(&stack, &[0x02, 0x41, 0, 4, 0x01, 0xEE, 0x01, 0x09, 0xFF, 0xFF]);
    ipmi_sel(&stack, &["--clear"]);
    assert_eq!(entries(&stack), 1);
}

#[test]
fn ipmitool_writes_the_log_to_a_file_and_reads_that_without_a_bmc() {
    let stack = emptied();
    for injected in INJECTED {
        add(&stack, injected.record);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("raw");
    let listed = stack.ipmitool().ok("sel list").stdout;
    stack.ipmitool().ok(&format!("sel writeraw {}", file.display()));
    assert_eq!(fs::read(&file).unwrap().len(), 16 * INJECTED.len());
    let read = stack.ipmitool().ok(&format!("sel readraw {}", file.display())).stdout;
    let events = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(events(&read), events(&listed));
    stack.ipmitool().ok("sel clear");
}

#[test]
fn events_of_a_file_are_sent_and_added_one_after_the_other() {
    let stack = emptied();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events");
    let lines =
        "0x04 0x08 0xee 0x6f 0x01 0xff 0xff # failed\n0x04 0x08 0xee 0xef 0x01 0xff 0xff # well again\n";
    fs::write(&file, lines).unwrap();
    // As events, then as records.
    stack.ipmitool().ok(&format!("event file {}", file.display()));
    stack.ipmitool().ok(&format!("sel add {}", file.display()));
    eventually("four records", || entries(&stack) == 4);
    let list = stack.ipmitool().ok("sel elist").stdout;
    let states: Vec<_> = list
        .lines()
        .map(|line| {
            says("ipmitool", line, &["Power Supply #0xee", "Failure detected"]);
            line.contains("Deasserted")
        })
        .collect();
    assert_eq!(states, [false, true, false, true]);
    stack.ipmitool().ok("sel clear");
}

#[test]
fn one_record_is_shown_and_deleted_and_the_others_keep_their_ids() {
    let stack = emptied();
    let ids: Vec<u16> = INJECTED.iter().take(3).map(|injected| add(&stack, injected.record)).collect();
    let shown = stack.ipmitool().ok(&format!("sel get {:#x}", ids[1]));
    assert_eq!(shown.field("SEL Record ID"), format!("{:04x}", ids[1]));
    assert_eq!(shown.field("Sensor Type"), "Voltage");
    assert_eq!(shown.field("Event Direction"), "Deassertion Event");
    stack.ipmitool().ok(&format!("sel delete {:#x}", ids[1]));
    let list = stack.ipmitool().ok("sel list");
    assert_eq!(list.stdout.lines().count(), 2);
    line_of(&list, ids[0], 16);
    line_of(&list, ids[2], 16);
    assert!(!stack.ipmitool().run(&format!("sel delete {:#x}", ids[1])).success, "it is gone");
    stack.ipmitool().ok("sel clear");
}

#[test]
fn the_logs_time_is_set_and_read() {
    let stack = emptied();
    // In UTC and in the words of C, whatever the machine's zone and language are.
    let client = |words: &[&str]| {
        let mut command = stack.ipmitool().command("sel time");
        command.args(words).env("TZ", "UTC").env("LC_ALL", "C");
        let answer = Answer::of(command);
        assert!(answer.success, "{words:?}: {answer:#?}");
        answer.stdout
    };
    client(&["set", "07/18/29 05:49:00"]);
    let time = client(&["get"]);
    assert!(time.starts_with("07/18/29 05:49:"), "{time}");
    client(&["set", "now"]);
    stack.ipmitool().ok("sel clear");
}

#[test]
fn a_log_that_is_filled_refuses_one_more_and_has_every_record_that_was_answered_once() {
    // Alone: it fills the whole log, and once more from the start.
    let stack = Running::start();
    let added = add_events(&login(&stack, stack.description.port), 8, 4000).unwrap();
    assert_eq!(added.latencies.len(), 4000);
    let again = entries(&stack);
    assert!((300..400).contains(&again), "{again} after it was full once");
}

#[test]
fn what_was_answered_is_in_the_log_once_however_often_seld_is_killed_meanwhile() {
    let stack = Running::start();
    let client = || login(&stack, stack.description.port);
    let (login, line) = (client(), crash(&stack, "seld"));
    let mut seld = start_again(&stack, &line);
    let adding = std::thread::spawn(move || Claims::of_events(&login, 3000));
    let mut killed = 0;
    while !adding.is_finished() {
        // Long enough to start and to take some events.
        std::thread::sleep(Duration::from_millis(400));
        // A kill.
        drop(seld);
        killed += 1;
        seld = start_again(&stack, &line);
    }
    let claims = adding.join().unwrap().unwrap();
    let answered = claims.answered();
    claims.check(&client()).unwrap();
    assert!(killed > 2 && (500..3000).contains(&answered), "killed {killed} times, answered {answered}");
}
