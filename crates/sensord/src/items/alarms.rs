//! The alarms of power supplies: one thread for each bus, because a read of a stuck device cannot be cancelled.

use std::{collections::BTreeMap, io, time::Duration};

use bmc_hw::hwmon::{Alarm, HwmonDevice, SysfsHwmon};
use tokio::sync::mpsc;

use super::{Health, Items};
use crate::board::ItemKind;

/// The threads read small files and little else.
const STACK: usize = 64 * 1024;

/// What an alarm means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Broken,
    InputLost,
}

/// Channel without its number, ending, and what it means. Warnings (`max_alarm`, `min_alarm`) are no failures, and what is too hot or
/// too slow but works is the sensors' business.
const MEANINGS: [(&str, &str, Meaning); 8] = [
    ("vin", "lcrit_alarm", Meaning::InputLost),
    ("vin", "alarm", Meaning::InputLost),
    ("vout", "lcrit_alarm", Meaning::Broken),
    ("vout", "crit_alarm", Meaning::Broken),
    ("vout", "alarm", Meaning::Broken),
    ("iout", "crit_alarm", Meaning::Broken),
    ("temp", "crit_alarm", Meaning::Broken),
    ("fan", "fault", Meaning::Broken),
];

fn meaning(alarm: &Alarm) -> Option<Meaning> {
    let channel = alarm.channel.trim_end_matches(|c: char| c.is_ascii_digit());
    let wanted = |it: &&(&str, &str, Meaning)| it.0 == channel && it.1 == alarm.ending;
    MEANINGS.iter().find(wanted).map(|(_, _, meaning)| *meaning)
}

/// A supply that is watched.
#[derive(Debug)]
struct Supply {
    index: usize,
    device: HwmonDevice,
    /// Empty until its device was there.
    alarms: Vec<(Alarm, Meaning)>,
}

type Findings = mpsc::Sender<(usize, Option<Health>)>;

/// Starts the threads.
pub(super) fn start(items: &Items, hwmon: &SysfsHwmon, findings: &Findings) -> io::Result<()> {
    let mut buses: BTreeMap<u32, (Duration, Vec<Supply>)> = BTreeMap::new();
    for (index, item) in items.all().iter().enumerate() {
        let ItemKind::PowerSupply { device, poll } = &item.spec.kind else { continue };
        let bus = if let HwmonDevice::I2c { bus, .. } = device { *bus } else { u32::MAX };
        let (period, supplies) = buses.entry(bus).or_insert((*poll, Vec::new()));
        *period = (*period).min(*poll);
        supplies.push(Supply { index, device: device.clone(), alarms: Vec::new() });
    }
    for (bus, (period, supplies)) in buses {
        let (hwmon, findings) = (hwmon.clone(), findings.clone());
        std::thread::Builder::new()
            .name(format!("psu-i2c-{bus}"))
            .stack_size(STACK)
            .spawn(move || watch(&hwmon, supplies, period, &findings))?;
    }
    Ok(())
}

/// Looks at `supplies` once a period until nobody listens. Every look is told: what is news only the item knows, whose supply may be
/// another one since.
fn watch(hwmon: &SysfsHwmon, mut supplies: Vec<Supply>, period: Duration, findings: &Findings) {
    while !findings.is_closed() {
        for supply in &mut supplies {
            let health = supply.look(hwmon);
            if findings.blocking_send((supply.index, health)).is_err() {
                return;
            }
        }
        std::thread::sleep(period);
    }
}

impl Supply {
    /// What its alarms say; `None` where it does not answer.
    fn look(&mut self, hwmon: &SysfsHwmon) -> Option<Health> {
        if self.alarms.is_empty() {
            let alarms = hwmon.alarms(&self.device).into_iter();
            self.alarms = alarms.filter_map(|alarm| Some((meaning(&alarm)?, alarm))).map(swap).collect();
        }
        if self.alarms.is_empty() {
            return None;
        }
        let mut health = Health::default();
        for (alarm, meaning) in &self.alarms {
            match (hwmon.is_raised(alarm), meaning) {
                (Ok(raised), Meaning::Broken) => health.broken |= raised,
                (Ok(raised), Meaning::InputLost) => health.input_lost |= raised,
                (Err(error), _) => {
                    if error.is_gone() {
                        self.alarms.clear();
                    }
                    return None;
                }
            }
        }
        Some(health)
    }
}

fn swap((meaning, alarm): (Meaning, Alarm)) -> (Alarm, Meaning) {
    (alarm, meaning)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn alarms_tell_a_broken_supply_from_one_without_input_and_from_one_that_does_not_answer() {
        let sys = tempfile::tempdir().unwrap();
        let directory = sys.path().join("bus/i2c/devices/7-0058/hwmon/hwmon3");
        fs::create_dir_all(&directory).unwrap();
        let put = |file: &str, text: &str| fs::write(directory.join(file), text).unwrap();
        put("in1_label", "vin\n");
        put("in2_label", "vout1\n");
        for file in ["in1_lcrit_alarm", "in2_lcrit_alarm", "in2_max_alarm", "fan1_fault"] {
            put(file, "0\n");
        }
        let hwmon = SysfsHwmon::new(sys.path());
        let device = HwmonDevice::I2c { bus: 7, address: 0x58 };
        let mut supply = Supply { index: 0, device, alarms: Vec::new() };
        let health = |broken, input_lost| Some(Health { broken, input_lost });
        assert_eq!(supply.look(&hwmon), health(false, false));
        put("in2_max_alarm", "1\n");
        assert_eq!(supply.look(&hwmon), health(false, false), "a warning");
        put("fan1_fault", "1\n");
        assert_eq!(supply.look(&hwmon), health(true, false));
        put("in1_lcrit_alarm", "1\n");
        assert_eq!(supply.look(&hwmon), health(true, true));
        put("in1_lcrit_alarm", "nonsense\n");
        assert_eq!(supply.look(&hwmon), None);
        fs::remove_file(directory.join("in1_lcrit_alarm")).unwrap();
        assert_eq!(supply.look(&hwmon), None);
        assert_eq!(supply.look(&hwmon), health(true, false), "looked for anew");
    }

    #[test]
    fn a_broken_supply_whose_driver_goes_away_is_not_healthy_for_that() {
        let sys = tempfile::tempdir().unwrap();
        let directory = sys.path().join("bus/i2c/devices/7-0058/hwmon/hwmon3");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("fan1_fault"), "1\n").unwrap();
        let hwmon = SysfsHwmon::new(sys.path());
        let device = HwmonDevice::I2c { bus: 7, address: 0x58 };
        let mut supply = Supply { index: 0, device, alarms: Vec::new() };
        assert_eq!(supply.look(&hwmon), Some(Health { broken: true, input_lost: false }));
        fs::remove_dir_all(directory).unwrap();
        assert_eq!([supply.look(&hwmon), supply.look(&hwmon)], [None, None]);
    }
}
