//! From a record to its sensors.

use std::time::Duration;

use bmc_daemon::Located;
use bmc_hw::hwmon::{Attribute, HwmonDevice, Selector};

use super::{
    record::Record,
    spec::{Entity, SensorSpec, path_segment},
    thresholds,
    types::{ADC_DEVICES, DEFAULT_LABELS, FAN_DEVICES, Kind, find_label},
};
use crate::sensor::{
    power::PowerState,
    quantity::{Quantity, Range, Scale},
};

/// The last of `temp1`, `temp2`, … that a record may name.
const MAX_CHANNELS: usize = 64;
/// IPMI entity IDs (v2.0§43.14, table 43-13).
const SYSTEM_BOARD: u8 = 7;
const POWER_SUPPLY: u8 = 10;
const FAN: u8 = 29;

/// A record that is being read.
#[derive(Debug)]
pub(super) struct Build<'a, 'text> {
    pub(super) record: &'a Record<'text>,
    pub(super) name: &'a str,
    pub(super) board: &'a str,
    pub(super) poll: Duration,
}

/// What one sensor of a record has of its own.
struct Channel<'a> {
    name: String,
    quantity: Quantity,
    attribute: Attribute,
    /// The range, where the record does not say otherwise.
    range: Range,
    scale: Scale,
    entity: u8,
    /// What `Label` of a threshold must say, and what prefixes fields of this channel alone.
    label: &'a str,
    /// What `Index` of a threshold must say, from 1.
    number: usize,
}

impl Build<'_, '_> {
    /// The sensors of the record.
    pub(super) fn sensors(&self, kind: Kind) -> Result<Vec<SensorSpec>, Located> {
        match kind {
            Kind::I2cTemperature => self.temperatures(),
            Kind::Adc => self.adc(),
            Kind::SocFan => self.fan(HwmonDevice::Named(FAN_DEVICES)),
            Kind::I2cFan => self.fan(self.i2c()?),
            Kind::Pmbus => self.pmbus(),
        }
    }

    fn i2c(&self) -> Result<HwmonDevice, Located> {
        let bus = self.record.require_whole("Bus", 4095)?;
        let address = self.record.require_whole("Address", 0x7f)?;
        Ok(HwmonDevice::I2c {
            bus: u32::try_from(bus).unwrap_or_default(),
            address: u16::try_from(address).unwrap_or_default(),
        })
    }

    fn temperatures(&self) -> Result<Vec<SensorSpec>, Located> {
        let device = self.i2c()?;
        let mut specs = Vec::new();
        for number in 1..=MAX_CHANNELS {
            let Some(name) = self.channel_name(number)? else { continue };
            let label = format!("temp{number}");
            let file = format!("{label}_input");
            specs.push(self.spec(Channel {
                attribute: Attribute { device: device.clone(), selector: Selector::File(file) },
                label: &label,
                number,
                ..Channel::new(name, Quantity::Temperature, SYSTEM_BOARD)
            })?);
        }
        Ok(specs)
    }

    /// `Name` for channel 1, `Name1` for channel 2, and so on.
    fn channel_name(&self, number: usize) -> Result<Option<String>, Located> {
        match number {
            1 => Ok(Some(self.name.to_owned())),
            _ => self.record.get(&format!("Name{}", number - 1)),
        }
    }

    fn adc(&self) -> Result<Vec<SensorSpec>, Located> {
        let index = self.record.require_whole("Index", 255)?;
        let factor = self.record.number("ScaleFactor", 1e-6, 1e6)?.unwrap_or(1.0);
        let device = HwmonDevice::Named(ADC_DEVICES);
        let selector = Selector::File(format!("in{}_input", index + 1));
        let quantity = Quantity::Voltage;
        Ok(vec![self.spec(Channel {
            attribute: Attribute { device, selector },
            scale: Scale { divisor: quantity.divisor() * factor, offset: 0.0 },
            // 1.8 V is the ADC's full scale.
            range: Range { min: 0.0, max: 1.8 / factor },
            ..Channel::new(self.name.to_owned(), quantity, SYSTEM_BOARD)
        })?])
    }

    fn fan(&self, device: HwmonDevice) -> Result<Vec<SensorSpec>, Located> {
        let connector = match self.record.node("Connector") {
            Some(node) => Some(node.record(format!("record `{}`: Connector", self.name))?),
            None => None,
        };
        let tach = self.tach(connector.as_ref())?;
        let attribute = |file: String| Attribute { device: device.clone(), selector: Selector::File(file) };
        let mut specs = vec![self.spec(Channel {
            attribute: attribute(format!("fan{}_input", tach + 1)),
            ..Channel::new(self.name.to_owned(), Quantity::FanTach, FAN)
        })?];
        let Some(connector) = connector else { return Ok(specs) };
        if let Some(pwm) = connector.whole("Pwm", 255)? {
            let name = connector.get("PwmName")?.unwrap_or_else(|| format!("Pwm_{}", pwm + 1));
            let channel = Channel {
                attribute: attribute(format!("pwm{}", pwm + 1)),
                ..Channel::new(name, Quantity::FanPwm, FAN)
            };
            // The record's range and thresholds are the tach's.
            let mut spec = self.bare(channel)?;
            spec.mutable = false;
            specs.push(spec);
        }
        Ok(specs)
    }

