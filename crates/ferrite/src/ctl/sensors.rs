//! `ferrite ctl sensors`.

use std::{collections::HashMap, time::Duration};

use bmc_dbus::{names::sensors, sensors::SensorTableProxy};
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, Properties, SENSORD},
    present,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "sensors",
    help: "\
Shows all sensors with their reading, unit, age and threshold state.

usage: ferrite ctl sensors [--watch] [--interval SECONDS] [--json] [NAME…]

  NAME                only sensors whose name contains one of these (case does not matter)
  --watch             draws again and again until Ctrl-C; with --json, one value a line
  --interval SECONDS  how often (default 2)

states: ok; warning, critical or non-recoverable with high or low; unavailable (cannot be read now, as with power off);
failed (does not answer).
",
    flags: &["watch"],
    values: &["interval"],
    run: |line| Box::pin(run(line)),
};

/// One sensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sensor {
    name: String,
    /// OpenBMC's path segment: `temperature`, `fan_tach`, …
    kind: String,
    /// `None` where there is no reading.
    value: Option<f64>,
    unit: String,
    pub(super) state: String,
    age_ms: Option<u64>,
}

impl Sensor {
    /// Whether a threshold is crossed or the sensor has failed.
    pub(super) fn in_alarm(&self) -> bool {
        !matches!(self.state.as_str(), "ok" | "unavailable")
    }

    fn new(path: &str, properties: &Properties, age_ms: Option<u64>) -> Self {
        let mut segments = path.rsplit('/').map(str::to_owned);
        Self {
            name: segments.next().unwrap_or_default(),
            kind: segments.next().unwrap_or_default(),
            value: properties.float("Value").filter(|value| value.is_finite()),
            unit: properties.word("Unit").unwrap_or_default(),
            state: state(properties),
            age_ms,
        }
    }
}

/// The gravest that holds.
fn state(properties: &Properties) -> String {
    const LEVELS: [(&str, &str); 4] = [
        ("HardShutdown", "non-recoverable"),
        ("SoftShutdown", "non-recoverable"),
        ("Critical", "critical"),
        ("Warning", "warning"),
    ];
    let is = |name: &str, value: bool| properties.boolean(name) == Some(value);
    if is("Functional", false) {
        return "failed".to_owned();
    }
    if is("Available", false) || properties.float("Value").is_none_or(f64::is_nan) {
        return "unavailable".to_owned();
    }
    for (level, word) in LEVELS {
        for (side, name) in [("High", "high"), ("Low", "low")] {
            if is(&format!("{level}Alarm{side}"), true) {
                return format!("{word} {name}");
            }
        }
    }
    "ok".to_owned()
}

async fn run(line: Line) -> Result<Output, Failure> {
    let interval = match line.value("interval").map(str::parse::<u32>) {
        None => 2,
        Some(Ok(seconds @ 1..)) => seconds,
        Some(_) => return Err(Failure::Usage("--interval wants a whole number of seconds".into())),
    };
    let connection = bus::connect().await?;
    let filter: Vec<String> = line.words().into_iter().map(str::to_lowercase).collect();
    loop {
        let mut sensors = read(&connection).await?;
        sensors.retain(|sensor| {
            let name = sensor.name.to_lowercase();
            filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()))
        });
        if !line.has("watch") {
            return present(&line, &sensors, |sensors| render(sensors)).map(Output::from);
        }
        super::show(&frame(&line, &sensors)?);
        tokio::time::sleep(Duration::from_secs(interval.into())).await;
    }
}

/// One picture of `--watch`, or one line of JSON. It is written over the one before: a screen that is cleared first flickers.
fn frame(line: &Line, sensors: &Vec<Sensor>) -> Result<String, Failure> {
    if line.has("json") {
        let text = serde_json::to_string(sensors).map_err(|error| Failure::Failed(error.to_string()))?;
        return Ok(text + "\n");
    }
    let lines = render(sensors).replace('\n', "\x1b[K\n");
    Ok(format!("\x1b[H{lines}\x1b[J"))
}

/// All sensors, by kind and name.
pub(super) async fn read(connection: &Connection) -> Result<Vec<Sensor>, Failure> {
    let objects = bus::objects(connection, sensors::SERVICE, sensors::ROOT, sensors::VALUE).await;
    let objects = objects.map_err(|error| SENSORD.failure(error))?;
    // Without the table of our own (OpenBMC's daemons have none) readings come without an age.
    let ages = ages(connection).await.unwrap_or_default();
    Ok(objects
        .iter()
        .map(|(path, properties)| Sensor::new(path, properties, ages.get(path).copied()))
        .collect())
}

