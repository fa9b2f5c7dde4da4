//! The board's description.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use crate::{ConsoleConfig, HostConfig, Line};

/// Why a board file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// The text is wrong.
    #[error("{path}:{line}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field and what is wrong with it.
        message: String,
    },
}

/// A board, as its TOML file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardConfig {
    /// What the board is called.
    pub name: String,
    /// Seed of the measurement noise.
    #[serde(default = "one")]
    pub seed: u64,
    /// Air temperature around the machine in °C.
    #[serde(default = "room")]
    pub ambient: f64,
    /// Load at the start, 0 to 1.
    #[serde(default)]
    pub load: f64,
    /// Power drawn, in watts: standby, host idle, host fully loaded.
    pub watts: Watts,
    /// The host.
    #[serde(default)]
    pub host: HostConfig,
    /// The host's serial console.
    #[serde(default)]
    pub console: ConsoleConfig,
    /// Lines that are active from the start: those of processors that are in their sockets.
    #[serde(default)]
    pub active: Vec<Line>,
    /// hwmon devices, in the order of their hwmon numbers.
    #[serde(default, rename = "device")]
    pub devices: Vec<DeviceConfig>,
    /// Power supplies, PMBus devices after the others.
    #[serde(default, rename = "psu")]
    pub supplies: Vec<SupplyConfig>,
    /// EEPROMs with FRU information.
    #[serde(default, rename = "eeprom")]
    pub eeproms: Vec<EepromConfig>,
}

/// An EEPROM on an I2C bus, as the at24 driver shows it, with the FRU information that the factory wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EepromConfig {
    /// I2C bus.
    pub bus: u32,
    /// 7-bit address.
    pub address: u16,
    /// Bytes.
    pub size: u16,
    /// Chassis fields by name, as `ferrite ctl fru` names them.
    #[serde(default)]
    pub chassis: BTreeMap<String, String>,
    /// Board fields.
    #[serde(default)]
    pub board: BTreeMap<String, String>,
    /// Product fields.
    #[serde(default)]
    pub product: BTreeMap<String, String>,
}

/// Power drawn from the supplies, in watts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watts {
    /// The BMC and the standby rails.
    pub standby: f64,
    /// The host without work.
    pub idle: f64,
    /// The host at full load.
    pub full: f64,
}

/// One hwmon device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// What the driver writes into `name`.
    pub driver: Spanned<String>,
    /// I2C bus, together with `address`.
    pub bus: Option<u32>,
    /// 7-bit I2C address.
    pub address: Option<u16>,
    /// Name of the platform device, instead of bus and address.
    pub platform: Option<String>,
    /// Its attributes.
    #[serde(rename = "channel")]
    pub channels: Vec<ChannelConfig>,
}

/// One attribute `<attribute>_input` and how its value behaves: exactly one of the last three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// The sensor's name on the control socket.
    pub name: Spanned<String>,
    /// hwmon's name without `_input`: `temp1`, `in3`, `fan2`.
    pub attribute: String,
    /// Text of `<attribute>_label`.
    pub label: Option<String>,
    /// A temperature.
    pub temperature: Option<TemperatureModel>,
    /// A voltage.
    pub voltage: Option<VoltageModel>,
    /// A fan.
    pub fan: Option<FanModel>,
}

/// Drifts towards ambient, plus `idle` while the host runs, plus `load` at full load and with fans at full speed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemperatureModel {
    /// Rise above ambient that standby power alone makes, in °C.
    #[serde(default)]
    pub standby: f64,
    /// Rise above ambient of a running host without work.
    pub idle: f64,
    /// Further rise at full load.
    pub load: f64,
    /// Time constant in seconds.
    pub seconds: f64,
}

/// Nominal voltage of a rail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoltageModel {
    /// Volts of the rail.
    pub nominal: f64,
    /// Volts at the pin per volt of the rail.
    #[serde(default = "unity")]
    pub divider: f64,
    /// Present while the host is off.
    #[serde(default)]
    pub standby: bool,
}

/// A fan that follows its PWM while the main rails are up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FanModel {
    /// Speed at a PWM of 255.
    pub max_rpm: f64,
    /// `pwm<N>` that drives it.
    pub pwm: u32,
    /// PWM at the start, 0 to 255.
    #[serde(default = "starting_pwm")]
    pub start: u8,
}

/// A PMBus power supply; it has the sensors `<name>_Vin`, `_Iin`, `_Pin`, `_Vout`, `_Iout`, `_Pout`, `_Temp` and `_Fan`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyConfig {
    /// Name, and beginning of its sensors' names.
    pub name: Spanned<String>,
    /// I2C bus.
    pub bus: u32,
    /// 7-bit I2C address.
    pub address: u16,
    /// Input voltage.
    pub volts_in: f64,
    /// Output voltage.
    pub volts_out: f64,
    /// Power it can give, in watts.
    pub max_watts: f64,
    /// Speed of its fan at full power.
    pub fan_max_rpm: f64,
    /// The line that says that it is in its slot.
    pub presence: Option<Line>,
}

