//! Inventory items and detectors: present or absent, whole or broken, open or closed.
//!
//! After a start the log itself says what was last logged of each state, so that what came or went meanwhile is logged late, and nothing
//! twice. That something is there is no event where the log never said anything of it: that is how the machine was built.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bmc_dbus::{
    discovery::{Event, Follow, Interfaces},
    discrete::{Object, ROOTS},
};
use ipmi_wire::record::event::SENSOR_SPECIFIC;
use tokio::time::Instant;
use zbus::Connection;

use super::{Sources, lock};
use crate::{
    record::What,
    store::{Stored, shortened},
};

/// Objects that are followed; no machine has as many.
const OBJECTS: usize = 1024;
/// Objects of which it is known what was logged, before those that are gone are forgotten.
const LOGGED: usize = 8 * OBJECTS;
/// How long a provider that came back may take until it has all that it had: it may have to wait for a driver or for a line.
const GRACE: Duration = Duration::from_secs(60);

/// What was logged of an object, one bit for each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Logged {
    /// States that were logged, or that are known not to be news.
    known: u16,
    /// Those of them that are on.
    on: u16,
}

/// An object that is, or may become, an item.
#[derive(Debug)]
struct Item {
    object: Object,
    /// Who says of which kind it is.
    provider: Arc<str>,
    /// Its provider came back without it: when it is given up.
    missing: Option<Instant>,
}

/// All items and detectors. Pure but for their subscription.
#[derive(Debug, Default)]
pub(super) struct Items {
    objects: HashMap<String, Item>,
    /// By path, shortened as the log has it, and sensor type: other things are logged under an item's path too.
    logged: BTreeMap<(String, u8), Logged>,
    /// It was said that there are too many.
    crowded: bool,
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
        Self { logged, ..Self::default() }
    }

    /// Something became of objects below `root`.
    fn take(&mut self, root: &str, event: Event, now: Instant) -> Vec<(String, What)> {
        match event {
            Event::Loaded { provider, objects } => {
                self.doubt(root, &provider, &objects, now);
                let mut objects: Vec<_> = objects.into_iter().collect();
                objects.sort_by(|one, other| one.0.cmp(&other.0));
                let add = |(path, interfaces): (String, _)| self.add(&provider, &path, &interfaces);
                objects.into_iter().flat_map(add).collect()
            }
            Event::Added { provider, path, interfaces } => self.add(&provider, &path, &interfaces),
            Event::Changed { provider, path, interface, properties } => {
                self.change(&provider, &path, |object| object.update(&interface, &properties))
            }
            Event::Removed { path, interfaces, .. } => self.removed(&path, &interfaces),
            // What it had may be as before when it is back.
            Event::Gone { provider } => {
                self.of(root, &provider).for_each(|(_, item)| item.missing = None);
                Vec::new()
            }
        }
    }

    /// The items of `provider` below `root`.
    fn of(&mut self, root: &str, provider: &str) -> impl Iterator<Item = (&String, &mut Item)> {
        let all = self.objects.iter_mut();
        all.filter(move |(path, item)| *item.provider == *provider && is_below(root, path))
    }

    /// `provider` has `objects` below `root`: what it had besides may be gone, or come later, as a daemon starts.
    fn doubt(&mut self, root: &str, provider: &str, objects: &HashMap<String, Interfaces>, now: Instant) {
        // It has just started.
        if objects.is_empty() {
            return;
        }
        let unlisted = self.of(root, provider).filter(|(path, _)| !objects.contains_key(*path));
        unlisted.for_each(|(_, item)| item.missing = item.missing.or(Some(now + GRACE)));
    }

    fn add(&mut self, provider: &Arc<str>, path: &str, interfaces: &Interfaces) -> Vec<(String, What)> {
        let mut alone = Object::default();
        alone.update_all(interfaces);
        // Others may tell facts of it.
        if alone.kind().is_some()
            && let Some(item) = self.objects.get_mut(path)
        {
            item.provider = provider.clone();
        }
        self.change(provider, path, |object| object.update_all(interfaces))
    }

    fn change(
        &mut self,
        provider: &Arc<str>,
        path: &str,
        change: impl FnOnce(&mut Object),
    ) -> Vec<(String, What)> {
        let mut object = self.objects.get(path).map(|item| item.object).unwrap_or_default();
        change(&mut object);
        if object.is_nothing() {
            return Vec::new();
        }
        if let Some(item) = self.objects.get_mut(path) {
            item.object = object;
            if item.provider == *provider {
                item.missing = None;
            }
        } else if self.objects.len() < OBJECTS {
            self.objects.insert(path.to_owned(), Item { object, provider: provider.clone(), missing: None });
            self.forget();
        } else {
            if !std::mem::replace(&mut self.crowded, true) {
                tracing::warn!(
                    "{path}: there are {OBJECTS} items already; what becomes of more is not logged"
                );
            }
            return Vec::new();
        }
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

    /// An object is in none of the states that nobody tells any more, and in none at all when it is not there.
    fn removed(&mut self, path: &str, interfaces: &[String]) -> Vec<(String, What)> {
        let Some(item) = self.objects.get_mut(path) else { return Vec::new() };
        let before = item.object;
        let remains = item.object.remove(interfaces);
        let untold = if remains { before.told() & !item.object.told() } else { u16::MAX };
        if item.object.is_nothing() {
            self.objects.remove(path);
        }
        let ended = before.kind().map(|kind| self.end(path, kind.sensor_type, untold));
        ended.unwrap_or_default()
    }

    /// Those of `states` that are on at `path` end.
    fn end(&mut self, path: &str, sensor_type: u8, states: u16) -> Vec<(String, What)> {
        let Some(logged) = self.logged.get_mut(&(shortened(path).to_owned(), sensor_type)) else {
            return Vec::new();
        };
        let ended = logged.on & states;
        logged.on &= !ended;
        events(path, sensor_type, ended, 0)
    }

    /// What was logged of what is no more is not needed for ever.
    fn forget(&mut self) {
        if self.logged.len() >= LOGGED {
            let there: HashSet<&str> = self.objects.keys().map(|path| shortened(path)).collect();
            self.logged.retain(|(path, _), logged| logged.on != 0 || there.contains(path.as_str()));
        }
    }

    /// A new connection: what was missing on the last one may be there.
    fn trust(&mut self, root: &str) {
        let below = self.objects.iter_mut().filter(|(path, _)| is_below(root, path));
        below.for_each(|(_, item)| item.missing = None);
    }

    /// When [`Items::give_up`] has something to do below `root`.
    fn next(&self, root: &str) -> Option<Instant> {
        let below = self.objects.iter().filter(|(path, _)| is_below(root, path));
        below.filter_map(|(_, item)| item.missing).min()
    }

    /// Ends what was missing for too long.
    fn give_up(&mut self, now: Instant) -> Vec<(String, What)> {
        let overdue = self.objects.extract_if(|_, item| item.missing.is_some_and(|until| until <= now));
        let mut gone: Vec<_> = overdue.collect();
        gone.sort_by(|one, other| one.0.cmp(&other.0));
        let end = |(path, item): (String, Item)| {
            item.object.kind().map(|kind| self.end(&path, kind.sensor_type, u16::MAX)).unwrap_or_default()
        };
        gone.into_iter().flat_map(end).collect()
    }

    /// What is on at `path`, or anywhere where it is empty, as if it began now; only states whose bit is set.
    pub(super) fn rearm(&self, path: &str, states: u16) -> Vec<(String, What)> {
        let wanted = self.objects.iter().filter(|(at, _)| path.is_empty() || *at == path);
        let on = wanted.filter_map(|(at, Item { object, .. })| {
            Some(events(at, object.kind()?.sensor_type, object.states() & states, u16::MAX))
        });
        on.flatten().collect()
    }
}