/// Milliseconds by path, of those that ever had a reading.
async fn ages(connection: &Connection) -> zbus::Result<HashMap<String, u64>> {
    let rows = SensorTableProxy::new(connection).boxed().await?.read().boxed().await?;
    let known = rows.into_iter().filter(|row| row.age_ms != u64::MAX);
    Ok(known.map(|row| (row.path.to_string(), row.age_ms)).collect())
}

fn render(sensors: &[Sensor]) -> String {
    const HEADER: [(&str, Align); 6] = [
        ("SENSOR", Align::Left),
        ("KIND", Align::Left),
        ("READING", Align::Right),
        ("UNIT", Align::Left),
        ("AGE", Align::Right),
        ("STATE", Align::Left),
    ];
    let rows: Vec<_> = sensors.iter().map(row).collect();
    table::render(&HEADER, &rows)
}

fn row(sensor: &Sensor) -> Vec<String> {
    let (unit, decimals) = unit(&sensor.unit);
    let reading = sensor.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"));
    let age = sensor.age_ms.map_or_else(|| "-".to_owned(), table::age);
    vec![sensor.name.clone(), sensor.kind.clone(), reading, unit.to_owned(), age, sensor.state.clone()]
}

/// How a unit is written, and with how many decimals its readings are.
fn unit(name: &str) -> (&str, usize) {
    match name {
        "DegreesC" => ("°C", 1),
        "Volts" => ("V", 3),
        "Amperes" => ("A", 2),
        "Watts" => ("W", 1),
        "RPMS" => ("RPM", 0),
        "Percent" => ("%", 1),
        "PercentRH" => ("%RH", 1),
        "Joules" => ("J", 0),
        "Pascals" => ("Pa", 0),
        "CFM" => ("CFM", 1),
        other => (other, 2),
    }
}

#[cfg(test)]
mod tests {
    use zbus::Variant;

    use super::*;

    fn properties(pairs: &[(&str, Variant<'static>)]) -> Properties {
        let own =
            |(name, value): &(&str, Variant<'static>)| ((*name).to_owned(), value.try_to_owned().unwrap());
        Properties::new([pairs.iter().map(own).collect()])
    }

    #[test]
    fn the_gravest_state_is_told() {
        let reading = ("Value", Variant::F64(90.0));
        let yes = Variant::Bool(true);
        let cases: [(&[(&str, Variant<'static>)], &str); 6] = [
            (std::slice::from_ref(&reading), "ok"),
            (&[reading.clone(), ("WarningAlarmHigh", yes.clone())], "warning high"),
            (
                &[reading.clone(), ("WarningAlarmLow", yes.clone()), ("CriticalAlarmLow", yes.clone())],
                "critical low",
            ),
            (&[reading.clone(), ("HardShutdownAlarmHigh", yes.clone())], "non-recoverable high"),
            (&[("Value", Variant::F64(f64::NAN)), ("CriticalAlarmLow", yes)], "unavailable"),
            (&[reading.clone(), ("Functional", Variant::Bool(false))], "failed"),
        ];
        for (given, expected) in cases {
            assert_eq!(state(&properties(given)), expected);
        }
    }

    #[test]
    fn the_table_has_units_ages_and_states() {
        let volts = properties(&[
            ("Value", Variant::F64(11.9871)),
            ("Unit", Variant::from("xyz.openbmc_project.Sensor.Value.Unit.Volts")),
        ]);
        let fan = properties(&[("Value", Variant::F64(f64::NAN)), ("Unit", Variant::from("a.Unit.RPMS"))]);
        let sensors = [
            Sensor::new("/xyz/openbmc_project/sensors/voltage/P12V", &volts, Some(430)),
            Sensor::new("/xyz/openbmc_project/sensors/fan_tach/Fan_1", &fan, None),
        ];
        let expected = "\
SENSOR  KIND      READING  UNIT    AGE  STATE
P12V    voltage    11.987  V     0.4 s  ok
Fan_1   fan_tach        -  RPM       -  unavailable
";
        assert_eq!(render(&sensors), expected);
    }
}