/// NaN, which TOML can say, is not.
fn is_positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

fn one() -> u64 {
    1
}
fn room() -> f64 {
    22.0
}
fn unity() -> f64 {
    1.0
}
fn starting_pwm() -> u8 {
    100
}

/// Where `error` is, and its message with the key of that line.
fn at_toml_error(text: &str, error: &toml::de::Error) -> (usize, String) {
    let offset = error.span().map_or(0, |span| span.start);
    let line = text.get(..offset).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    match line.split_once('=') {
        Some((key, _)) => (offset, format!("field `{}`: {}", key.trim(), error.message())),
        None => (offset, error.message().to_owned()),
    }
}

impl BoardConfig {
    /// Reads and validates `path`.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let at = |offset: usize, message: String| ConfigError::Invalid {
            path: path.to_owned(),
            line: text.get(..offset).unwrap_or(&text).matches('\n').count() + 1,
            message,
        };
        let config: Self = toml::from_str(&text)
            .map_err(|error| at_toml_error(&text, &error))
            .map_err(|(offset, message)| at(offset, message))?;
        config.validate().map_err(|(offset, message)| at(offset, message))?;
        Ok(config)
    }

    /// What the types do not say: an offset into the text and a message.
    fn validate(&self) -> Result<(), (usize, String)> {
        if !(0.0..=1.0).contains(&self.load) {
            return Err((0, format!("field `load`: {} is not 0 to 1", self.load)));
        }
        if let Some(line) = self.active.iter().find(|line| !line.is_by_hand()) {
            return Err((0, format!("field `active`: the board itself moves `{}`", line.name())));
        }
        for device in &self.devices {
            device.validate()?;
        }
        let mut names: Vec<&Spanned<String>> =
            self.devices.iter().flat_map(|device| &device.channels).map(|channel| &channel.name).collect();
        names.extend(self.supplies.iter().map(|supply| &supply.name));
        for (index, name) in names.iter().enumerate() {
            if names.iter().take(index).any(|other| other.get_ref() == name.get_ref()) {
                return Err((name.span().start, format!("field `name`: `{}` stands twice", name.get_ref())));
            }
        }
        self.supplies.iter().try_for_each(SupplyConfig::validate)
    }
}

impl DeviceConfig {
    fn validate(&self) -> Result<(), (usize, String)> {
        let wrong = |message: &str| Err((self.driver.span().start, format!("device: {message}")));
        match (self.bus, self.address, &self.platform) {
            (Some(_), Some(0x08..=0x77), None) | (None, None, Some(_)) => {}
            (Some(_), Some(address), None) => {
                return wrong(&format!("field `address`: {address:#04x} is not 0x08 to 0x77"));
            }
            _ => return wrong("fields `bus` and `address`, or `platform` alone, say where it is"),
        }
        if let Some(platform) = &self.platform
            && (platform.contains('/') || platform.starts_with('.') || platform.is_empty())
        {
            return wrong(&format!("field `platform`: `{platform}` is no name of a directory"));
        }
        self.channels.iter().try_for_each(ChannelConfig::validate)
    }
}

impl ChannelConfig {
    fn validate(&self) -> Result<(), (usize, String)> {
        let wrong = |message: String| {
            Err((self.name.span().start, format!("channel `{}`: {message}", self.name.get_ref())))
        };
        let models = [self.temperature.is_some(), self.voltage.is_some(), self.fan.is_some()];
        if models.iter().filter(|model| **model).count() != 1 {
            return wrong(
                "exactly one of the fields `temperature`, `voltage`, `fan` says how it behaves".into(),
            );
        }
        let prefix = ["temp", "in", "fan"].into_iter().zip(models).find_map(|(p, is)| is.then_some(p));
        let number = prefix.and_then(|prefix| self.attribute.strip_prefix(prefix));
        if !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
            let prefix = prefix.unwrap_or_default();
            return wrong(format!("field `attribute`: `{}` is not {prefix}<number>", self.attribute));
        }
        if let Some(temperature) = &self.temperature
            && !is_positive(temperature.seconds)
        {
            return wrong(format!("field `temperature.seconds`: {} is not above 0", temperature.seconds));
        }
        if let Some(fan) = &self.fan
            && !is_positive(fan.max_rpm)
        {
            return wrong(format!("field `fan.max_rpm`: {} is not above 0", fan.max_rpm));
        }
        Ok(())
    }
}

impl SupplyConfig {
    fn validate(&self) -> Result<(), (usize, String)> {
        let fields = [
            ("volts_in", self.volts_in),
            ("volts_out", self.volts_out),
            ("max_watts", self.max_watts),
            ("fan_max_rpm", self.fan_max_rpm),
        ];
        match fields.into_iter().find(|(_, value)| !is_positive(*value)) {
            Some((field, value)) => {
                let name = self.name.get_ref();
                Err((
                    self.name.span().start,
                    format!("psu `{name}`: field `{field}`: {value} is not above 0"),
                ))
            }
            None => Ok(()),
        }
    }
}
