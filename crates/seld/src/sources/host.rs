//! What powerd, or x86-power-control, tells of chassis, host, operating system and buttons.

use std::collections::{HashMap, VecDeque};

use bmc_dbus::{discrete::last_word, names::power as names, set_aside};
use futures_util::FutureExt as _;
use futures_util::{
    StreamExt as _,
    stream::{SelectAll, select_all},
};
use ipmi_wire::record::event::sensor_type;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedVariant, message::Type};

use super::{Sources, lock};
use crate::record::What;

/// Signals that may wait.
const QUEUE: usize = 256;
const BOOT: &str = "/xyz/openbmc_project/state/os/boot";
const STOP: &str = "/xyz/openbmc_project/state/os/stop";

/// What is followed: interface and properties.
const FOLLOWED: [(&str, &[&str]); 4] = [
    (names::CHASSIS, &["CurrentPowerStatus", "CurrentPowerState"]),
    (names::POWER_STATUS, &["LastPowerEvent"]),
    (names::OS_STATUS, &["OperatingSystemState"]),
    (names::BUTTONS, &["ButtonPressed"]),
];

/// The status of power that cannot be told.
const UNDEFINED: &str = "Undefined";

/// What is known of the host, and which events follow. Pure.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// powerd cannot read the board's lines: what it shows now is no state.
    undefined: bool,
    /// `On`, `Off`, or on the way; `None` before it was told.
    chassis: Option<String>,
    /// An operating system ran since power last came, and nobody has forced it off.
    os_ran: bool,
    /// `None` before it was told.
    os_runs: Option<bool>,
}

fn state(path: &str, sensor_type: u8, offset: u8, asserted: bool) -> (String, What) {
    (path.to_owned(), What::State { sensor_type, offset, asserted })
}

impl Host {
    /// `property` of the object at `path` is `value`, an enumeration's last word.
    fn told(&mut self, path: &str, property: &str, value: &str) -> Vec<(String, What)> {
        match property {
            "CurrentPowerStatus" => {
                self.undefined = value == UNDEFINED;
                Vec::new()
            }
            "CurrentPowerState" | "OperatingSystemState" if self.undefined => Vec::new(),
            "CurrentPowerState" => self.chassis_is(value),
            "LastPowerEvent" => Self::power_event(value),
            "OperatingSystemState" => self.os_is(value),
            "ButtonPressed" => Self::pressed(path, value),
            _ => Vec::new(),
        }
    }

    fn chassis_is(&mut self, now: &str) -> Vec<(String, What)> {
        // Power unit: 00h is "power off" (v2.0 table 42-3).
        let power = |off| state(names::CHASSIS_PATH, sensor_type::POWER_UNIT, 0x00, off);
        let before = self.chassis.replace(now.to_owned());
        let Some(before) = before.filter(|before| before != now) else { return Vec::new() };
        match now {
            "Off" => {
                // From on to off without a force between: the operating system switched off.
                let by_itself = std::mem::take(&mut self.os_ran) && before == "On";
                let shutdown = by_itself.then(|| state(STOP, sensor_type::OS_STOP, 0x03, true));
                shutdown.into_iter().chain([power(true)]).collect()
            }
            "TransitioningToOff" => {
                self.os_ran = false;
                Vec::new()
            }
            // From "off" over "on the way" to "on"; a force that failed comes back to "on" without having been off.
            "On" if before != "TransitioningToOff" => {
                vec![power(false), state(names::HOST_PATH, sensor_type::SYSTEM_RESTART, 0x00, true)]
            }
            _ => Vec::new(),
        }
    }

    fn power_event(event: &str) -> Vec<(String, What)> {
        // AC lost 04h, interlock 03h, power unit failure 06h.
        let offset = match event {
            "AcFailure" => 0x04,
            "Interlock" => 0x03,
            "PowerFault" | "Overload" => 0x06,
            _ => return Vec::new(),
        };
        vec![state(names::CHASSIS_PATH, sensor_type::POWER_UNIT, offset, true)]
    }

