//! From facts to a full sensor record.

use ipmi_wire::record::{
    Conversion,
    sdr::{BMC_ADDRESS, Entity, FullSensor},
};

use super::{
    Facts,
    facts::Threshold,
    kind::{Kind, Unit},
    numbers::Address,
};

/// Event/reading type "threshold".
pub(crate) const THRESHOLD_EVENTS: u8 = 0x01;

/// Scanning is on after power-up.
pub(super) const SCANNING_ON: u8 = 0x01;
/// Events are on after power-up.
pub(super) const EVENTS_ON: u8 = 0x02;
/// Capabilities: events end by themselves.
pub(super) const AUTO_RE_ARM: u8 = 0x40;
/// Capabilities: hysteresis can be read and set.
const HYSTERESIS_SETTABLE: u8 = 0x20;
/// Capabilities: thresholds can be read and set.
const THRESHOLDS_SETTABLE: u8 = 0x08;
/// Capabilities: no events at all.
const NO_EVENTS: u8 = 0x03;

/// Record IDs of sensors begin here; their address follows.
pub(crate) const FIRST_SENSOR_RECORD: u16 = 0x1000;

/// How raw bytes of the sensor stand for values in IPMI's unit.
pub(crate) fn conversion(facts: &Facts, kind: Kind, unit: Unit) -> Conversion {
    let range =
        if facts.min.is_finite() && facts.max.is_finite() { (facts.min, facts.max) } else { kind.range };
    Conversion::for_range(range.0 * unit.scale, range.1 * unit.scale)
}

/// The record of a sensor.
pub(crate) fn full_sensor(path: &str, address: Address, name: String, facts: &Facts) -> FullSensor {
    let (kind, unit) = (Kind::of(path), Unit::named(&facts.unit));
    let conversion = conversion(facts, kind, unit);
    let (set, events) = masks(facts);
    let (id, instance) = facts.entity.unwrap_or((kind.entity, 1));
    let raw = |value: f64| conversion.raw(value * unit.scale).unwrap_or(0);
    let difference = |value: f64| conversion.raw_difference(value * unit.scale);
    FullSensor {
        record_id: record_id(address),
        owner: BMC_ADDRESS,
        lun: address.lun,
        number: address.number,
        entity: Entity { id, instance },
        initialization: SCANNING_ON | if set == 0 { 0 } else { EVENTS_ON },
        capabilities: capabilities(facts, set),
        sensor_type: kind.sensor_type,
        event_type: THRESHOLD_EVENTS,
        // Bits 12 to 14: which comparisons a reading gives, lower ones here and upper ones there.
        assertion_mask: events | u16::from(set & 0x07) << 12,
        deassertion_mask: events | u16::from(set >> 3 & 0x07) << 12,
        readable: set,
        settable: set,
        unit: unit.wire,
        conversion,
        characteristics: 0,
        range: if conversion.signed { [0, 0, 0, 0x7F, 0x80] } else { [0, 0, 0, 0xFF, 0] },
        thresholds: facts.thresholds.map(|value| value.map_or(0, raw)),
        hysteresis: facts.hysteresis.map_or([0, 0], |h| [difference(h.positive), difference(h.negative)]),
        name,
    }
}

pub(super) fn record_id(address: Address) -> u16 {
    FIRST_SENSOR_RECORD | u16::from(address.lun) << 8 | u16::from(address.number)
}

fn capabilities(facts: &Facts, set: u8) -> u8 {
    let hysteresis = if facts.hysteresis.is_some() { HYSTERESIS_SETTABLE } else { 0 };
    let thresholds = if set == 0 { NO_EVENTS } else { THRESHOLDS_SETTABLE };
    AUTO_RE_ARM | hysteresis | thresholds
}

/// Which thresholds are set, and the events they give.
pub(crate) fn masks(facts: &Facts) -> (u8, u16) {
    facts
        .set_thresholds()
        .fold((0, 0), |(set, events), (threshold, _)| (set | threshold.bit(), events | event(threshold)))
}

/// The event of a threshold: two bits each, going low then going high; a lower one is crossed downwards, an upper one upwards.
pub(crate) fn event(threshold: Threshold) -> u16 {
    1 << (2 * threshold.index + usize::from(threshold.is_upper()))
}
