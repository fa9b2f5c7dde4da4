//! `ferrite ctl status`.

use bmc_dbus::names::ipmi;
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::{Connection, fdo::DBusProxy, names::BusName};

use super::{
    Command, Failure, Line, Output,
    bus::{self, CONSOLED, NETIPMID, SINGLE},
    power::{self, Power},
    present, sensors, sessions,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "status",
    help: "\
Shows which daemons run, and what they have to say in short.

usage: ferrite ctl status [--json]

Ends with 3 where a daemon is missing: the text (or JSON) is printed all the same.
",
    flags: &[],
    values: &[],
    run: |line| Box::pin(run(line)),
};

/// The whole stack at a glance; `None` where the daemon that knows is missing.
#[derive(Debug, Serialize)]
struct Status {
    daemons: Vec<Daemon>,
    power: Option<Power>,
    sensors: Option<SensorCount>,
    sessions: Option<usize>,
    discards: Option<u64>,
}

/// A daemon, once per bus name.
#[derive(Debug, Serialize)]
struct Daemon {
    name: String,
    bus_name: String,
    pid: Option<u32>,
    #[serde(skip)]
    unit: &'static str,
}

#[derive(Debug, Serialize)]
struct SensorCount {
    total: usize,
    in_alarm: usize,
    unavailable: usize,
}

async fn run(line: Line) -> Result<Output, Failure> {
    if !line.words().is_empty() {
        return Err(line.misunderstood("status"));
    }
    let connection = bus::connect().await?;
    let status = read(&connection).await?;
    let exit = if status.daemons.iter().all(|daemon| daemon.pid.is_some()) { 0 } else { 3 };
    Ok(Output { text: present(&line, &status, render)?, exit })
}

async fn read(connection: &Connection) -> Result<Status, Failure> {
    let sensors = sensors::read(connection).await.ok();
    let channels = sessions::read(connection).await.ok();
    Ok(Status {
        daemons: daemons(connection).await?,
        power: power::read(connection).await.ok(),
        sensors: sensors.map(|sensors| SensorCount {
            total: sensors.len(),
            in_alarm: sensors.iter().filter(|sensor| sensor.in_alarm()).count(),
            unavailable: sensors.iter().filter(|sensor| sensor.state == "unavailable").count(),
        }),
        sessions: channels.as_ref().map(|channels| channels.sessions.len()),
        discards: channels
            .map(|channels| channels.discards.values().flat_map(|reasons| reasons.values()).sum()),
    })
}

async fn daemons(connection: &Connection) -> Result<Vec<Daemon>, Failure> {
    let bus = DBusProxy::new(connection).boxed().await.map_err(Failure::NoBus)?;
    let pid = async |name: &str| {
        let name = BusName::try_from(name).ok()?;
        bus.get_connection_unix_process_id(name).boxed().await.ok()
    };
    let mut daemons = Vec::new();
    for service in SINGLE {
        daemons.push(Daemon {
            name: service.daemon.to_owned(),
            bus_name: service.name.to_owned(),
            pid: pid(service.name).await,
            unit: service.unit,
        });
    }
    let channels = bus::channels(connection).await?;
    for channel in &channels {
        let bus_name = format!("{}{channel}", ipmi::CHANNEL_PREFIX);
        let pid = pid(&bus_name).await;
        daemons.push(Daemon { name: format!("channel {channel}"), bus_name, pid, unit: NETIPMID.unit });
    }
    if channels.is_empty() {
        let bus_name = format!("{}*", ipmi::CHANNEL_PREFIX);
        daemons.push(Daemon { name: NETIPMID.daemon.to_owned(), bus_name, pid: None, unit: NETIPMID.unit });
    }
    // A board may have no console.
    for id in bus::consoles(connection).await? {
        let bus_name = bmc_dbus::console::service(&id);
        let pid = pid(&bus_name).await;
        daemons.push(Daemon { name: format!("console {id}"), bus_name, pid, unit: CONSOLED.unit });
    }
    Ok(daemons)
}

fn render(status: &Status) -> String {
    const HEADER: [(&str, Align); 4] =
        [("DAEMON", Align::Left), ("PID", Align::Right), ("STATE", Align::Left), ("BUS NAME", Align::Left)];
    let rows: Vec<_> = status.daemons.iter().map(row).collect();
    let unknown = || "unknown".to_owned();
    let power = status.power.as_ref().map_or_else(unknown, |p| format!("{}, host {}", p.power, p.host));
    let sensors = status.sensors.as_ref().map_or_else(unknown, |count| {
        format!("{}, {} in alarm, {} unavailable", count.total, count.in_alarm, count.unavailable)
    });
    let sessions = status.sessions.map_or_else(unknown, |count| count.to_string());
    let discards = status.discards.map_or_else(unknown, |count| format!("{count} datagrams"));
    let mut text = table::render(&HEADER, &rows);
    text.push_str(&format!(
        "\npower     {power}\nsensors   {sensors}\nsessions  {sessions}\ndiscards  {discards}\n"
    ));
    for daemon in status.daemons.iter().filter(|daemon| daemon.pid.is_none()) {
        text.push_str(&format!("\nhint: {} is missing: systemctl status {}", daemon.name, daemon.unit));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn row(daemon: &Daemon) -> Vec<String> {
    let pid = daemon.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let state = if daemon.pid.is_some() { "running" } else { "missing" };
    vec![daemon.name.clone(), pid, state.to_owned(), daemon.bus_name.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_daemon_shows_with_the_unit_to_look_at() {
        let daemon =
            |name: &str, pid, unit| Daemon { name: name.into(), bus_name: format!("b.{name}"), pid, unit };
        let status = Status {
            daemons: vec![
                daemon("ipmid", Some(417), "ipmid.service"),
                daemon("sensord", None, "sensord.service"),
            ],
            power: Some(Power { power: "on".into(), host: "running".into() }),
            sensors: None,
            sessions: Some(2),
            discards: Some(15),
        };
        let expected = "\
DAEMON   PID  STATE    BUS NAME
ipmid    417  running  b.ipmid
sensord    -  missing  b.sensord

power     on, host running
sensors   unknown
sessions  2
discards  15 datagrams

hint: sensord is missing: systemctl status sensord.service
";
        assert_eq!(render(&status), expected);
    }
}
