//! Items of the inventory and detectors that are discrete sensors. Pure: what happened comes in as values.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    /// The interfaces that each of its providers has there: OpenBMC's inventory has objects of several.
    interfaces: HashMap<Arc<str>, BTreeSet<String>>,
    facts: Facts,
    cell: Arc<ItemCell>,
}

/// An item that is a discrete sensor: path, kind, entity, states.
pub(super) type FoundItem<'a> = (&'a str, &'static Kind, Option<(u8, u8)>, &'a Arc<ItemCell>);

/// An item's states, which the bus writes and handlers read.
#[derive(Debug)]
pub(crate) struct ItemCell {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was told of it. It keeps that while it is no item: what makes it one may be another provider's, which comes and goes.
    object: Object,
    is_item: bool,
    providers: HashMap<Arc<str>, Arc<Provider>>,
}

impl ItemCell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states now; `None` where nobody tells them.
    pub(crate) fn read(&self, now: Instant) -> Option<u16> {
        let state = self.lock();
        let is_told = state.providers.values().any(|provider| provider.is_alive(now));
        (state.is_item && is_told && state.object.told() != 0).then(|| state.object.states())
    }

    fn kind(&self) -> Option<&'static Kind> {
        self.lock().kind()
    }
}

impl State {
    fn kind(&self) -> Option<&'static Kind> {
        self.object.kind().filter(|_| self.is_item)
    }
}

/// Whether an object that has this interface is an item.
fn makes_an_item(interface: &str) -> bool {
    let mut object = Object::default();
    object.update(interface, &HashMap::new());
    object.kind().is_some()
}

impl Item {
    /// `provider` has these interfaces no more; without any it is none of its providers. Whether it may be another item then.
    fn withdraw(&mut self, provider: &str, gone: &[String]) -> bool {
        let Some(had) = self.interfaces.get_mut(provider) else { return false };
        let mut lost: Vec<String> = gone.iter().filter_map(|interface| had.take(interface)).collect();
        let has_none = had.is_empty();
        let mut state = self.cell.lock();
        if has_none {
            self.interfaces.remove(provider);
            state.providers.remove(provider);
        }
        lost.retain(|interface| !self.interfaces.values().any(|had| had.contains(interface)));
        let changed = !lost.is_empty();
        if lost.iter().any(|interface| interface == names::DECORATOR_IPMI) {
            self.facts.entity = None;
        }
        lost.retain(|interface| !makes_an_item(interface));
        state.object.remove(&lost);
        state.is_item = self.interfaces.values().flatten().any(|interface| makes_an_item(interface));
        changed
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
            Event::Changed { provider, path, interface, properties } => {
                let item = self.objects.get_mut(&path);
                let Some(item) = item.filter(|item| item.interfaces.contains_key(&provider)) else {
                    return false;
                };
                item.cell.lock().object.update(&interface, &properties);
                interface == names::DECORATOR_IPMI && item.facts.update(&interface, &properties)
            }
            Event::Removed { provider, path, interfaces } => {
                let Some(item) = self.objects.get_mut(&path) else { return false };
                let changed = item.withdraw(&provider, &interfaces);
                if item.interfaces.is_empty() {
                    self.objects.remove(&path);
                }
                changed
            }
        }
    }

    /// `provider` has these objects; what it had besides is gone, unless it has nothing: then it has just started.
    fn load(&mut self, provider: &Arc<str>, objects: HashMap<String, Interfaces>) -> bool {
        let mut dropped = false;
        if !objects.is_empty() {
            self.objects.retain(|path, item| {
                let kept = objects.get(path);
                // What it lists is taken below: it may have other interfaces than before.
                let is_lost = |interface: &&String| kept.is_none_or(|kept| !kept.contains_key(*interface));
                let had = item.interfaces.get(provider).into_iter().flatten();
                let lost: Vec<String> = had.filter(is_lost).cloned().collect();
                dropped |= item.withdraw(provider, &lost);
                kept.is_some() || !item.interfaces.is_empty()
            });
        }
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
            let cell = Arc::new(ItemCell { state: Mutex::default() });
            let item = Item { interfaces: HashMap::new(), facts: Facts::default(), cell };
            self.objects.insert(path.to_owned(), item);
        }
        let Some(item) = self.objects.get_mut(path) else { return false };
        let mut state = item.cell.lock();
        let kind = state.kind();
        state.providers.insert(provider.clone(), life);
        state.object.update_all(interfaces);
        state.is_item |= interfaces.keys().any(|interface| makes_an_item(interface));
        item.interfaces.entry(provider.clone()).or_default().extend(interfaces.keys().cloned());
        let mut changed = state.kind() != kind;
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
            Some((path.as_str(), item.cell.kind()?, item.facts.entity, &item.cell))
        })
    }
}

#[cfg(test)]
mod tests;
