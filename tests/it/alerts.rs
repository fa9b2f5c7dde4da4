//! Platform event filtering and alerts as their clients configure and see them: FreeIPMI's ipmi-config and ipmi-pet, ipmitool.

use std::{
    fs,
    net::UdpSocket,
    time::{Duration, Instant},
};

use ipmi_wire::pet::SnmpTrap;

use crate::support::{Running, Started, crash, crash_and_restart, eventually, freeipmi, start_again};

/// What ipmi-config writes: events of temperature sensors that go critical lead to an alert, chassis intrusions to a power-off.
const FILTERS: &str = "\
Section PEF_Conf
\tEnable_PEF Yes
\tEnable_PEF_Event_Messages Yes
EndSection
Section Community_String
\tCommunity_String ops
EndSection
Section Lan_Alert_Destination_1
\tAlert_Destination_Type PET_Trap
\tAlert_Acknowledge Yes
\tAlert_Acknowledge_Timeout 1
\tAlert_Retries 7
\tAlert_Gateway Default
\tAlert_IP_Address 127.0.0.1
\tAlert_MAC_Address 00:00:00:00:00:00
EndSection
Section Alert_String_1
\tEvent_Filter_Number 1
\tAlert_String_Set 3
\tAlert_String rack-7-is-hot
EndSection
Section Alert_Policy_1
\tPolicy_Type Always_Send_To_This_Destination
\tPolicy_Enabled Yes
\tPolicy_Number 5
\tDestination_Selector 1
\tChannel_Number 1
\tAlert_String_Set_Selector 3
\tEvent_Specific_Alert_String Yes
EndSection
Section Event_Filter_1
\tEnable_Filter Yes
\tEvent_Filter_Action_Alert Yes
\tAlert_Policy_Number 5
\tEvent_Severity Critical
\tSensor_Type Temperature
\tEvent_Trigger 0x01
\tEvent_Data1_Offset_Mask 0x200
EndSection
Section Event_Filter_2
\tEnable_Filter Yes
\tEvent_Filter_Action_Power_Off Yes
\tSensor_Type Physical_Security
\tEvent_Trigger 0x6F
\tEvent_Data1_Offset_Mask 0x01
EndSection
";

/// A stack with these filters, whose traps come to a socket of the test's.
struct Filtered {
    stack: Running,
    manager: UdpSocket,
    netipmid: Started,
}

impl Filtered {
    fn start() -> Self {
        let stack = Running::start();
        let manager = UdpSocket::bind("127.0.0.1:0").unwrap();
        let line = crash(&stack, "netipmid");
        let config = stack.description.state_dir.join("etc/netipmid.toml");
        let port = manager.local_addr().unwrap().port();
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{text}trap_port = {port}\n")).unwrap();
        let netipmid = start_again(&stack, &line);
        eventually("a login", || stack.ipmitool().run("mc info").success);
        let filtered = Self { stack, manager, netipmid };
        filtered.ipmi_config("--commit");
        filtered.ipmi_config("--diff");
        filtered
    }

    fn ipmi_config(&self, what: &str) {
        let file = self.stack.description.state_dir.join("filters.conf");
        fs::write(&file, FILTERS).unwrap();
        let words = ["--category=pef", what, "--filename", file.to_str().unwrap()];
        let answer = freeipmi("ipmi-config", &self.stack.description, &words);
        assert!(answer.success && answer.stdout.is_empty(), "{what}: {answer:#?}");
    }

    /// An event message of a remote console's: sensor type, number, direction and type, data.
    fn happens(&self, event: &str) {
        self.stack.ipmitool().ok(&format!("raw 0x04 0x02 0x04 {event}"));
    }

    fn trap(&self, patience: Duration) -> Option<SnmpTrap> {
        let mut buffer = [0; 1024];
        self.manager.set_read_timeout(Some(patience)).unwrap();
        let length = self.manager.recv(&mut buffer).ok()?;
        Some(SnmpTrap::parse(&buffer[..length]).unwrap())
    }

    /// What ipmi-pet does with a trap.
    fn ipmi_pet(&self, trap: &SnmpTrap, words: &[&str]) -> String {
        let number = trap.specific_trap.to_string();
        let octets: Vec<String> = trap.variable_bindings.iter().map(|byte| format!("{byte:02x}")).collect();
        let trap = std::iter::once(&number).chain(&octets).map(String::as_str);
        let words: Vec<&str> = ["--quiet-cache", "--sdr-cache-recreate"]
            .into_iter()
            .chain(words.iter().copied())
            .chain(trap)
            .collect();
        let answer = freeipmi("ipmi-pet", &self.stack.description, &words);
        assert!(answer.success, "{answer:#?}");
        answer.stdout
    }
}

/// Upper critical going high, 97 above 95: sensor EEh, which is none of the board's.
const TOO_HOT: &str = "0x01 0xee 0x01 0x59 97 95";
/// General chassis intrusion.
const OPENED: &str = "0x05 0xee 0x6f 0x00 0xff 0xff";

