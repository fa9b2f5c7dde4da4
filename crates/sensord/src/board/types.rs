//! Which record types are ours, and what each can measure.

use crate::sensor::quantity::{Quantity, Range};

/// What a record of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An I2C temperature sensor with channels `temp1`, `temp2`, ….
    I2cTemperature,
    /// A channel of the SoC's ADC.
    Adc,
    /// A fan of the SoC's tach and PWM controller.
    SocFan,
    /// A fan of a controller on I2C.
    I2cFan,
    /// A power supply or regulator that labels its channels.
    Pmbus,
}

const I2C_TEMPERATURE: &[&str] = &[
    "DPS310", "EMC1403", "EMC1412", "EMC1413", "EMC1414", "HDC1080", "JC42", "LM75A", "LM75B", "LM95234",
    "LM95241", "LM95245", "MAX31725", "MAX31730", "MAX6581", "MAX6654", "MCP9600", "NCT6779", "NCT7802",
    "SBTSI", "SI7020", "TMP100", "TMP105", "TMP112", "TMP1075", "TMP175", "TMP275", "TMP401", "TMP411",
    "TMP421", "TMP432", "TMP435", "TMP441", "TMP461", "TMP464", "TMP468", "TMP75", "W83773G",
];

const PMBUS: &[&str] = &[
    "pmbus",
    "PSU",
    "cffps",
    "CRPS185",
    "DPS800",
    "IPSPS",
    "ADM1266",
    "ADM1272",
    "ADM1275",
    "ADM1278",
    "ADM1293",
    "INA219",
    "INA226",
    "INA230",
    "INA233",
    "INA238",
    "IR35221",
    "IR38060",
    "IR38064",
    "ISL68137",
    "ISL68220",
    "ISL68223",
    "ISL69225",
    "ISL69243",
    "ISL69260",
    "LM25066",
    "LM5066I",
    "LTC2945",
    "LTC4286",
    "LTC4287",
    "MAX16601",
    "MAX20710",
    "MAX20730",
    "MAX34440",
    "MAX34451",
    "MP2856",
    "MP2857",
    "MP2971",
    "MP2973",
    "MP2975",
    "MP5023",
    "MP5990",
    "MP5998",
    "PLI1209BC",
    "PXE1610",
    "RAA228000",
    "RAA228004",
    "RAA228006",
    "RAA228228",
    "RAA228620",
    "RAA229001",
    "RAA229004",
    "RAA229126",
    "TDA38640",
    "TPS53679",
    "TPS546D24",
    "XDP710",
    "XDPE11280",
    "XDPE12284",
    "XDPE132G5C",
    "XDPE152C4",
    "XDPE1A2G7B",
];

/// What records of `Type` are; `None` where they belong to another daemon.
pub(super) fn kind(record_type: &str) -> Option<Kind> {
    let tables = [
        (Kind::I2cTemperature, I2C_TEMPERATURE),
        (Kind::Adc, &["ADC"]),
        (Kind::SocFan, &["AspeedFan"]),
        (Kind::I2cFan, &["I2CFan"]),
        (Kind::Pmbus, PMBUS),
    ];
    tables.into_iter().find(|(_, types)| types.contains(&record_type)).map(|(kind, _)| kind)
}

/// The hwmon name of the SoC's ADC.
pub(super) const ADC_DEVICES: &[&str] = &["iio_hwmon"];
/// The hwmon names of the SoC's fan controllers: the AST2600's and the AST2500's driver.
pub(super) const FAN_DEVICES: &[&str] = &["aspeed_tach", "aspeed_pwm_tacho"];

/// What a label of a PMBus device stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    /// The label without its number.
    stem: &'static str,
    /// What a sensor of it is called behind the record's name.
    pub(super) name: &'static str,
    pub(super) quantity: Quantity,
    pub(super) range: Range,
}

/// The labels that drivers of the kernel's pmbus core and of other power monitors use, with dbus-sensors' names and ranges.
const LABELS: &[Label] = &[
    label("pin", "Input Power", Quantity::Power, 0.0, 3000.0),
    label("pout", "Output Power", Quantity::Power, 0.0, 3000.0),
    label("power", "Output Power", Quantity::Power, 0.0, 3000.0),
    label("vin", "Input Voltage", Quantity::Voltage, 0.0, 300.0),
    label("vout", "Output Voltage", Quantity::Voltage, 0.0, 255.0),
    label("vmon", "Auxiliary Input Voltage", Quantity::Voltage, 0.0, 255.0),
    label("vcap", "Capacitor Voltage", Quantity::Voltage, 0.0, 255.0),
    label("in", "Output Voltage", Quantity::Voltage, 0.0, 255.0),
    label("iin", "Input Current", Quantity::Current, 0.0, 20.0),
    label("iout", "Output Current", Quantity::Current, 0.0, 255.0),
    label("curr", "Output Current", Quantity::Current, 0.0, 255.0),
    label("temp", "Temperature", Quantity::Temperature, -128.0, 127.0),
    label("fan", "Fan Speed", Quantity::FanTach, 0.0, 30000.0),
];

/// What a PMBus record without `Labels` has.
pub(super) const DEFAULT_LABELS: &[&str] = &["vin", "vout1", "iin", "iout1", "pin", "pout1", "temp1", "fan1"];

const fn label(stem: &'static str, name: &'static str, quantity: Quantity, min: f64, max: f64) -> Label {
    Label { stem, name, quantity, range: Range { min, max } }
}

/// What `label` stands for, and its number (1 where it has none).
pub(super) fn find_label(label: &str) -> Option<(Label, usize)> {
    let stem = label.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = match &label[stem.len()..] {
        "" => 1,
        digits => digits.parse().ok().filter(|number| (1..=64).contains(number))?,
    };
    LABELS.iter().find(|known| known.stem == stem).map(|known| (*known, number))
}
