//! The alarms of a device: the `<x>_alarm`, `<x>_<limit>_alarm` and `<x>_fault` files of the kernel's hwmon interface.

use std::path::PathBuf;

use super::{HwmonDevice, HwmonError, SysfsHwmon, locate, parse, read_text};

/// An alarm of a device, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The channel as its label says (`vin`, `vout1`); without a label its name in hwmon (`in1`, `fan1`).
    pub channel: String,
    /// What is wrong when it is raised: `alarm`, `lcrit_alarm`, `fault`.
    pub ending: String,
    path: PathBuf,
}

impl SysfsHwmon {
    /// The alarms that `device` has; none where it is not there.
    pub fn alarms(&self, device: &HwmonDevice) -> Vec<Alarm> {
        let mut found: Vec<Alarm> = locate::directories(&self.root, device)
            .iter()
            .flat_map(|directory| locate::children(directory))
            .filter_map(alarm)
            .collect();
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found
    }

    /// Whether `alarm` is raised.
    ///
    /// # Errors
    /// [`HwmonError`]: its device has gone or does not answer.
    pub fn is_raised(&self, alarm: &Alarm) -> Result<bool, HwmonError> {
        let text = read_text(&alarm.path).map_err(|error| HwmonError::io(&alarm.path, error))?;
        let number = parse(&text).ok_or_else(|| HwmonError::NotANumber { path: alarm.path.clone(), text })?;
        Ok(number != 0)
    }
}

fn alarm(path: PathBuf) -> Option<Alarm> {
    let (stem, ending) = path.file_name()?.to_str()?.split_once('_')?;
    if !ending.ends_with("alarm") && ending != "fault" {
        return None;
    }
    let label = read_text(&path.with_file_name(format!("{stem}_label"))).ok();
    let channel = label.map_or_else(|| stem.to_owned(), |label| label.trim_end().to_owned());
    let ending = ending.to_owned();
    Some(Alarm { channel, ending, path })
}
