//! Inventory items and detectors: present or absent, whole or broken, open or closed.
//!
//! After a start the log itself says what was last logged of each state, so that what came or went meanwhile is logged late, and nothing
//! twice. That something is there is no event where the log never said anything of it: that is how the machine was built.

use std::collections::{BTreeMap, HashMap};

use bmc_dbus::{
    discovery::{Event, Follow},
    discrete::{Object, ROOTS},
};
use ipmi_wire::record::event::SENSOR_SPECIFIC;
use zbus::Connection;

use super::{Sources, lock};
use crate::{
    record::What,
    store::{Stored, shortened},
};

/// Objects that are followed; no machine has as many.
const OBJECTS: usize = 1024;

/// What was logged of an object, one bit for each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Logged {
    /// States that were logged, or that are known not to be news.
    known: u16,
    /// Those of them that are on.
    on: u16,
}

/// All items and detectors. Pure but for their subscription.
#[derive(Debug, Default)]
pub(super) struct Items {
    objects: HashMap<String, Object>,
    /// By path, shortened as the log has it, and sensor type: other things are logged under an item's path too.
    logged: BTreeMap<(String, u8), Logged>,
}

impl Items {
    /// What `records` say of objects.
    pub(super) fn from_log<'a>(records: impl Iterator<Item = &'a Stored>) -> Self {
        let mut logged: BTreeMap<(String, u8), Logged> = BTreeMap::new();
        for Stored { record, path } in records {
            let [_, _, 0x02, _, _, _, _, _, _, _, kind, _, event, data, ..] = *record else { continue };
            if event & 0x7F != SENSOR_SPECIFIC || path.is_empty() {
                continue;
            }
            let (logged, bit) = (logged.entry((path.clone(), kind)).or_default(), 1 << (data & 0x0F));
            logged.known |= bit;
            logged.on = if event & 0x80 == 0 { logged.on | bit } else { logged.on & !bit };
        }
        Self { objects: HashMap::new(), logged }
    }

    fn take(&mut self, event: Event) -> Vec<(String, What)> {
        match event {
            Event::Loaded { objects, .. } => {
                let mut objects: Vec<_> = objects.into_iter().collect();
                objects.sort_by(|one, other| one.0.cmp(&other.0));
                let update = |(path, interfaces): (String, _)| {
                    self.change(&path, |object| object.update_all(&interfaces))
                };
                objects.into_iter().flat_map(update).collect()
            }
            Event::Added { path, interfaces, .. } => {
                self.change(&path, |object| object.update_all(&interfaces))
            }
            Event::Changed { path, interface, properties, .. } => {
                self.change(&path, |object| object.update(&interface, &properties))
            }
            Event::Removed { path, interfaces, .. } => self.removed(&path, &interfaces),
            // What it had may be as before when it is back.
            Event::Gone { .. } => Vec::new(),
        }
    }

    fn change(&mut self, path: &str, change: impl FnOnce(&mut Object)) -> Vec<(String, What)> {
        let mut object = self.objects.get(path).copied().unwrap_or_default();
        change(&mut object);
        if !self.objects.contains_key(path) && self.objects.len() >= OBJECTS {
            return Vec::new();
        }
        self.objects.insert(path.to_owned(), object);
        let Some(kind) = object.kind() else { return Vec::new() };
        let logged = self.logged.entry((shortened(path).to_owned(), kind.sensor_type)).or_default();
        // How it was found is how it was built.
        let found = object.states() & kind.presence() & object.told() & !logged.known;
        logged.on |= found;
        let changed = (logged.on ^ object.states()) & object.told();
        logged.known |= object.told();
        logged.on ^= changed;
        events(path, kind.sensor_type, changed, logged.on)
    }

    /// An object that is not there is in none of its states.
    fn removed(&mut self, path: &str, interfaces: &[String]) -> Vec<(String, What)> {
        let Some(object) = self.objects.get_mut(path) else { return Vec::new() };
        let Some(kind) = object.kind() else { return Vec::new() };
        if object.remove(interfaces) {
            return Vec::new();
        }
        self.objects.remove(path);
        let at = (shortened(path).to_owned(), kind.sensor_type);
        let Some(logged) = self.logged.get_mut(&at) else { return Vec::new() };
        let ended = std::mem::take(&mut logged.on);
        events(path, kind.sensor_type, ended, 0)
    }

    /// What is on at `path`, or anywhere where it is empty, as if it began now; only states whose bit is set.
    pub(super) fn rearm(&self, path: &str, states: u16) -> Vec<(String, What)> {
        let wanted = self.objects.iter().filter(|(at, _)| path.is_empty() || *at == path);
        let on = wanted.filter_map(|(at, object)| {
            Some(events(at, object.kind()?.sensor_type, object.states() & states, u16::MAX))
        });
        on.flatten().collect()
    }
}

/// An event for each bit of `changed`; it began where it is in `on`.
fn events(path: &str, sensor_type: u8, changed: u16, on: u16) -> Vec<(String, What)> {
    let offsets = (0..16_u8).filter(|offset| changed & 1 << offset != 0);
    let what = |offset| What::State { sensor_type, offset, asserted: on & 1 << offset != 0 };
    offsets.map(|offset| (path.to_owned(), what(offset))).collect()
}