fn is_below(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
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
    lock(&sources.items).trust(root);
    loop {
        let next = lock(&sources.items).next(root);
        let happened = tokio::select! {
            event = follow.next() => match event {
                Some(event) => lock(&sources.items).take(root, event, Instant::now()),
                None => return Ok(()),
            },
            () = until(next) => lock(&sources.items).give_up(Instant::now()),
        };
        sources.happen(happened).await;
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use bmc_dbus::names::{inventory, sensors};

    use super::*;
    use crate::{
        store::NewRecord,
        storm::{Limits, Storms, Verdict},
    };

    const PSU: &str = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";

    impl Items {
        fn sees(&mut self, event: Event) -> Vec<(String, What)> {
            self.take(inventory::ROOT, event, Instant::now())
        }
    }

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
        assert!(items.sees(found(true, true)).is_empty());
        assert_eq!(offsets(&items.sees(changed(inventory::ITEM, "Present", false))), [(0, false)]);
        assert!(items.sees(changed(inventory::ITEM, "Present", false)).is_empty());
        assert_eq!(offsets(&items.sees(changed(inventory::ITEM, "Present", true))), [(0, true)]);
        let broken = items.sees(changed(sensors::OPERATIONAL_STATUS, "Functional", false));
        assert_eq!(offsets(&broken), [(1, true)]);
        assert_eq!(offsets(&items.rearm(PSU, 0x0002)), [(1, true)]);
        let pulled = items.sees(changed(inventory::ITEM, "Present", false));
        assert_eq!(offsets(&pulled), [(0, false), (1, false)]);
    }

    #[test]
    fn after_a_start_only_what_differs_from_the_log_is_an_event() {
        let from = |records: &[Stored]| Items::from_log(records.iter());
        assert_eq!(offsets(&Items::default().sees(found(true, false))), [(1, true)], "broken from the start");
        assert!(from(&[stored(0x6F, 1)]).sees(found(true, false)).is_empty());
        assert_eq!(offsets(&from(&[stored(0x6F, 1)]).sees(found(true, true))), [(1, false)]);
        assert_eq!(offsets(&from(&[stored(0xEF, 0)]).sees(found(true, true))), [(0, true)]);
        assert_eq!(offsets(&from(&[stored(0x6F, 0)]).sees(found(false, true))), [(0, false)]);
    }

    #[test]
    fn a_storm_is_no_failure_of_its_item_after_a_restart() {
        let limits = Limits { burst: 8, period: Duration::from_secs(60) };
        let (mut storms, mut log) = (Storms::new(limits), Vec::new());
        for flap in 0..9 {
            let Stored { record: bytes, path } = stored(if flap % 2 == 0 { 0xEF } else { 0x6F }, 0);
            let record = NewRecord { bytes, at: flap, path };
            let (Verdict::Log(record) | Verdict::Begins(record)) =
                storms.judge(std::time::Instant::now(), record)
            else {
                panic!("only the first is announced");
            };
            log.push(Stored { record: record.bytes, path: record.path });
        }
        assert_eq!(log[8].record[10..14], [0x10, 1, 0x6F, 0xF1], "logging stops");
        assert!(Items::from_log(log.iter()).sees(found(true, true)).is_empty());
        assert_eq!(offsets(&Items::from_log(log.iter()).sees(found(true, false))), [(1, true)]);
    }

    #[test]
    fn an_item_that_is_removed_ends_what_was_on() {
        let mut items = Items::default();
        items.sees(found(true, false));
        let interfaces = vec![inventory::ITEM_POWER_SUPPLY.to_owned(), inventory::ITEM.to_owned()];
        let removed = Event::Removed { provider: provider(), path: PSU.to_owned(), interfaces };
        assert_eq!(offsets(&items.sees(removed)), [(0, false), (1, false)]);
        assert_eq!(offsets(&items.sees(found(true, true))), [(0, true)], "it is back");
    }

    fn board(path: String) -> Event {
        let interfaces = [(inventory::ITEM.to_owned(), flag("Present", true))].into();
        Event::Added { provider: provider(), path, interfaces }
    }

    #[test]
    fn boards_that_come_and_go_take_no_place_from_supplies() {
        let mut items = Items::default();
        for number in 0..2 * OBJECTS {
            let path = format!("/xyz/openbmc_project/inventory/system/board/{number}");
            items.sees(board(path.clone()));
            let interfaces = vec![inventory::ITEM.to_owned()];
            items.sees(Event::Removed { provider: provider(), path, interfaces });
        }
        assert_eq!(offsets(&items.sees(found(true, false))), [(1, true)]);
        for number in 0..2 * OBJECTS {
            let path = format!("/xyz/openbmc_project/inventory/system/board/{number}");
            let interfaces = HashMap::from([(inventory::ASSET.to_owned(), HashMap::new())]);
            items.sees(Event::Added { provider: provider(), path, interfaces });
        }
        assert_eq!(items.objects.len(), 1, "what says nothing of interest is not kept");
    }

    #[test]
    fn what_a_provider_that_came_back_no_longer_has_ends_after_a_while() {
        let (mut items, start) = (Items::default(), Instant::now());
        items.sees(found(true, true));
        let other = "/xyz/openbmc_project/inventory/system/powersupply/PSU2";
        let back = |objects: &[&str]| {
            let interfaces = || HashMap::from([(inventory::ITEM_POWER_SUPPLY.to_owned(), HashMap::new())]);
            let objects = objects.iter().map(|path| ((*path).to_owned(), interfaces())).collect();
            Event::Loaded { provider: provider(), objects }
        };
        assert!(items.take(inventory::ROOT, back(&[other]), start).is_empty(), "it may be late");
        assert_eq!(items.next(inventory::ROOT), Some(start + GRACE));
        assert!(items.take(inventory::ROOT, found(true, true), start).is_empty());
        assert!(items.give_up(start + GRACE).iter().all(|(path, _)| path != PSU), "it was");

        assert!(items.take("/xyz/openbmc_project/Other", back(&[other]), start).is_empty());
        assert_eq!(items.next(inventory::ROOT), None, "another root's listing says nothing of it");
        items.take(inventory::ROOT, back(&[other]), start);
        items.take(inventory::ROOT, Event::Gone { provider: provider() }, start);
        assert_eq!(items.next(inventory::ROOT), None, "nobody says so any more");
        items.take(inventory::ROOT, back(&[other]), start);
        assert!(items.give_up(start).is_empty());
        assert_eq!(offsets(&items.give_up(start + GRACE)), [(0, false)]);
        assert_eq!(offsets(&items.sees(found(true, true))), [(0, true)], "it is back");
    }

    #[test]
    fn a_state_ends_when_nobody_tells_it_any_more() {
        let mut items = Items::default();
        items.sees(found(true, false));
        let interfaces = vec![sensors::OPERATIONAL_STATUS.to_owned()];
        let removed = Event::Removed { provider: provider(), path: PSU.to_owned(), interfaces };
        assert_eq!(offsets(&items.sees(removed)), [(1, false)]);
        assert!(items.sees(changed(inventory::ITEM, "Present", true)).is_empty());
    }
}