    fn tach(&self, connector: Option<&Record<'_>>) -> Result<u64, Located> {
        if let Some(connector) = connector
            && let Some(tachs) = connector.get::<Vec<u8>>("Tachs")?
        {
            return tachs
                .first()
                .map(|tach| u64::from(*tach))
                .ok_or_else(|| connector.field_error("Tachs", "is empty"));
        }
        match self.record.whole("Tach", 255)? {
            Some(tach) => Ok(tach),
            None => self.record.require_whole("Index", 255),
        }
    }

    fn pmbus(&self) -> Result<Vec<SensorSpec>, Located> {
        let device = self.i2c()?;
        let labels = self.record.get::<Vec<String>>("Labels")?;
        let labels =
            labels.unwrap_or_else(|| DEFAULT_LABELS.iter().map(|label| (*label).to_owned()).collect());
        let mut specs = Vec::new();
        for label in &labels {
            specs.extend(self.pmbus_channel(label, device.clone())?);
        }
        thresholds::check_labels(self.record, &labels)?;
        Ok(specs)
    }

    /// The sensor of one label; none where the record takes it away with an empty name.
    fn pmbus_channel(&self, label: &str, device: HwmonDevice) -> Result<Option<SensorSpec>, Located> {
        let (known, number) = find_label(label).ok_or_else(|| {
            self.record.field_error("Labels", format!("`{label}` is no label that sensord knows"))
        })?;
        let own = |field: &str| format!("{label}_{field}");
        let Some(name) = self.pmbus_name(label, known.name, number)? else { return Ok(None) };
        let divisor = self.record.number(&own("Scale"), 1e-9, 1e12)?;
        let offset = self.record.number(&own("Offset"), -1e12, 1e12)?.unwrap_or(0.0);
        let range = self.range(&own("Min"), &own("Max"), known.range)?;
        let mut spec = self.spec(Channel {
            attribute: Attribute { device, selector: Selector::Label(label.to_owned()) },
            scale: Scale { divisor: divisor.unwrap_or(known.quantity.divisor()), offset },
            range,
            label,
            number,
            ..Channel::new(name, known.quantity, POWER_SUPPLY)
        })?;
        spec.power = self.record.get(&own("PowerState"))?.unwrap_or(spec.power);
        Ok(Some(spec))
    }

    fn pmbus_name(&self, label: &str, quantity: &str, number: usize) -> Result<Option<String>, Located> {
        let own = format!("{label}_Name");
        if let Some(name) = self.record.get::<String>(&own)? {
            return Ok((!name.is_empty()).then_some(name));
        }
        let prefix = self.channel_name(number)?.ok_or_else(|| {
            let text = format!("`{label}` has no name\nhint: give `{own}` or `Name{}`", number - 1);
            self.record.field_error("Labels", text)
        })?;
        // dbus-sensors numbers fans and nothing else.
        let number = if quantity == "Fan Speed" { format!(" {number}") } else { String::new() };
        Ok(Some(format!("{prefix} {quantity}{number}")))
    }

    fn range(&self, min: &str, max: &str, default: Range) -> Result<Range, Located> {
        let bound = |field, default| Ok(self.record.number(field, -1e12, 1e12)?.unwrap_or(default));
        let range = Range { min: bound(min, default.min)?, max: bound(max, default.max)? };
        if range.min < range.max {
            return Ok(range);
        }
        let field = if self.record.node(max).is_some() { max } else { min };
        Err(self.record.field_error(field, format!("range {} to {} is empty", range.min, range.max)))
    }

    /// The sensor of `channel` with what the record says of all its channels.
    fn spec(&self, channel: Channel<'_>) -> Result<SensorSpec, Located> {
        let range = self.range("MinValue", "MaxValue", channel.range)?;
        let levels = thresholds::read(self.record, channel.label, channel.number, range)?;
        Ok(SensorSpec { range, levels, ..self.bare(channel)? })
    }

    /// The sensor of `channel` with its own range and without thresholds.
    fn bare(&self, channel: Channel<'_>) -> Result<SensorSpec, Located> {
        let byte = |field, default| {
            Ok(self.record.whole(field, 0x7f)?.and_then(|n| u8::try_from(n).ok()).unwrap_or(default))
        };
        let poll = self.record.number("PollRate", 0.05, 3600.0)?;
        Ok(SensorSpec {
            name: path_segment(&channel.name),
            quantity: channel.quantity,
            attribute: channel.attribute,
            scale: channel.scale,
            range: channel.range,
            poll: poll.map_or(self.poll, Duration::from_secs_f64),
            power: self.record.get::<PowerState>("PowerState")?.unwrap_or_default(),
            levels: Vec::new(),
            entity: Entity { id: byte("EntityId", channel.entity)?, instance: byte("EntityInstance", 1)? },
            mutable: self.record.get("Mutable")?.unwrap_or(false),
            board: path_segment(self.board),
        })
    }
}

impl Channel<'_> {
    /// A channel with the quantity's own scale and range, whose attribute is still to be said.
    fn new(name: String, quantity: Quantity, entity: u8) -> Self {
        Self {
            name,
            quantity,
            attribute: Attribute { device: HwmonDevice::Named(&[]), selector: Selector::File(String::new()) },
            range: quantity.range(),
            scale: Scale { divisor: quantity.divisor(), offset: 0.0 },
            entity,
            label: "",
            number: 1,
        }
    }
}
