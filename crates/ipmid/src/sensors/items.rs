//! Items of the inventory and detectors that are discrete sensors. Pure: what happened comes in as values.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bmc_dbus::{
    discovery::{Event, Interfaces},
    discrete::{Kind, Object},
    names::sensors as names,
};

use super::{Facts, MAX_SENSORS, reading::Provider};

/// All objects that are, or may become, items.
#[derive(Debug, Default)]
pub(super) struct Items {
    objects: BTreeMap<String, Item>,
    providers: HashMap<Arc<str>, Arc<Provider>>,
}

#[derive(Debug)]
struct Item {
    provider: Arc<str>,
    facts: Facts,
    cell: Arc<ItemCell>,
}

/// An item that is a discrete sensor: path, kind, entity, states.
pub(super) type FoundItem<'a> = (&'a str, &'static Kind, Option<(u8, u8)>, &'a Arc<ItemCell>);

/// An item's states, which the bus writes and handlers read.
#[derive(Debug)]
pub(crate) struct ItemCell {
    state: Mutex<(Object, Arc<Provider>)>,
}

impl ItemCell {
    fn lock(&self) -> MutexGuard<'_, (Object, Arc<Provider>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states now; `None` where nobody tells them.
    pub(crate) fn read(&self, now: Instant) -> Option<u16> {
        let state = self.lock();
        let (object, provider) = &*state;
        (provider.is_alive(now) && object.told() != 0).then(|| object.states())
    }

    fn object(&self) -> Object {
        self.lock().0
    }
}

impl Items {
    /// Takes what became of providers and their objects; whether the set of items, or what one is, may be another.
    pub(super) fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Loaded { provider, objects } => self.load(&provider, objects),
            Event::Gone { provider } => {
                if let Some(life) = self.providers.get(&provider) {
                    life.vanish();
                }
                false
            }
            Event::Added { provider, path, interfaces } => self.add(&provider, &path, &interfaces),
            Event::Changed { path, interface, properties, .. } => {
                let Some(item) = self.objects.get_mut(&path) else { return false };
                item.cell.lock().0.update(&interface, &properties);
                interface == names::DECORATOR_IPMI && item.facts.update(&interface, &properties)
            }
            Event::Removed { path, interfaces, .. } => {
                let Some(item) = self.objects.get(&path) else { return false };
                if !item.cell.lock().0.remove(&interfaces) {
                    self.objects.remove(&path);
                }
                true
            }
        }
    }

    /// `provider` has these objects; what it had besides is gone, unless it has nothing: then it has just started.
    fn load(&mut self, provider: &Arc<str>, objects: HashMap<String, Interfaces>) -> bool {
        let before = self.objects.len();
        if !objects.is_empty() {
            self.objects.retain(|path, item| item.provider != *provider || objects.contains_key(path));
        }
        let dropped = before != self.objects.len();
        self.providers.insert(provider.clone(), Arc::default());
        let add = |changed, (path, interfaces): (String, Interfaces)| {
            self.add(provider, &path, &interfaces) || changed
        };
        objects.into_iter().fold(dropped, add)
    }

    fn add(&mut self, provider: &Arc<str>, path: &str, interfaces: &Interfaces) -> bool {
        let life = self.providers.entry(provider.clone()).or_default().clone();
        if !self.objects.contains_key(path) {
            // FRU devices, boards, and configuration records stand below the same root: most are no items.
            if self.objects.len() >= 2 * MAX_SENSORS {
                return false;
            }
            let cell = Arc::new(ItemCell { state: Mutex::new((Object::default(), life.clone())) });
            let item = Item { provider: provider.clone(), facts: Facts::default(), cell };
            self.objects.insert(path.to_owned(), item);
        }
        let Some(item) = self.objects.get_mut(path) else { return false };
        item.provider = provider.clone();
        let mut state = item.cell.lock();
        let kind = state.0.kind();
        state.1 = life;
        state.0.update_all(interfaces);
        let mut changed = state.0.kind() != kind;
        if let Some(properties) = interfaces.get(names::DECORATOR_IPMI) {
            changed |= item.facts.update(names::DECORATOR_IPMI, properties);
        }
        changed
    }

    /// The bus went away, and with it all providers.
    pub(super) fn all_gone(&self) {
        self.providers.values().for_each(|life| life.vanish());
    }

    /// Those that are discrete sensors, by path.
    pub(super) fn all(&self) -> impl Iterator<Item = FoundItem<'_>> + Clone {
        self.objects.iter().filter_map(|(path, item)| {
            Some((path.as_str(), item.cell.object().kind()?, item.facts.entity, &item.cell))
        })
    }
}
