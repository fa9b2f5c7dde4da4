//! `ferrite ctl power`.

use bmc_dbus::names::power;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, POWERD_CHASSIS, POWERD_HOST, Service},
    present,
};

pub(super) const COMMAND: Command = Command {
    name: "power",
    help: "\
Shows or changes the host's power.

usage: ferrite ctl power [status|on|off|cycle|reset|soft|nmi] [--json]

  status  what the power and the host are doing (default)
  on      turn the host on
  off     cut the power at once: the operating system is not asked
  soft    ask the operating system to shut down, as a short press of the button does
  cycle   off, a pause, on
  reset   reset the processors, power stays
  nmi     a non-maskable interrupt, for a crash dump

A change is requested, not waited for; `ferrite ctl power` shows how far it is.
",
    flags: &[],
    values: &[],
    run: |line| Box::pin(run(line)),
};

/// What a word writes: service, path, interface, property, and the value's last two words.
const TRANSITIONS: [(&str, Target, &str); 5] = [
    ("on", Target::Host, "Transition.On"),
    ("off", Target::Chassis, "Transition.Off"),
    ("cycle", Target::Chassis, "Transition.PowerCycle"),
    ("reset", Target::Host, "Transition.ForceWarmReboot"),
    ("soft", Target::Host, "Transition.Off"),
];

#[derive(Debug, Clone, Copy)]
enum Target {
    Host,
    Chassis,
}

/// OpenBMC's words, in lower case.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Power {
    pub(super) power: String,
    pub(super) host: String,
}

async fn run(line: Line) -> Result<Output, Failure> {
    let words = line.words();
    let connection = bus::connect().await?;
    match words[..] {
        [] | ["status"] => present(&line, &read(&connection).await?, render).map(Output::from),
        ["nmi"] => {
            interrupt(&connection).await.map_err(|error| POWERD_HOST.failure(error))?;
            requested(&line, "nmi")
        }
        [word] => {
            let transition = TRANSITIONS.iter().find(|(name, ..)| *name == word);
            let Some((_, target, value)) = transition else { return Err(line.misunderstood("power")) };
            request(&connection, *target, value).await?;
            requested(&line, word)
        }
        _ => Err(line.misunderstood("power")),
    }
}

fn requested(line: &Line, word: &str) -> Result<Output, Failure> {
    #[derive(Serialize)]
    struct Requested {
        requested: String,
    }
    let model = Requested { requested: word.to_owned() };
    present(line, &model, |model| format!("power {} requested\n", model.requested)).map(Output::from)
}

/// The state as powerd has it.
pub(super) async fn read(connection: &Connection) -> Result<Power, Failure> {
    let word = async |service: Service, path, interface, property| {
        let proxy = zbus::Proxy::new(connection, service.name, path, interface).await;
        let text = match proxy {
            Ok(proxy) => proxy.get_property::<String>(property).await,
            Err(error) => Err(error),
        };
        text.map(|text| spaced(&bus::last_word(&text))).map_err(|error| service.failure(error))
    };
    Ok(Power {
        power: word(POWERD_CHASSIS, power::CHASSIS_PATH, power::CHASSIS, "CurrentPowerState").await?,
        host: word(POWERD_HOST, power::HOST_PATH, power::HOST, "CurrentHostState").await?,
    })
}

async fn request(connection: &Connection, target: Target, value: &str) -> Result<(), Failure> {
    let (service, path, interface, property) = match target {
        Target::Host => (POWERD_HOST, power::HOST_PATH, power::HOST, "RequestedHostTransition"),
        Target::Chassis => (POWERD_CHASSIS, power::CHASSIS_PATH, power::CHASSIS, "RequestedPowerTransition"),
    };
    let set = async {
        let proxy = zbus::Proxy::new(connection, service.name, path, interface).await?;
        Ok(proxy.set_property(property, format!("{interface}.{value}")).await?)
    };
    set.await.map_err(|error| service.failure(error))
}

async fn interrupt(connection: &Connection) -> zbus::Result<()> {
    let proxy = zbus::Proxy::new(connection, power::HOST_SERVICE, power::NMI_PATH, power::NMI).await?;
    proxy.call("NMI", &()).await
}

fn render(power: &Power) -> String {
    format!("power  {}\nhost   {}\n", power.power, power.host)
}

/// `TransitioningToOff` as `transitioning to off`.
fn spaced(word: &str) -> String {
    let mut text = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_like_words() {
        let model = Power { power: spaced("TransitioningToOff"), host: spaced("Running") };
        assert_eq!(render(&model), "power  transitioning to off\nhost   running\n");
    }
}
