//! `Thresholds` of a record.

use bmc_daemon::Located;

use super::record::Record;
use crate::sensor::{
    LevelThresholds,
    quantity::Range,
    threshold::{Level, Side},
};

/// The share of the range that is a threshold's hysteresis where none is given (dbus-sensors' figure).
const DEFAULT_HYSTERESIS: f64 = 0.01;

/// What `Direction` may say.
const DIRECTIONS: [(&str, Side); 2] = [("greater than", Side::High), ("less than", Side::Low)];

/// The thresholds of the channel called `label`, the record's `number`th (from 1), in the order of severity.
pub(super) fn read(
    record: &Record<'_>,
    label: &str,
    number: usize,
    range: Range,
) -> Result<Vec<LevelThresholds>, Located> {
    let default = range.width() * DEFAULT_HYSTERESIS;
    let mut levels: Vec<LevelThresholds> = Vec::new();
    for threshold in records(record)? {
        if !is_for(&threshold, label, number)? {
            continue;
        }
        let (level, side) = (severity(&threshold)?, direction(&threshold)?);
        let value = threshold.number("Value", -1e12, 1e12)?;
        let value = value.ok_or_else(|| threshold.field_error("Value", "is missing"))?;
        let hysteresis = threshold.number("Hysteresis", 0.0, 1e12)?.unwrap_or(default);
        let position = levels.iter().position(|known| known.level == level).unwrap_or_else(|| {
            levels.push(LevelThresholds::new(level, default));
            levels.len() - 1
        });
        let slot = levels[position].side_mut(side);
        if !slot.value.is_nan() {
            return Err(threshold.error(format!("a second {} {} threshold", level.name(), side.name())));
        }
        (slot.value, slot.hysteresis) = (value, hysteresis);
    }
    levels.sort_by_key(|levels| levels.level);
    Ok(levels)
}

/// Refuses a threshold for a label that the record does not have: it would guard nothing.
pub(super) fn check_labels(record: &Record<'_>, labels: &[String]) -> Result<(), Located> {
    for threshold in records(record)? {
        let label: Option<String> = threshold.get("Label")?;
        match label {
            Some(label) if labels.contains(&label) => {}
            Some(label) => {
                return Err(threshold.field_error("Label", format!("the record has no label `{label}`")));
            }
            None if labels.len() > 1 => {
                return Err(threshold.field_error("Label", "is missing, and the record has several"));
            }
            None => {}
        }
    }
    Ok(())
}

fn records<'a>(record: &Record<'a>) -> Result<Vec<Record<'a>>, Located> {
    let Some(node) = record.node("Thresholds") else { return Ok(Vec::new()) };
    let named = |(n, node): (usize, super::Node<'a>)| node.record(record.called_with(n));
    node.list()?.into_iter().enumerate().map(named).collect()
}

/// A threshold without `Label` and `Index` is the first channel's; one of a PMBus record without `Label` is its only channel's.
fn is_for(threshold: &Record<'_>, label: &str, number: usize) -> Result<bool, Located> {
    if let Some(wanted) = threshold.get::<String>("Label")? {
        return Ok(wanted == label || label.is_empty());
    }
    let index = threshold.whole("Index", 255)?.unwrap_or(1);
    Ok(usize::try_from(index).is_ok_and(|index| index == number))
}

fn severity(threshold: &Record<'_>) -> Result<Level, Located> {
    let number: f64 = threshold.require("Severity")?;
    let found = Level::ALL.iter().zip([0.0, 1.0, 2.0, 3.0, 4.0]).find(|(_, known)| *known == number);
    found.map(|(level, _)| *level).ok_or_else(|| {
        threshold.field_error(
            "Severity",
            format!(
                "{number} is none of 0 (warning), 1 (critical), 2 (performance loss), 3 (soft shutdown), 4 (hard shutdown)"
            ),
        )
    })
}

fn direction(threshold: &Record<'_>) -> Result<Side, Located> {
    let text: String = threshold.require("Direction")?;
    let found = DIRECTIONS.iter().find(|(known, _)| *known == text);
    found.map(|(_, side)| *side).ok_or_else(|| {
        threshold.field_error("Direction", format!("`{text}` is neither `greater than` nor `less than`"))
    })
}