    fn os_is(&mut self, now: &str) -> Vec<(String, What)> {
        let runs = now != "Inactive";
        let before = self.os_runs.replace(runs);
        self.os_ran |= runs;
        // 06h: booted, from an unspecified device. What ran before anybody looked does not boot now.
        if runs && before == Some(false) {
            vec![state(BOOT, sensor_type::OS_BOOT, 0x06, true)]
        } else {
            Vec::new()
        }
    }

    /// The host was reset without losing power: 01h, hard reset.
    fn was_reset(&mut self) -> Vec<(String, What)> {
        self.os_ran = false;
        vec![state(names::HOST_PATH, sensor_type::SYSTEM_RESTART, 0x01, true)]
    }

    fn pressed(path: &str, pressed: &str) -> Vec<(String, What)> {
        let offset = match path.rsplit('/').next() {
            Some("power") => 0x00,
            Some("reset") => 0x02,
            _ => return Vec::new(),
        };
        let event = state(names::BUTTONS_ROOT, sensor_type::BUTTON, offset, true);
        if pressed == "true" { vec![event] } else { Vec::new() }
    }
}

/// What powerd tells.
pub(super) type Signals = SelectAll<MessageStream>;

/// Begins to listen.
pub(super) async fn subscribe(connection: &Connection) -> zbus::Result<Signals> {
    let signal = || MatchRule::builder().msg_type(Type::Signal);
    let owners = || signal().sender("org.freedesktop.DBus").interface("org.freedesktop.DBus");
    let owner = |service| owners().member("NameOwnerChanged").arg(0, service).build();
    let rules = [
        owner(names::CHASSIS_SERVICE)?,
        owner(names::OS_SERVICE)?,
        // All that chassis, host and operating system tell in one stream, as their order has a meaning.
        signal().path_namespace(names::STATE_ROOT).build()?,
        signal().path_namespace(names::BUTTONS_ROOT).build()?,
    ];
    let mut signals = Vec::new();
    for rule in rules {
        signals.push(MessageStream::for_match_rule(rule, connection, QUEUE.try_into().ok()).await?);
    }
    Ok(select_all(signals))
}

/// Looks at the state that there is, then listens until the bus is gone.
pub(super) async fn follow(
    sources: &Sources,
    connection: &Connection,
    mut signals: Signals,
) -> zbus::Result<()> {
    let mut aside = VecDeque::new();
    let mut news = true;
    loop {
        if news {
            let found = set_aside(&mut signals, &mut aside, look(connection)).await;
            sources.happen(compare(sources, found)).await;
        }
        let message = match aside.pop_front() {
            Some(message) => message?,
            None => match signals.next().await {
                Some(message) => message?,
                None => return Ok(()),
            },
        };
        let happened = heard(sources, &message);
        sources.happen(happened).await;
        news = brings_news(&message);
    }
}

/// Whether the state may be another one than was told last: whoever tells it has come, or reads the board's lines again.
fn brings_news(message: &Message) -> bool {
    if message.header().member().is_some_and(|member| member.as_str() == "NameOwnerChanged") {
        let names = message.body().deserialize::<(String, String, String)>();
        return names.is_ok_and(|(_, _, new_owner)| !new_owner.is_empty());
    }
    changed(message).iter().any(|(property, word)| *property == "CurrentPowerStatus" && word != UNDEFINED)
}

/// What is so now: path, property and word.
type Found = Vec<(&'static str, &'static str, String)>;

async fn look(connection: &Connection) -> Found {
    let objects = [
        (names::CHASSIS_SERVICE, names::CHASSIS_PATH, names::CHASSIS, "CurrentPowerStatus"),
        (names::CHASSIS_SERVICE, names::CHASSIS_PATH, names::CHASSIS, "CurrentPowerState"),
        (names::OS_SERVICE, names::HOST_PATH, names::OS_STATUS, "OperatingSystemState"),
    ];
    let mut found = Vec::new();
    for (service, path, interface, property) in objects {
        let arguments = (interface, property);
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply = connection.call_method(Some(service), path, properties, "Get", &arguments).boxed().await;
        if let Ok(reply) = reply
            && let Ok(value) = reply.body().deserialize::<OwnedVariant>()
            && let Some(word) = last_word(&value)
        {
            found.push((path, property, word));
        }
    }
    found
}

