//! From a record to its sensors.

use std::time::Duration;

use bmc_daemon::Located;
use bmc_hw::hwmon::{Attribute, HwmonDevice, Selector};

use super::{
    driverless,
    record::Record,
    spec::{Entity, SensorSpec, path_segment},
    thresholds,
    types::{ADC_DEVICES, DEFAULT_LABELS, FAN_DEVICES, Kind, Label, find_label},
};
use crate::{
    chip::Location,
    sensor::{
        power::PowerState,
        quantity::{Quantity, Range, Scale},
    },
    source::Place,
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
    pub(super) record_type: &'a str,
    pub(super) board: &'a str,
    pub(super) poll: Duration,
}

/// What one sensor of a record has of its own.
struct Channel<'a> {
    name: String,
    quantity: Quantity,
    place: Place,
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
        let driverless = driverless::is_wanted(self.record)?;
        match kind {
            Kind::I2cTemperature if driverless => self.driverless_temperatures(),
            Kind::Pmbus if driverless => self.driverless_pmbus(),
            _ if driverless => Err(driverless::unknown(self.record, self.record_type)),
            Kind::I2cTemperature => self.temperatures(self.kernels_temperatures()?),
            Kind::Adc => self.adc(),
            Kind::SocFan => self.fan(HwmonDevice::Named(FAN_DEVICES)),
            Kind::I2cFan => self.fan(self.i2c()?),
            Kind::Pmbus => self.pmbus(self.kernels_pmbus()?),
        }
    }

    fn i2c(&self) -> Result<HwmonDevice, Located> {
        let Location { bus, address } = self.location()?;
        Ok(HwmonDevice::I2c { bus, address: address.into() })
    }

    pub(super) fn location(&self) -> Result<Location, Located> {
        let bus = self.record.require_whole("Bus", 4095)?;
        let address = self.record.require_whole("Address", 0x7f)?;
        Ok(Location {
            bus: u32::try_from(bus).unwrap_or_default(),
            address: u8::try_from(address).unwrap_or_default(),
        })
    }

    /// The sensors of `temp1`, `temp2`, …, where `place` says they are.
    pub(super) fn temperatures(
        &self,
        place: impl Fn(&str, usize) -> Result<Place, Located>,
    ) -> Result<Vec<SensorSpec>, Located> {
        let mut specs = Vec::new();
        for number in 1..=MAX_CHANNELS {
            let Some(name) = self.channel_name(number)? else { continue };
            let label = format!("temp{number}");
            specs.push(self.spec(Channel {
                label: &label,
                number,
                ..Channel::new(name, Quantity::Temperature, place(&label, number)?, SYSTEM_BOARD)
            })?);
        }
        Ok(specs)
    }

    fn kernels_temperatures(&self) -> Result<impl Fn(&str, usize) -> Result<Place, Located>, Located> {
        let device = self.i2c()?;
        Ok(move |label: &str, _| Ok(file(&device, format!("{label}_input"))))
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
        let place = file(&device, format!("in{}_input", index + 1));
        let quantity = Quantity::Voltage;
        Ok(vec![self.spec(Channel {
            scale: Scale { divisor: quantity.divisor() * factor, offset: 0.0 },
            // 1.8 V is the ADC's full scale.
            range: Range { min: 0.0, max: 1.8 / factor },
            ..Channel::new(self.name.to_owned(), quantity, place, SYSTEM_BOARD)
        })?])
    }

    fn fan(&self, device: HwmonDevice) -> Result<Vec<SensorSpec>, Located> {
        let connector = match self.record.node("Connector") {
            Some(node) => Some(node.record(format!("record `{}`: Connector", self.name))?),
            None => None,
        };
        let tach = self.tach(connector.as_ref())?;
        let place = file(&device, format!("fan{}_input", tach + 1));
        let mut specs = vec![self.spec(Channel::new(self.name.to_owned(), Quantity::FanTach, place, FAN))?];
        let Some(connector) = connector else { return Ok(specs) };
        if let Some(pwm) = connector.whole("Pwm", 255)? {
            let name = connector.get("PwmName")?.unwrap_or_else(|| format!("Pwm_{}", pwm + 1));
            let place = file(&device, format!("pwm{}", pwm + 1));
            let channel = Channel::new(name, Quantity::FanPwm, place, FAN);
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

    /// The sensors of the record's labels, where `place` says they are; it is told the label, its number and its quantity.
    pub(super) fn pmbus(
        &self,
        place: impl Fn(&str, usize, Quantity) -> Result<Place, Located>,
    ) -> Result<Vec<SensorSpec>, Located> {
        let labels = self.labels()?;
        let mut specs = Vec::new();
        for label in &labels {
            specs.extend(self.pmbus_channel(label, &place)?);
        }
        thresholds::check_labels(self.record, &labels)?;
        Ok(specs)
    }

    pub(super) fn labels(&self) -> Result<Vec<String>, Located> {
        let labels = self.record.get::<Vec<String>>("Labels")?;
        Ok(labels.unwrap_or_else(|| DEFAULT_LABELS.iter().map(|label| (*label).to_owned()).collect()))
    }

    fn kernels_pmbus(&self) -> Result<impl Fn(&str, usize, Quantity) -> Result<Place, Located>, Located> {
        let device = self.i2c()?;
        Ok(move |label: &str, _, _| {
            let selector = Selector::Label(label.to_owned());
            Ok(Place::Hwmon(Attribute { device: device.clone(), selector }))
        })
    }

    /// The sensor of one label; none where the record takes it away with an empty name.
    fn pmbus_channel(
        &self,
        label: &str,
        place: impl Fn(&str, usize, Quantity) -> Result<Place, Located>,
    ) -> Result<Option<SensorSpec>, Located> {
        let (known, number) = self.label(label)?;
        let own = |field: &str| format!("{label}_{field}");
        let Some(name) = self.pmbus_name(label, known.name, number)? else { return Ok(None) };
        let divisor = self.record.number(&own("Scale"), 1e-9, 1e12)?;
        let offset = self.record.number(&own("Offset"), -1e12, 1e12)?.unwrap_or(0.0);
        let range = self.range(&own("Min"), &own("Max"), known.range)?;
        let mut spec = self.spec(Channel {
            scale: Scale { divisor: divisor.unwrap_or(known.quantity.divisor()), offset },
            range,
            label,
            number,
            ..Channel::new(name, known.quantity, place(label, number, known.quantity)?, POWER_SUPPLY)
        })?;
        spec.power = self.record.get(&own("PowerState"))?.unwrap_or(spec.power);
        Ok(Some(spec))
    }

    /// What `label` stands for, and its number.
    pub(super) fn label(&self, label: &str) -> Result<(Label, usize), Located> {
        find_label(label).ok_or_else(|| {
            self.record.field_error("Labels", format!("`{label}` is no label that sensord knows"))
        })
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
            place: channel.place,
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
    /// A channel with the quantity's own scale and range.
    fn new(name: String, quantity: Quantity, place: Place, entity: u8) -> Self {
        Self {
            name,
            quantity,
            place,
            range: quantity.range(),
            scale: Scale { divisor: quantity.divisor(), offset: 0.0 },
            entity,
            label: "",
            number: 1,
        }
    }
}

/// The file `name` of an hwmon device.
fn file(device: &HwmonDevice, name: String) -> Place {
    Place::Hwmon(Attribute { device: device.clone(), selector: Selector::File(name) })
}