/// Follows all of them until the bus is gone.
pub(super) async fn follow(sources: &Sources, connection: &Connection) -> zbus::Result<()> {
    let [inventory, detectors] =
        ROOTS.map(|(root, interface)| follow_one(sources, connection, root, interface));
    tokio::try_join!(inventory, detectors).map(drop)
}

async fn follow_one(
    sources: &Sources,
    connection: &Connection,
    root: &str,
    interface: &str,
) -> zbus::Result<()> {
    let mut follow = Follow::start(connection, root, interface).await?;
    while let Some(event) = follow.next().await {
        let happened = lock(&sources.items).take(event);
        sources.happen(happened).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use bmc_dbus::names::{inventory, sensors};

    use super::*;
    use crate::{
        store::NewRecord,
        storm::{Limits, Storms, Verdict},
    };

    const PSU: &str = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";

    fn provider() -> Arc<str> {
        "xyz.openbmc_project.FerriteSensor".into()
    }

    fn flag(name: &str, value: bool) -> HashMap<String, zbus::OwnedVariant> {
        [(name.to_owned(), value.into())].into()
    }

    fn found(present: bool, functional: bool) -> Event {
        let interfaces = HashMap::from([
            (inventory::ITEM.to_owned(), flag("Present", present)),
            (sensors::OPERATIONAL_STATUS.to_owned(), flag("Functional", functional)),
            (inventory::ITEM_POWER_SUPPLY.to_owned(), HashMap::new()),
        ]);
        Event::Loaded { provider: provider(), objects: [(PSU.to_owned(), interfaces)].into() }
    }

    fn changed(interface: &str, name: &str, value: bool) -> Event {
        let (provider, path, interface) = (provider(), PSU.to_owned(), interface.to_owned());
        Event::Changed { provider, path, interface, properties: flag(name, value) }
    }

    fn offsets(happened: &[(String, What)]) -> Vec<(u8, bool)> {
        let offset = |(path, what): &(String, What)| match what {
            What::State { sensor_type: 0x08, offset, asserted } if path == PSU => (*offset, *asserted),
            other => panic!("{path}: {other:?}"),
        };
        happened.iter().map(offset).collect()
    }

    fn stored(event: u8, offset: u8) -> Stored {
        Stored {
            record: [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 8, 1, event, offset, 0xFF, 0xFF],
            path: PSU.to_owned(),
        }
    }

    #[test]
    fn a_supply_that_is_found_is_no_event_and_one_that_is_pulled_or_fails_is() {
        let mut items = Items::default();
        assert!(items.take(found(true, true)).is_empty());
        assert_eq!(offsets(&items.take(changed(inventory::ITEM, "Present", false))), [(0, false)]);
        assert!(items.take(changed(inventory::ITEM, "Present", false)).is_empty());
        assert_eq!(offsets(&items.take(changed(inventory::ITEM, "Present", true))), [(0, true)]);
        let broken = items.take(changed(sensors::OPERATIONAL_STATUS, "Functional", false));
        assert_eq!(offsets(&broken), [(1, true)]);
        assert_eq!(offsets(&items.rearm(PSU, 0x0002)), [(1, true)]);
        let pulled = items.take(changed(inventory::ITEM, "Present", false));
        assert_eq!(offsets(&pulled), [(0, false), (1, false)]);
    }

    #[test]
    fn after_a_start_only_what_differs_from_the_log_is_an_event() {
        let from = |records: &[Stored]| Items::from_log(records.iter());
        assert_eq!(offsets(&Items::default().take(found(true, false))), [(1, true)], "broken from the start");
        assert!(from(&[stored(0x6F, 1)]).take(found(true, false)).is_empty());
        assert_eq!(offsets(&from(&[stored(0x6F, 1)]).take(found(true, true))), [(1, false)]);
        assert_eq!(offsets(&from(&[stored(0xEF, 0)]).take(found(true, true))), [(0, true)]);
        assert_eq!(offsets(&from(&[stored(0x6F, 0)]).take(found(false, true))), [(0, false)]);
    }

    #[test]
    fn a_storm_is_no_failure_of_its_item_after_a_restart() {
        let limits = Limits { burst: 8, period: Duration::from_secs(60) };
        let (mut storms, mut log) = (Storms::new(limits), Vec::new());
        for flap in 0..9 {
            let Stored { record: bytes, path } = stored(if flap % 2 == 0 { 0xEF } else { 0x6F }, 0);
            let record = NewRecord { bytes, at: flap, path };
            let (Verdict::Log(record) | Verdict::Begins(record)) = storms.judge(Instant::now(), record)
            else {
                panic!("only the first is announced");
            };
            log.push(Stored { record: record.bytes, path: record.path });
        }
        assert_eq!(log[8].record[10..14], [0x10, 1, 0x6F, 0xF1], "logging stops");
        assert!(Items::from_log(log.iter()).take(found(true, true)).is_empty());
        assert_eq!(offsets(&Items::from_log(log.iter()).take(found(true, false))), [(1, true)]);
    }

    #[test]
    fn an_item_that_is_removed_ends_what_was_on() {
        let mut items = Items::default();
        items.take(found(true, false));
        let interfaces = vec![inventory::ITEM_POWER_SUPPLY.to_owned(), inventory::ITEM.to_owned()];
        let removed = Event::Removed { provider: provider(), path: PSU.to_owned(), interfaces };
        assert_eq!(offsets(&items.take(removed)), [(0, false), (1, false)]);
        assert_eq!(offsets(&items.take(found(true, true))), [(0, true)], "it is back");
    }
}
