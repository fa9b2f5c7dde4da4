//! `powerd.toml` and the board's power-config.json, whose shape and names are x86-power-control's.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bmc_daemon::{ConfigError, Located};
use serde::Deserialize;

use crate::machine::Timings;

/// `powerd.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The board's power file, relative to the configuration directory.
    pub power_config: String,
    /// Where the lines are: `cdev` or `unix:PATH`.
    pub gpio: String,
    /// Whether a soft request that the host ignores ends in a forced power-off.
    pub force_off_after_graceful: bool,
    /// Whether a press of the front panel's power or reset button is passed on to the host. `false` where the board wires it.
    pub button_passthrough: bool,
    /// How long power-ok must be steady before a change of it counts, in ms; at most a second.
    pub power_ok_debounce_ms: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            power_config: "power-config.json".to_owned(),
            gpio: "cdev".to_owned(),
            force_off_after_graceful: false,
            button_passthrough: true,
            power_ok_debounce_ms: 20,
        }
    }
}

/// A line and which level means "asserted".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardLine {
    /// The kernel's name of the line.
    pub line: String,
    /// Whether low means asserted.
    pub active_low: bool,
}

/// The board's power file.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Lines by x86-power-control's names (`PowerOk`, `PowerOut`, …), those that powerd does not use included.
    pub lines: BTreeMap<String, BoardLine>,
    /// Timings.
    pub timings: Timings,
}

#[derive(Deserialize)]
struct File {
    gpio_configs: Vec<Entry>,
    #[serde(default, alias = "timer_configs")]
    timing_configs: TimingFile,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    name: String,
    line_name: Option<String>,
    gpio_name: Option<String>,
    #[serde(rename = "Type")]
    kind: String,
    polarity: Option<Polarity>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
enum Polarity {
    ActiveLow,
    ActiveHigh,
}

/// x86-power-control's names and defaults; unknown ones are passed over.
#[derive(Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TimingFile {
    power_pulse_ms: u64,
    force_off_pulse_ms: u64,
    reset_pulse_ms: u64,
    power_cycle_ms: u64,
    #[serde(rename = "PowerOKWatchdogMs")]
    power_ok_watchdog_ms: u64,
    graceful_power_off_s: u64,
}

impl Default for TimingFile {
    fn default() -> Self {
        Self {
            power_pulse_ms: 200,
            force_off_pulse_ms: 15_000,
            reset_pulse_ms: 500,
            power_cycle_ms: 5_000,
            power_ok_watchdog_ms: 8_000,
            graceful_power_off_s: 300,
        }
    }
}

/// No sequence takes longer; an instant could not hold what a `u64` can.
const LONGEST: Duration = Duration::from_secs(3600);

impl TimingFile {
    /// The first field that is longer than [`LONGEST`].
    fn too_long(&self) -> Option<&'static str> {
        let milliseconds = Duration::from_millis;
        [
            ("PowerPulseMs", milliseconds(self.power_pulse_ms)),
            ("ForceOffPulseMs", milliseconds(self.force_off_pulse_ms)),
            ("ResetPulseMs", milliseconds(self.reset_pulse_ms)),
            ("PowerCycleMs", milliseconds(self.power_cycle_ms)),
            ("PowerOKWatchdogMs", milliseconds(self.power_ok_watchdog_ms)),
            ("GracefulPowerOffS", Duration::from_secs(self.graceful_power_off_s)),
        ]
        .into_iter()
        .find(|(_, length)| *length > LONGEST)
        .map(|(name, _)| name)
    }
}

impl From<TimingFile> for Timings {
    fn from(file: TimingFile) -> Self {
        Self {
            power_pulse: Duration::from_millis(file.power_pulse_ms),
            force_off_pulse: Duration::from_millis(file.force_off_pulse_ms),
            reset_pulse: Duration::from_millis(file.reset_pulse_ms),
            power_cycle: Duration::from_millis(file.power_cycle_ms),
            power_ok_watchdog: Duration::from_millis(file.power_ok_watchdog_ms),
            graceful_power_off: Duration::from_secs(file.graceful_power_off_s),
        }
    }
}

