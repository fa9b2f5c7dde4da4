//! What powerd, or x86-power-control, tells of chassis, host, operating system and buttons.

use std::collections::HashMap;

use bmc_dbus::{discrete::last_word, names::power as names};
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

/// What is followed: interface and property.
const FOLLOWED: [(&str, &str); 4] = [
    (names::CHASSIS, "CurrentPowerState"),
    (names::POWER_STATUS, "LastPowerEvent"),
    (names::OS_STATUS, "OperatingSystemState"),
    (names::BUTTONS, "ButtonPressed"),
];

/// What is known of the host, and which events follow. Pure.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// `On`, `Off`, or on the way; `None` before it was told.
    chassis: Option<String>,
    /// An operating system ran since power last came, and nobody has forced it off.
    os_ran: bool,
    os_runs: bool,
}

fn state(path: &str, sensor_type: u8, offset: u8, asserted: bool) -> (String, What) {
    (path.to_owned(), What::State { sensor_type, offset, asserted })
}

impl Host {
    /// `property` of the object at `path` is `value`, an enumeration's last word.
    fn told(&mut self, path: &str, property: &str, value: &str) -> Vec<(String, What)> {
        match property {
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
        let before = std::mem::replace(&mut self.os_runs, runs);
        self.os_ran |= runs;
        // 06h: booted, from an unspecified device.
        if runs && !before { vec![state(BOOT, sensor_type::OS_BOOT, 0x06, true)] } else { Vec::new() }
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
    let mut signals = Vec::new();
    for (interface, _) in FOLLOWED {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .arg(0, interface)
            .build()?;
        signals.push(MessageStream::for_match_rule(rule, connection, QUEUE.try_into().ok()).await?);
    }
    let resets = MatchRule::builder().msg_type(Type::Signal).interface(names::POWER_STATUS);
    let resets = resets.member("HostReset").build()?;
    signals.push(MessageStream::for_match_rule(resets, connection, QUEUE.try_into().ok()).await?);
    Ok(select_all(signals))
}

/// Looks at the state that there is, then listens until the bus is gone.
pub(super) async fn follow(
    sources: &Sources,
    connection: &Connection,
    mut signals: Signals,
) -> zbus::Result<()> {
    load(sources, connection).await;
    while let Some(message) = signals.next().await {
        let happened = heard(sources, &message?);
        sources.happen(happened).await;
    }
    Ok(())
}

/// The state that there is, which is no event: it was there before.
async fn load(sources: &Sources, connection: &Connection) {
    let objects = [
        (names::CHASSIS_SERVICE, names::CHASSIS_PATH, names::CHASSIS, "CurrentPowerState"),
        (names::OS_SERVICE, names::HOST_PATH, names::OS_STATUS, "OperatingSystemState"),
    ];
    for (service, path, interface, property) in objects {
        let arguments = (interface, property);
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply = connection.call_method(Some(service), path, properties, "Get", &arguments).await;
        if let Ok(reply) = reply
            && let Ok(value) = reply.body().deserialize::<OwnedVariant>()
            && let Some(word) = last_word(&value)
        {
            lock(&sources.host).told(path, property, &word);
        }
    }
}

fn heard(sources: &Sources, message: &Message) -> Vec<(String, What)> {
    let header = message.header();
    if header.member().is_some_and(|member| member.as_str() == "HostReset") {
        return lock(&sources.host).was_reset();
    }
    let Some(path) = header.path() else { return Vec::new() };
    let body = message.body();
    type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
    let Ok((interface, properties, _)) = body.deserialize::<Changed>() else { return Vec::new() };
    let followed = FOLLOWED.iter().filter(|it| it.0 == interface);
    followed
        .filter_map(|(_, property)| Some((property, last_word(properties.get(*property)?)?)))
        .flat_map(|(property, word)| lock(&sources.host).told(path, property, &word))
        .collect()
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

    #[test]
    fn power_that_comes_starts_the_host_and_its_system_boots() {
        let told = [(CHASSIS, "Off"), (CHASSIS, "TransitioningToOn"), (CHASSIS, "On"), (OS, "Standby")];
        assert_eq!(events(&told), ["!09.0", "1d.0", "1f.6"]);
        assert!(events(&told[2..3]).is_empty(), "what was so before is no event");
    }

    #[test]
    fn a_system_that_switches_off_by_itself_is_told_from_one_that_is_forced() {
        let up = [(CHASSIS, "On"), (OS, "Standby")];
        let shutdown = [&up[..], &[(OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&shutdown), ["1f.6", "20.3", "09.0"]);
        let forced =
            [&up[..], &[(CHASSIS, "TransitioningToOff"), (OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&forced), ["1f.6", "09.0"]);
        let reset = [&up[..], &[("reset", ""), (OS, "Inactive"), (CHASSIS, "Off")]].concat();
        assert_eq!(events(&reset), ["1f.6", "1d.1", "09.0"]);
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
