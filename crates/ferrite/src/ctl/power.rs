//! `ferrite ctl power`.

use bmc_dbus::power::{CHASSIS_TRANSITION, ChassisProxy, HOST_TRANSITION, HostProxy, NmiProxy};
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, POWERD_CHASSIS, POWERD_HOST},
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

/// What each word asks for.
const TRANSITIONS: [(&str, Target); 5] = [
    ("on", Target::Host("On")),
    ("off", Target::Chassis("Off")),
    ("cycle", Target::Chassis("PowerCycle")),
    ("reset", Target::Host("ForceWarmReboot")),
    ("soft", Target::Host("Off")),
];

/// Whose transition, and its last word.
#[derive(Debug, Clone, Copy)]
enum Target {
    Host(&'static str),
    Chassis(&'static str),
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
            let transition = TRANSITIONS.iter().find(|(name, _)| *name == word);
            let Some((_, target)) = transition else { return Err(line.misunderstood("power")) };
            request(&connection, *target).await?;
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
    let chassis = async { ChassisProxy::new(connection).boxed().await?.current_power_state().boxed().await };
    let host = async { HostProxy::new(connection).boxed().await?.current_host_state().boxed().await };
    let words = |text: String| spaced(&bus::last_word(&text));
    Ok(Power {
        power: chassis.await.map(words).map_err(|error| POWERD_CHASSIS.failure(error))?,
        host: host.await.map(words).map_err(|error| POWERD_HOST.failure(error))?,
    })
}

async fn request(connection: &Connection, target: Target) -> Result<(), Failure> {
    match target {
        Target::Host(word) => {
            let value = format!("{HOST_TRANSITION}{word}");
            let set = async {
                HostProxy::new(connection).boxed().await?.set_requested_host_transition(&value).boxed().await
            };
            set.await.map_err(|error| POWERD_HOST.failure(error))
        }
        Target::Chassis(word) => {
            let value = format!("{CHASSIS_TRANSITION}{word}");
            let set = async {
                ChassisProxy::new(connection)
                    .boxed()
                    .await?
                    .set_requested_power_transition(&value)
                    .boxed()
                    .await
            };
            set.await.map_err(|error| POWERD_CHASSIS.failure(error))
        }
    }
}

async fn interrupt(connection: &Connection) -> zbus::Result<()> {
    NmiProxy::new(connection).boxed().await?.nmi().boxed().await
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