#[test]
fn an_event_reaches_a_manager_which_reads_and_acknowledges_it() {
    let filtered = Filtered::start();
    filtered.happens(TOO_HOT);
    let trap = filtered.trap(Duration::from_secs(60)).expect("a trap");
    assert_eq!((trap.community.as_slice(), trap.agent), (&b"ops"[..], [127, 0, 0, 1]));
    assert!(trap.variable_bindings.ends_with(b"rack-7-is-hot\xC1"), "{trap:02X?}");
    let read = filtered.ipmi_pet(&trap, &["--output-event-severity", "--comma-separated-output"]);
    for word in ["Temperature", "Critical condition", "Upper Critical - going high"] {
        assert!(read.contains(word), "no {word} in {read}");
    }
    let guid = filtered.stack.ipmitool().ok("mc guid").field("System GUID").replace('-', "");
    let told: String = trap.variable_bindings[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(read.contains(':') && !guid.is_empty(), "{read}");
    assert_eq!(told, guid, "what ipmitool says that the system is called");
    // Nobody has acknowledged it: it comes again, the same.
    assert_eq!(filtered.trap(Duration::from_secs(60)).as_ref(), Some(&trap));
    filtered.ipmi_pet(&trap, &["--pet-acknowledge"]);
    eventually("the acknowledgement", || filtered.netipmid.log().contains("acknowledged"));
    while filtered.trap(Duration::from_millis(1)).is_some() {}
    filtered.happens("0x01 0xee 0x81 0x59 90 95");
    filtered.happens(TOO_HOT);
    let next = filtered.trap(Duration::from_secs(60)).expect("the next event's trap");
    assert_ne!(next.variable_bindings[16..18], trap.variable_bindings[16..18], "not the one before");
    assert_eq!(next.specific_trap, trap.specific_trap, "its end is no alert");
}

#[test]
fn a_filter_switches_the_host_off_and_says_so_also_after_seld_was_killed() {
    let filtered = Filtered::start();
    let stack = &filtered.stack;
    let mut again = None;
    for crashes in [true, false] {
        stack.ipmitool().ok("chassis power on");
        eventually("power", || stack.ipmitool().ok("chassis power status").stdout.contains("on"));
        filtered.happens(OPENED);
        eventually("no power", || stack.ipmitool().ok("chassis power status").stdout.contains("off"));
        eventually("the event of it", || stack.ipmitool().ok("sel elist").stdout.contains("PEF Action"));
        stack.empty_log();
        if crashes {
            again = Some(crash_and_restart(stack, "seld", || {}));
            eventually("seld", || stack.ipmitool().run("sel info").success);
        }
    }
    // What a client stores is no happening.
    stack.ipmitool().ok("chassis power on");
    eventually("power", || stack.ipmitool().ok("chassis power status").stdout.contains("on"));
    stack.ipmitool().ok("raw 0x0a 0x44 0 0 2 0 0 0 0 0x41 0 4 5 0xee 0x6f 0 0xff 0xff");
    // Behind it in the same line of events.
    filtered.happens(TOO_HOT);
    filtered.trap(Duration::from_secs(60)).expect("the other event's trap");
    assert!(stack.ipmitool().ok("chassis power status").stdout.contains("on"));
    drop(again);
}

#[test]
fn ipmitool_sees_filters_policies_and_destinations_and_an_alert_at_once() {
    let filtered = Filtered::start();
    let stack = &filtered.stack;
    let ok = |words: &str| stack.ipmitool().ok(words).stdout;
    assert!(ok("pef info").contains("0x51 | 32 | 32"), "{}", ok("pef info"));
    let list = ok("pef filter list");
    let active: Vec<&str> = list.lines().filter(|line| line.contains("enabled")).collect();
    assert_eq!(active.len(), 2, "{active:#?}");
    assert!(active[0].contains("Temperature") && active[0].contains("Alert"), "{active:#?}");
    assert!(active[1].contains("Chassis Intrusion") && active[1].contains("Power-off"), "{active:#?}");
    let policies = ok("pef policy list");
    let first = policies.lines().next().unwrap_or_default();
    assert!(first.contains("802.3 LAN") && first.contains("ops") && first.contains("127.0.0.1"), "{first}");
    assert_eq!(policies.lines().count(), 32, "each of the others is read as well");
    ok("pef policy disable 1");
    ok("lan alert set 1 1 ipaddr 127.0.0.2");
    ok("lan alert set 1 1 ack off");
    let printed = ok("lan alert print 1 1");
    assert!(printed.contains("127.0.0.2") && printed.contains("Unacknowledged"), "{printed}");
    ok("lan alert set 1 1 ipaddr 127.0.0.1");
    ok("lan alert set 1 1 retry 0");
    assert_eq!(ok("raw 0x04 0x16 1 0x01 0").trim(), "");
    filtered.trap(Duration::from_secs(60)).expect("the alert at once");
    let status = || ok("raw 0x04 0x16 1 0x40 0").trim().to_owned();
    let begun = Instant::now();
    while status() == "ff" && begun.elapsed() < Duration::from_secs(60) {}
    assert_eq!(status(), "01");
    ok("raw 0x04 0x16 1 0x80 0");
    assert_eq!(status(), "00");
}
