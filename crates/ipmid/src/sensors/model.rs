//! All sensor objects on the bus, and the snapshot that follows from them. Pure: what happened comes in as values.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bmc_dbus::{discovery::Event, discrete::ROOTS, names::sensors as names};

use super::{
    AddedRecords, Discrete, Facts, History, MAX_SENSORS, Numbers, RecordChange, RecordRefused, Sensor,
    Snapshot, Vendor,
    added::Changed,
    associations,
    discrete::own_sensors,
    facts::Properties,
    items::{FoundItem, Items},
    names::Names,
    reading::{Provider, ReadingCell},
    snapshot::locators,
    vendor,
};
use crate::platform::inventory::FruDevice;

/// Properties of an object, by interface.
pub(crate) type Interfaces = HashMap<String, Properties>;

/// The state from which snapshots are made.
#[derive(Debug, Default)]
pub struct Model {
    objects: BTreeMap<String, Object>,
    providers: HashMap<Arc<str>, Arc<Provider>>,
    numbers: Numbers,
    /// Below each root of [`ROOTS`]: a provider lists its objects root by root.
    items: [Items; ROOTS.len()],
    frus: Vec<FruDevice>,
    /// What its vendor says that the board is made of.
    vendor: Vendor,
    added: AddedRecords,
    history: History,
    /// Whether a client was shown records before they were settled.
    incomplete_shown: Arc<AtomicBool>,
    dirty: bool,
    current: Arc<Snapshot>,
}

#[derive(Debug)]
struct Object {
    provider: Arc<str>,
    /// Whether it has the interface that makes it a sensor. Interfaces may come one by one.
    is_sensor: bool,
    facts: Facts,
    cell: Arc<ReadingCell>,
}

impl Model {
    /// A model that has given out `numbers` before.
    pub fn new(numbers: Numbers) -> Self {
        Self { numbers: numbers.checked(), dirty: true, ..Self::default() }
    }

    /// The same with what clients added and when the repository changed before.
    #[must_use]
    pub fn with_records(self, added: AddedRecords, history: History) -> Self {
        Self { added: added.checked(), history, ..self }
    }

    /// The same of a board of which the vendor says this.
    #[must_use]
    pub fn with_vendor(self, vendor: Vendor) -> Self {
        Self { vendor, ..self }
    }

    /// When the repository changed.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Sensors that were there before the start have had the time to come back.
    pub fn settle(&mut self) {
        self.dirty |= !self.history.is_settled();
        self.history.settle();
    }

    /// What clients' records would be after `change`.
    ///
    /// # Errors
    /// As [`AddedRecords::change`]; that there was no room is remembered.
    pub(crate) fn changed_records(&mut self, change: &RecordChange) -> Result<Changed, RecordRefused> {
        let changed = self.added.change(change, self.current.records());
        if changed == Err(RecordRefused::Full) {
            self.history.overflowed();
            self.dirty = true;
        }
        changed
    }

    /// These are the records that clients added.
    pub fn set_added(&mut self, added: AddedRecords) {
        self.dirty = true;
        self.added = added;
    }

    /// The addresses given so far.
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Whether the snapshot has to be made anew.
    pub fn is_dirty(&self) -> bool {
        let shown = self.incomplete_shown.load(Ordering::Relaxed);
        self.dirty || (shown && !self.history.is_incomplete_shown())
    }

    /// `provider` has these objects. What it had before and has no more is gone, unless it has nothing at all: a daemon that
    /// has just started may publish its sensors later, and they keep their records as unavailable until it does.
    pub fn load(&mut self, provider: &Arc<str>, objects: HashMap<String, Interfaces>, now: Instant) {
        if !objects.is_empty() {
            let before = self.objects.len();
            self.objects.retain(|path, object| object.provider != *provider || objects.contains_key(path));
            self.dirty |= before != self.objects.len();
        }
        self.providers.insert(provider.clone(), Arc::default());
        for (path, interfaces) in objects {
            self.add(provider, &path, &interfaces, now);
        }
    }

    /// Interfaces appeared on an object.
    pub fn add(&mut self, provider: &Arc<str>, path: &str, interfaces: &Interfaces, now: Instant) {
        let life = self.providers.entry(provider.clone()).or_default().clone();
        if !self.objects.contains_key(path) {
            // Providers also have objects that are no sensor (yet): there may be as many of them.
            if interfaces.is_empty() || self.objects.len() >= 2 * MAX_SENSORS {
                return;
            }
            let cell = Arc::new(ReadingCell::new(life.clone(), now));
            let object =
                Object { provider: provider.clone(), is_sensor: false, facts: Facts::default(), cell };
            self.objects.insert(path.to_owned(), object);
        }
        let Some(object) = self.objects.get_mut(path) else { return };
        if object.provider != *provider {
            object.provider = provider.clone();
            self.dirty = true;
        }
        object.cell.adopt(life);
        for (interface, properties) in interfaces {
            self.dirty |= object.facts.update(interface, properties);
            object.cell.update(interface, properties, now);
            if interface == names::VALUE && !object.is_sensor {
                object.is_sensor = true;
                self.dirty = true;
            }
        }
    }