impl Board {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Ok(Self::parse(path, &text)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Located> {
        let wrong = |line, message| Located { path: path.to_owned(), line, message };
        let file: File =
            serde_json::from_str(text).map_err(|error| wrong(error.line(), error.to_string()))?;
        if let Some(field) = file.timing_configs.too_long() {
            let at = text.find(&format!("\"{field}\"")).unwrap_or(0);
            return Err(Located::at_offset(path, text, at, format!("`{field}` is longer than an hour")));
        }
        let mut lines = BTreeMap::new();
        for entry in file.gpio_configs.into_iter().filter(|entry| entry.kind == "GPIO") {
            let at = text.find(&format!("\"{}\"", entry.name)).unwrap_or(0);
            let here = |message: &str| {
                Located::at_offset(path, text, at, format!("gpio_configs `{}`: {message}", entry.name))
            };
            if entry.name.is_empty() {
                return Err(wrong(1, "gpio_configs: an entry of the type GPIO has no `Name`".to_owned()));
            }
            let line = entry.line_name.clone().or(entry.gpio_name.clone());
            let line = line.filter(|line| !line.is_empty()).ok_or_else(|| here("`LineName` is missing"))?;
            let polarity = entry.polarity.ok_or_else(|| here("`Polarity` is missing"))?;
            let line = BoardLine { line, active_low: polarity == Polarity::ActiveLow };
            if lines.insert(entry.name.clone(), line).is_some() {
                return Err(here("the `Name` stands twice"));
            }
        }
        if let Some(missing) = ["PowerOk", "PowerOut"].into_iter().find(|name| !lines.contains_key(*name)) {
            return Err(wrong(1, format!("gpio_configs: no entry with the `Name` `{missing}`")));
        }
        Ok(Self { lines, timings: file.timing_configs.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Board, Located> {
        Board::parse(Path::new("power-config.json"), text)
    }

    fn entry(name: &str) -> String {
        format!(r#"{{"Name":"{name}","LineName":"x-{name}","Type":"GPIO","Polarity":"ActiveLow"}}"#)
    }

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example: Settings = system_tests::read_example_config("powerd");
        assert_eq!(format!("{example:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn entries_of_other_types_and_unknown_timings_are_passed_over() {
        let text = format!(
            r#"{{"gpio_configs":[{},{},{{"Type":"DBUS","Path":"/x"}}],"timing_configs":{{"PowerPulseMs":7,"New":1}}}}"#,
            entry("PowerOk"),
            entry("PowerOut")
        );
        let board = parse(&text).unwrap();
        assert_eq!(board.lines["PowerOk"], BoardLine { line: "x-PowerOk".to_owned(), active_low: true });
        assert_eq!(board.timings.power_pulse, Duration::from_millis(7));
        assert_eq!(board.timings.power_ok_watchdog, Duration::from_secs(8));
    }

    #[test]
    fn a_wrong_entry_is_named_with_file_line_and_field() {
        let missing = parse("{\"gpio_configs\":[\n{\"Name\":\"PowerOk\",\"Type\":\"GPIO\"}]}").unwrap_err();
        assert_eq!(missing.to_string(), "power-config.json:2: gpio_configs `PowerOk`: `LineName` is missing");
        let polarity = parse("{\"gpio_configs\":[\n{\"Type\":\"GPIO\",\"Polarity\":\"Low\"}]}").unwrap_err();
        assert_eq!(polarity.line, 2);
        let text = "{\"gpio_configs\":[],\n\"timer_configs\":{\n\"PowerCycleMs\": 18446744073709551615}}";
        assert_eq!(
            parse(text).unwrap_err().to_string(),
            "power-config.json:3: `PowerCycleMs` is longer than an hour"
        );
        assert!(
            parse(r#"{"gpio_configs":[{"Type":"GPIO"}]}"#).unwrap_err().to_string().contains("no `Name`")
        );
        let none = parse(r#"{"gpio_configs":[]}"#).unwrap_err();
        assert!(none.to_string().contains("`PowerOk`"));
    }
}