/// What differs from what was known has happened unseen; nothing has where nothing was known.
fn compare(sources: &Sources, found: Found) -> Vec<(String, What)> {
    let mut host = lock(&sources.host);
    found.into_iter().flat_map(|(path, property, word)| host.told(path, property, &word)).collect()
}

fn heard(sources: &Sources, message: &Message) -> Vec<(String, What)> {
    let header = message.header();
    if header.member().is_some_and(|member| member.as_str() == "HostReset") {
        return lock(&sources.host).was_reset();
    }
    let Some(path) = header.path() else { return Vec::new() };
    let mut host = lock(&sources.host);
    changed(message).into_iter().flat_map(|(property, word)| host.told(path, property, &word)).collect()
}

/// Each followed property that a signal tells, and its word.
fn changed(message: &Message) -> Vec<(&'static str, String)> {
    let body = message.body();
    type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
    let Ok((interface, properties, _)) = body.deserialize::<Changed>() else { return Vec::new() };
    let followed = FOLLOWED.iter().filter(|it| it.0 == interface).flat_map(|it| it.1);
    followed.filter_map(|property| Some((*property, last_word(properties.get(*property)?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type and offset of all that follows from these, with `!` before what ends.
    fn events(told: &[(&str, &str)]) -> Vec<String> {
        let mut host = Host::default();
        let tell = |(property, value): &(&str, &str)| match *property {
            "reset" => host.was_reset(),
            property => host.told("/xyz/openbmc_project/chassis/buttons/power", property, value),
        };
        let happened = told.iter().flat_map(tell);
        happened
            .map(|(_, what)| match what {
                What::State { sensor_type, offset, asserted } => {
                    format!("{}{sensor_type:02x}.{offset}", if asserted { "" } else { "!" })
                }
                What::Threshold { .. } | What::Session { .. } => panic!("{what:?}"),
            })
            .collect()
    }

    const CHASSIS: &str = "CurrentPowerState";
    const OS: &str = "OperatingSystemState";
    const STATUS: &str = "CurrentPowerStatus";

    #[test]
    fn power_that_comes_starts_the_host_and_its_system_boots() {
        let before = [(CHASSIS, "Off"), (OS, "Inactive")];
        let told =
            [&before[..], &[(CHASSIS, "TransitioningToOn"), (CHASSIS, "On"), (OS, "Standby")]].concat();
        assert_eq!(events(&told), ["!09.0", "1d.0", "1f.6"]);
        assert!(events(&told[3..]).is_empty(), "what was so before is no event");
    }

    #[test]
    fn a_system_that_switches_off_by_itself_is_told_from_one_that_is_forced() {
        let up = [(CHASSIS, "On"), (OS, "Inactive"), (OS, "Standby")];
        let shutdown = [&up[..], &[(OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&shutdown), ["1f.6", "20.3", "09.0"]);
        let forced =
            [&up[..], &[(CHASSIS, "TransitioningToOff"), (OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&forced), ["1f.6", "09.0"]);
        let reset = [&up[..], &[("reset", ""), (OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&reset), ["1f.6", "1d.1", "09.0"]);
    }

    #[test]
    fn what_is_shown_while_the_lines_cannot_be_read_is_passed_over_and_what_differs_behind_it_is_an_event() {
        let up = [(CHASSIS, "On"), (OS, "Standby")];
        let away = [&up[..], &[(STATUS, "Undefined"), (OS, "Inactive"), (CHASSIS, "Off"), (STATUS, "Good")]]
            .concat();
        let unchanged = [&away[..], &up[..]].concat();
        assert!(events(&unchanged).is_empty());
        let went_off = [&away[..], &[(CHASSIS, "Off"), (OS, "Inactive")]].concat();
        assert_eq!(events(&went_off), ["20.3", "09.0"]);
    }

    #[test]
    fn lost_mains_faults_and_buttons_are_events() {
        let told =
            [("LastPowerEvent", "AcFailure"), ("LastPowerEvent", "Command"), ("ButtonPressed", "true")];
        assert_eq!(events(&told), ["09.4", "14.0"]);
        assert!(events(&[("ButtonPressed", "false"), ("LastPowerEvent", "None")]).is_empty());
        assert_eq!(events(&[("LastPowerEvent", "PowerFault")]), ["09.6"]);
    }
}
