//! Copies of other daemons' properties, kept by their signals.

use std::{
    collections::{HashMap, VecDeque},
    future::ready,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bmc_daemon::Tasks;
use bmc_dbus::set_aside;
use futures_util::{
    StreamExt as _,
    stream::{BoxStream, SelectAll, select_all},
};
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedVariant, Variant, message::Type};

use super::{call, platform_error};
use crate::platform::PlatformError;

/// How long a provider may take to tell its properties before it counts as missing.
const FETCH_DEADLINE: Duration = Duration::from_secs(2);
/// How many signals of a provider that comes or goes may wait. The bus library reserves their places for each of dozens of subscriptions.
const SELDOM: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// An interface on an object whose properties are mirrored.
#[derive(Debug)]
pub(crate) struct Watched {
    /// What this is, for the log.
    pub(crate) what: &'static str,
    /// The bus names that may provide it: the first that does counts.
    pub(crate) services: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) interface: &'static str,
}

/// The properties of one provider.
#[derive(Debug)]
struct Known {
    service: &'static str,
    /// Its unique name: a signal of anybody else does not count.
    owner: String,
    properties: HashMap<String, OwnedVariant>,
}

/// The mirror of several interfaces; an interface is named by its place in the list.
#[derive(Debug)]
pub(crate) struct Mirror {
    connection: Connection,
    watched: &'static [Watched],
    known: Mutex<Vec<Option<Known>>>,
}

/// What a subscription delivers, with the place in the list of what it is about.
enum Event {
    Changed(usize, Message),
    Appeared(usize),
    Owner(usize),
}

impl Mirror {
    /// Subscribes and starts the task that keeps the mirror.
    pub(crate) async fn start(
        connection: &Connection,
        watched: &'static [Watched],
        tasks: &mut Tasks,
    ) -> zbus::Result<Arc<Self>> {
        let known = Mutex::new(watched.iter().map(|_| None).collect());
        let mirror = Arc::new(Self { connection: connection.clone(), watched, known });
        let events = mirror.subscribe().await?;
        let task = Arc::clone(&mirror);
        tasks.spawn(async move { task.keep(events).await });
        Ok(mirror)
    }

    /// A property, where there is a provider that has it with this type.
    pub(crate) fn get<T>(&self, place: usize, property: &str) -> Option<T>
    where
        T: for<'a> TryFrom<&'a Variant<'static>>,
    {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let properties = &known.get(place)?.as_ref()?.properties;
        T::try_from(&**properties.get(property)?).ok()
    }

    /// Whether there is a provider.
    pub(crate) fn is_present(&self, place: usize) -> bool {
        self.service(place).is_some()
    }

    /// Sets a property at its provider.
    pub(crate) async fn set(
        &self,
        place: usize,
        property: &str,
        value: Variant<'_>,
    ) -> Result<(), PlatformError> {
        let watched = self.watched.get(place).ok_or(PlatformError::NotPresent)?;
        let service = self.service(place).ok_or(PlatformError::Absent(watched.what))?;
        let body = (watched.interface, property, value);
        call(&self.connection, service, watched.path, "org.freedesktop.DBus.Properties", "Set", &body)
            .await?;
        Ok(())
    }