    /// Interfaces disappeared from an object of `provider`.
    pub fn remove(&mut self, provider: &str, path: &str, interfaces: &[String]) {
        let Some(object) = self.objects.get_mut(path).filter(|object| *object.provider == *provider) else {
            return;
        };
        self.dirty = true;
        for interface in interfaces {
            match interface.as_str() {
                names::VALUE => {
                    self.objects.remove(path);
                    return;
                }
                names::HYSTERESIS => object.facts.hysteresis = None,
                names::DECORATOR_IPMI => object.facts.entity = None,
                other => object.facts.forget_thresholds(other),
            }
        }
    }

    /// Properties of an object of `provider` changed. A reading goes to its cell, and nothing else happens.
    pub fn change(
        &mut self,
        provider: &str,
        path: &str,
        interface: &str,
        properties: &Properties,
        now: Instant,
    ) {
        if path == names::ROOT && interface == names::SENSOR_TABLE {
            if let (Some(life), true) = (self.providers.get(provider), properties.contains_key("Heartbeat")) {
                life.beat(now);
            }
            return;
        }
        let Some(object) = self.objects.get_mut(path).filter(|object| *object.provider == *provider) else {
            return;
        };
        object.cell.update(interface, properties, now);
        // Most signals are one reading: they have no static fact.
        let reading_only =
            interface == names::VALUE && properties.len() == 1 && properties.contains_key("Value");
        if !reading_only {
            self.dirty |= object.facts.update(interface, properties);
        }
    }

    /// Something became of inventory items or detectors below `ROOTS[root]`.
    pub fn apply_to_items(&mut self, root: usize, event: Event) {
        self.dirty |= self.items.get_mut(root).is_some_and(|items| items.apply(event));
    }

    /// `provider` left the bus. Its sensors stay, unavailable.
    pub fn gone(&mut self, provider: &str) {
        if let Some(life) = self.providers.get(provider) {
            life.vanish();
        }
    }

    /// The bus went away, and with it all providers.
    pub fn all_gone(&mut self) {
        self.providers.values().for_each(|life| life.vanish());
        self.items.iter().for_each(Items::all_gone);
    }

    /// These FRU devices exist.
    pub fn set_frus(&mut self, frus: Vec<FruDevice>) {
        self.dirty |= self.frus != frus;
        self.frus = frus;
    }

    /// Makes the snapshot; only what changed is encoded. `now` is in seconds since 1970. Also says whether addresses were
    /// given, which have to be stored.
    pub fn rebuild(&mut self, now: u32) -> (Arc<Snapshot>, bool) {
        self.dirty = false;
        let present = self.objects.iter().filter(|(_, object)| object.is_sensor);
        let count = present.clone().count();
        if count > MAX_SENSORS {
            tracing::warn!("{} of {count} sensors are passed over", count - MAX_SENSORS);
        }
        let present = present.take(MAX_SENSORS);
        let items = all_items(&self.items).map(|(path, ..)| path);
        let assigned = self.numbers.assign(present.clone().map(|(path, _)| path.as_str()).chain(items));
        let mut present: Vec<_> =
            present.filter_map(|(path, object)| Some((self.numbers.get(path)?, path, object))).collect();
        present.sort_by_key(|(address, ..)| *address);
        let mut id_strings = Names::default();
        let mut discrete: Vec<_> = own_sensors(&mut id_strings).map(Arc::new).collect();
        let sensors = present.into_iter().map(|(address, path, object)| {
            let (name, previous) = (id_strings.take(path), self.current.sensor(address));
            match previous {
                Some(sensor)
                    if sensor.path == *path
                        && sensor.is_current(&object.provider, &name, &object.facts, &object.cell) =>
                {
                    sensor.clone()
                }
                _ => {
                    let (provider, facts) = (object.provider.clone(), object.facts.clone());
                    Arc::new(Sensor::new(path, provider, address, name, facts, object.cell.clone()))
                }
            }
        });
        let sensors = sensors.collect();
        discrete.extend(self.discrete_items(&mut id_strings));
        let mut board = locators(&self.frus);
        board.extend(associations::records(&self.frus, &self.vendor.contains));
        board.extend(vendor::records(&self.vendor.oem_records));
        let mut snapshot = Snapshot::new(&self.current, sensors, discrete, &board, &self.added);
        if self.incomplete_shown.swap(false, Ordering::Relaxed) {
            self.history.incomplete_shown();
        }
        self.history.note(snapshot.records(), now);
        snapshot.changes = self.history.changes();
        snapshot.incomplete = (!self.history.is_settled()).then(|| self.incomplete_shown.clone());
        self.current = Arc::new(snapshot);
        (self.current.clone(), assigned)
    }

    /// Items get their names last: a sensor that has the name already keeps it.
    fn discrete_items(&self, names: &mut Names) -> impl Iterator<Item = Arc<Discrete>> {
        all_items(&self.items).filter_map(|(path, kind, entity, cell)| {
            let (address, name) = (self.numbers.get(path)?, names.take(path));
            Some(Arc::new(Discrete::item(path, address, kind, entity, cell.clone(), name)))
        })
    }
}

/// Those below any root.
fn all_items(items: &[Items]) -> impl Iterator<Item = FoundItem<'_>> + Clone {
    items.iter().flat_map(Items::all)
}

#[cfg(test)]
mod tests;
