//! A Linux guest as the board's host: its own driver, its own ipmitool, on the BMC's system interface.
//!
//! One guest for all tests, one test at a time; each leaves it running. A test that failed may not have, so the next gets a fresh one.

mod faults;
mod power;

use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::support::{Answer, Guest, Running, Started, eventually};

/// A stack and the guest in front of it.
struct Host {
    guest: Guest,
    /// Daemons that were started again in place of the stack's.
    again: Vec<Started>,
    stack: Running,
}

impl Host {
    fn start() -> Self {
        let stack = Running::start_with(&["--host"]);
        let mut guest = Guest::of(&stack);
        guest.boots();
        Self { guest, again: Vec::new(), stack }
    }

    /// What both sides say of `words`, as long as they agree in the lines that `kept` keeps.
    fn agree(&mut self, words: &str, kept: impl Fn(&str) -> Option<String>) -> String {
        let kept = |answer: Answer| answer.stdout.lines().filter_map(&kept).collect::<Vec<_>>().join("\n");
        let over_lan = kept(self.stack.ipmitool().ok(words));
        let inside = kept(self.guest.ipmitool(words));
        assert!(!inside.is_empty(), "`{words}` says nothing");
        assert_eq!(inside, over_lan, "`{words}` from inside and over the LAN");
        inside
    }
}

fn host() -> MutexGuard<'static, Host> {
    static HOST: OnceLock<Mutex<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| Mutex::new(Host::start()));
    host.lock().unwrap_or_else(|poisoned| {
        let mut guard = poisoned.into_inner();
        *guard = Host::start();
        host.clear_poison();
        guard
    })
}

fn whole(line: &str) -> Option<String> {
    Some(line.trim_end().to_owned())
}

#[test]
fn the_guest_finds_the_bmc_by_itself() {
    let mut host = host();
    let kernel = host.guest.ok("dmesg").stdout;
    let found = kernel.lines().find(|line| line.contains("Found new BMC"));
    let found = found.unwrap_or_else(|| panic!("no BMC found: {kernel}"));
    assert!(kernel.contains("IPMI kcs interface initialized"), "{kernel}");
    let info = host.stack.ipmitool().ok("mc info");
    let hexadecimal = |key: &str, width: usize| {
        let number = info.field(key);
        let number: u32 = number.split_whitespace().next().unwrap().parse().unwrap();
        format!("0x{number:0width$x}")
    };
    assert!(found.contains(&format!("man_id: {}", hexadecimal("Manufacturer ID", 6))), "{found}");
    assert!(found.contains(&format!("prod_id: {}", hexadecimal("Product ID", 4))), "{found}");
    host.guest.ok("test -c /dev/ipmi0");
}

#[test]
fn the_guest_reads_what_the_lan_reads() {
    let mut host = host();
    // The registry of names is a file that one side may lack.
    host.agree("mc info", |line| (!line.starts_with("Manufacturer Name")).then(|| line.to_owned()));
    host.agree("mc guid", |line| line.contains("GUID").then(|| line.to_owned()));
    host.agree("chassis status", whole);
    host.agree("sel info", |line| line.starts_with("Entries").then(|| line.to_owned()));
    host.agree("lan print 1", whole);
    let users = host.agree("user list 1", whole);
    assert!(users.contains(&host.stack.description.user), "{users}");
    // Readings move between two looks at them.
    let names = |line: &str| Some(line.split('|').take(2).collect::<Vec<_>>().join("|"));
    let sensors = host.agree("sdr elist full", names);
    assert!(sensors.lines().count() >= host.stack.board().sensors.len(), "{sensors}");
    host.agree("fru print", whole);
}

#[test]
fn an_event_that_the_guest_logs_is_in_the_log_that_the_lan_reads() {
    let mut host = host();
    let entries = |host: &Host| host.stack.ipmitool().ok("sel list").stdout.lines().count();
    let before = entries(&host);
    // Sensor 42h, a temperature that rose above its critical threshold: event message revision, type, number, direction and data.
    host.guest
        .ok("echo '0x04 0x01 0x42 0x59 0xa7 0x5a 0x50' > /run/events; ipmitool -I open sel add /run/events");
    assert_eq!(entries(&host), before + 1);
    let list = host.agree("sel list", whole);
    assert!(list.lines().last().unwrap().contains("#0x42"), "{list}");
}

#[test]
fn the_guest_hears_of_events_without_asking() {
    let mut host = host();
    // The driver's own count of the times that the BMC asked for its attention.
    let attentions = |guest: &mut Guest| -> u64 {
        let count = guest.ok("cat /sys/bus/platform/drivers/ipmi_si/IPI*/attentions").stdout;
        count.trim().parse().unwrap()
    };
    // ipmievd waits for the driver, which waits for the BMC.
    let heard = |guest: &mut Guest| guest.ok("cat /run/events").stdout;
    let Host { guest, stack, .. } = &mut *host;
    eventually("ipmievd to listen", || heard(guest).contains("Waiting for events"));
    let before = attentions(guest);
    let lines = heard(guest).lines().count();
    stack.ipmitool().ok("event 1");
    eventually("the event to reach the guest", || {
        heard(guest).lines().skip(lines).any(|line| line.contains("Temperature"))
    });
    assert!(attentions(guest) > before);
}

#[test]
fn a_boot_device_set_over_the_lan_is_read_and_acknowledged_by_the_guest() {
    let mut host = host();
    let device = |answer: Answer| answer.field("- Boot Device Selector");
    for (word, shown) in [("pxe", "Force PXE"), ("disk", "Force Boot from default Hard-Drive")] {
        host.stack.ipmitool().ok(&format!("chassis bootdev {word} options=persistent"));
        assert_eq!(device(host.guest.ipmitool("chassis bootparam get 5")), shown);
    }
    host.guest.ipmitool("chassis bootdev none");
    assert_eq!(device(host.stack.ipmitool().ok("chassis bootparam get 5")), "No override");
}

#[test]
fn the_guest_reads_arms_feeds_and_stops_the_watchdog() {
    let mut host = host();
    let state = |host: &Host| host.stack.ipmitool().ok("mc watchdog get").field("Watchdog Timer Is");
    host.guest.ipmitool("mc watchdog off");
    assert_eq!(state(&host), "Stopped");
    // Ten minutes for the operating system, and no action.
    host.guest.ipmitool("raw 6 0x24 0x04 0 0 0x10 0x70 0x17");
    host.guest.ipmitool("mc watchdog reset");
    assert_eq!(state(&host), "Started/Running");
    let steady = |line: &str| (!line.contains("Present Countdown")).then(|| line.to_owned());
    host.agree("mc watchdog get", steady);
    host.guest.ipmitool("mc watchdog off");
    assert_eq!(state(&host), "Stopped");
}