    fn service(&self, place: usize) -> Option<&'static str> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Some(known.get(place)?.as_ref()?.service)
    }

    async fn subscribe(&self) -> zbus::Result<SelectAll<BoxStream<'static, Event>>> {
        let mut streams = Vec::new();
        for (place, watched) in self.watched.iter().enumerate() {
            let changed = properties_changed(watched)?;
            let changed = MessageStream::for_match_rule(changed, &self.connection, None).await?;
            streams
                .push(changed.filter_map(move |m| ready(m.ok().map(|m| Event::Changed(place, m)))).boxed());
            let added = interfaces_added(watched)?;
            let added = MessageStream::for_match_rule(added, &self.connection, Some(SELDOM)).await?;
            streams.push(added.map(move |_| Event::Appeared(place)).boxed());
            for service in watched.services {
                let owner = owner_changed(service)?;
                let owner = MessageStream::for_match_rule(owner, &self.connection, Some(SELDOM)).await?;
                streams.push(owner.map(move |_| Event::Owner(place)).boxed());
            }
        }
        Ok(select_all(streams))
    }

    async fn keep(&self, mut events: SelectAll<BoxStream<'static, Event>>) {
        let mut aside = VecDeque::new();
        for (place, watched) in self.watched.iter().enumerate() {
            if !set_aside(&mut events, &mut aside, self.fetch(place)).await {
                tracing::info!("{} is not on the bus yet", watched.what);
            }
        }
        loop {
            let event = match aside.pop_front() {
                Some(event) => event,
                None => match events.next().await {
                    Some(event) => event,
                    None => return,
                },
            };
            let place = match event {
                Event::Changed(place, message) if self.merge(place, &message) => continue,
                Event::Changed(place, _) | Event::Appeared(place) | Event::Owner(place) => place,
            };
            set_aside(&mut events, &mut aside, self.refetch(place)).await;
        }
    }

    async fn refetch(&self, place: usize) {
        let before = self.is_present(place);
        let after = self.fetch(place).await;
        if let Some(watched) = self.watched.get(place).filter(|_| before != after) {
            match after {
                true => tracing::info!("{} is on the bus", watched.what),
                false => tracing::warn!("{} left the bus", watched.what),
            }
        }
    }

    /// Reads all properties from the first provider that has them; says whether there is one.
    async fn fetch(&self, place: usize) -> bool {
        let Some(watched) = self.watched.get(place) else { return false };
        let mut found = None;
        for service in watched.services {
            match tokio::time::timeout(FETCH_DEADLINE, self.read(watched, service)).await {
                Ok(Ok(known)) => {
                    found = Some(known);
                    break;
                }
                Ok(Err(PlatformError::Absent(_))) => {}
                Ok(Err(error)) => tracing::warn!("{service} does not tell {}: {error}", watched.what),
                Err(_) => tracing::warn!("{service} does not tell {} in {FETCH_DEADLINE:?}", watched.what),
            }
        }
        let present = found.is_some();
        if let Some(slot) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            *slot = found;
        }
        present
    }

    async fn read(&self, watched: &Watched, service: &'static str) -> Result<Known, PlatformError> {
        let Watched { path, interface, .. } = watched;
        let reply =
            call(&self.connection, service, path, "org.freedesktop.DBus.Properties", "GetAll", interface)
                .await?;
        let owner = reply.header().sender().map(ToString::to_string).unwrap_or_default();
        let properties = reply.body().deserialize().map_err(|error| platform_error(&error))?;
        Ok(Known { service, owner, properties })
    }

    /// Takes over what `PropertiesChanged` says; false where the properties must be read anew.
    fn merge(&self, place: usize, message: &Message) -> bool {
        let body = message.body();
        let Ok((_, changed, invalidated)) =
            body.deserialize::<(String, HashMap<String, OwnedVariant>, Vec<String>)>()
        else {
            return true;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Some(known)) = known.get_mut(place) else { return false };
        if message.header().sender().is_some_and(|sender| sender.as_str() == known.owner) {
            known.properties.extend(changed);
            return invalidated.is_empty();
        }
        true
    }
}

fn properties_changed(watched: &Watched) -> zbus::Result<MatchRule<'static>> {
    Ok(MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .path(watched.path)
        .arg(0, watched.interface)
        .build()?
        .to_owned())
}

fn interfaces_added(watched: &Watched) -> zbus::Result<MatchRule<'static>> {
    Ok(MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.ObjectManager")
        .member("InterfacesAdded")
        .arg_path(0, watched.path)
        .build()?
        .to_owned())
}

/// `NameOwnerChanged` of one bus name.
pub(crate) fn owner_changed(service: &str) -> zbus::Result<MatchRule<'static>> {
    Ok(MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, service)
        .build()?
        .to_owned())
}
