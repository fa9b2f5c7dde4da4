//! Who provides objects below a path, and what becomes of them.
//!
//! OpenBMC's ObjectMapper knows the providers where it runs. Without it every name of OpenBMC is asked for its objects: a name
//! that has none there answers with an error and is passed over. [`Follow`] then keeps up by signals alone: also by those of names
//! that the mapper did not tell of, for a service may publish its objects long after it has its name.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant,
    fdo::{DBusProxy, ManagedObjects},
    message::Sequence,
};

use crate::{error_reply, names::OPENBMC};

/// Properties of an interface, by name.
pub type Properties = HashMap<String, OwnedVariant>;
/// Properties of an object, by interface.
pub type Interfaces = HashMap<String, Properties>;

/// The ObjectMapper's bus name and interface.
const MAPPER: &str = "xyz.openbmc_project.ObjectMapper";
const MAPPER_PATH: &str = "/xyz/openbmc_project/object_mapper";
/// How long a provider may take to list its objects, and how long until it is asked again where it did not.
const LOAD_LIMIT: Duration = Duration::from_secs(10);
/// Signals that may wait; beyond that the bus connection waits for us. A ring of the bus library's touches each of its places in turn,
/// so that a deep one looks like a leak until it has come round, and is memory that nothing needs.
const QUEUE: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Signals that are held while a provider's listing is on its way: those of a thousand sensors, twice.
const HELD: usize = 2048;
/// How long until a provider is asked again that told more than that meanwhile.
const LIST_AGAIN: Duration = Duration::from_millis(500);

/// What became of the providers and their objects.
#[derive(Debug)]
pub enum Event {
    /// A provider is there with these objects, and no others of its own.
    Loaded {
        /// Its bus name.
        provider: Arc<str>,
        /// Its objects below the root.
        objects: HashMap<String, Interfaces>,
    },
    /// A provider left the bus.
    Gone {
        /// Its bus name.
        provider: Arc<str>,
    },
    /// Interfaces appeared.
    Added {
        /// The bus name of who has them.
        provider: Arc<str>,
        /// The object.
        path: String,
        /// The interfaces.
        interfaces: Interfaces,
    },
    /// Interfaces disappeared.
    Removed {
        /// The bus name of who had them.
        provider: Arc<str>,
        /// The object.
        path: String,
        /// The interfaces.
        interfaces: Vec<String>,
    },
    /// Properties changed.
    Changed {
        /// The bus name of who has them.
        provider: Arc<str>,
        /// The object.
        path: String,
        /// The interface.
        interface: String,
        /// The new values.
        properties: Properties,
    },
}

/// A provider's listing, on its way.
type Load = Pin<Box<dyn Future<Output = (Arc<str>, String, zbus::Result<Listing>)> + Send>>;
type Listing = (HashMap<String, Interfaces>, Sequence);

/// A connection on the bus that has names of OpenBMC.
#[derive(Debug)]
struct Owner {
    provider: Arc<str>,
    known: Known,
}

/// Connections that have names of OpenBMC, as names and owners.
#[derive(Debug)]
struct Owners {
    /// Those that may have objects already.
    listed: Vec<(String, String)>,
    /// All, where the mapper says that the others have none yet.
    unasked: Vec<(String, String)>,
}

/// What came while the owners were found. Nobody has been listed by then, and a listing has what was told before it.
#[derive(Debug, Default)]
struct Meanwhile {
    names: Vec<Message>,
    /// Who added objects, which the mapper need not have known of.
    added: HashSet<String>,
}

impl Meanwhile {
    fn heard(&mut self, signal: &Message) {
        let header = signal.header();
        if header.member().is_some_and(|member| member == "InterfacesAdded")
            && let Some(sender) = header.sender()
        {
            self.added.insert(sender.to_string());
        }
    }
}

/// How far its objects are known.
#[derive(Debug)]
enum Known {
    /// It had none when the mapper was asked: it is asked itself once it adds some.
    Unasked,
    /// Its listing is on the way, and these signals came meanwhile. A change that came before the listing need not be in it: who
    /// provides the objects lists them first and sends the list when its connection is free, and signals may pass in between. So
    /// changes are told after the listing, in their order; what is in it already, they say once more.
    Awaited(Vec<(Sequence, Event)>),
    /// Those of its listing, and what signals told since.
    Listed,
}

/// All objects below a root, whoever provides them, from the first listing on.
pub struct Follow {
    connection: Connection,
    root: String,
    signals: MessageStream,
    names: MessageStream,
    loads: FuturesUnordered<Load>,
    owners: HashMap<String, Owner>,
    ready: VecDeque<Event>,
}

impl Follow {
    /// Subscribes, then asks the providers of `interface` below `root`.
    ///
    /// # Errors
    /// Where the bus is not there.
    pub async fn start(connection: &Connection, root: &str, interface: &str) -> zbus::Result<Self> {
        let signal = || MatchRule::builder().msg_type(zbus::message::Type::Signal);
        let below = signal().path_namespace(root).build()?;
        let owners = signal()
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg0ns(OPENBMC)
            .build()?;
        let mut follow = Self {
            connection: connection.clone(),
            root: root.to_owned(),
            signals: MessageStream::for_match_rule(below, connection, Some(QUEUE)).await?,
            names: MessageStream::for_match_rule(owners, connection, Some(QUEUE)).await?,
            loads: FuturesUnordered::new(),
            owners: HashMap::new(),
            ready: VecDeque::new(),
        };
        let (all, meanwhile) = follow.find(interface).await?;
        for (name, owner) in all.listed {
            follow.load(name.into(), owner, Duration::ZERO);
        }
        for (name, owner) in all.unasked {
            if meanwhile.added.contains(&owner) {
                follow.load(name.into(), owner, Duration::ZERO);
            } else if !follow.is_own(&owner) {
                follow.owners.entry(owner).or_insert(Owner { provider: name.into(), known: Known::Unasked });
            }
        }
        meanwhile.names.iter().for_each(|message| follow.owner_changed(message));
        Ok(follow)
    }

    /// Finds who is there, and takes the signals that come meanwhile: once their queue is full, no answer comes through either.
    async fn find(&mut self, interface: &str) -> zbus::Result<(Owners, Meanwhile)> {
        let (connection, root) = (self.connection.clone(), self.root.clone());
        let finding = owners(&connection, &root, interface);
        tokio::pin!(finding);
        let mut meanwhile = Meanwhile::default();
        loop {
            tokio::select! {
                biased;
                found = &mut finding => return Ok((found?, meanwhile)),
                Some(message) = self.names.next() => meanwhile.names.extend(message.ok()),
                Some(message) = self.signals.next() => meanwhile.heard(&message?),
            }
        }
    }

    /// What happens next; `None` once the connection is closed.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                biased;
                message = self.names.next() => self.owner_changed(&message?.ok()?),
                // Before the listings: what came before one must be held when it is taken.
                message = self.signals.next() => self.signal(&message?.ok()?),
                Some((provider, owner, listing)) = self.loads.next() => self.loaded(provider, owner, listing),
            }
        }
    }

    fn is_own(&self, owner: &str) -> bool {
        self.connection.unique_name().is_some_and(|own| own.as_str() == owner)
    }

    fn load(&mut self, provider: Arc<str>, owner: String, delay: Duration) {
        if self.is_own(&owner) {
            return;
        }
        // A connection with several names has one set of objects: the first name stands for it.
        let entry = self.owners.entry(owner.clone()).or_insert(Owner { provider, known: Known::Unasked });
        if !matches!(entry.known, Known::Awaited(_)) {
            entry.known = Known::Awaited(Vec::new());
            let provider = entry.provider.clone();
            let (connection, root) = (self.connection.clone(), self.root.clone());
            self.loads.push(
                async move {
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    let listing = managed_objects(&connection, &owner, &root).await;
                    (provider, owner, listing)
                }
                .boxed(),
            );
        }
    }

    fn loaded(&mut self, provider: Arc<str>, owner: String, listing: zbus::Result<Listing>) {
        let Some(entry) = self.owners.get_mut(&owner) else { return };
        let Known::Awaited(held) = std::mem::replace(&mut entry.known, Known::Listed) else { return };
        match listing {
            Ok(_) if held.len() > HELD => {
                tracing::debug!("{provider} tells more than can be held; it is asked again");
                self.load(provider, owner, LIST_AGAIN);
            }
            Ok((objects, position)) => {
                // An object that is in the list was added before the list was made, which has it as it became since.
                let is_listed = |at: Sequence, event: &Event| {
                    at < position && matches!(event, Event::Added { path, .. } if objects.contains_key(path))
                };
                let held: Vec<_> = held.into_iter().filter(|(at, event)| !is_listed(*at, event)).collect();
                self.ready.push_back(Event::Loaded { provider, objects });
                self.ready.extend(held.into_iter().map(|(_, event)| event));
            }
            // It has no objects there, which is what most names answer.
            Err(error) if error_reply(&error).is_some() => {
                self.ready.extend(held.into_iter().map(|(_, event)| event));
            }
            Err(error) => {
                tracing::warn!("{provider} does not list its objects below {}: {error}", self.root);
                self.load(provider, owner, LOAD_LIMIT);
            }
        }
    }

    fn owner_changed(&mut self, message: &Message) {
        let Ok((name, old, new)) = message.body().deserialize::<(String, String, String)>() else { return };
        if !old.is_empty()
            && self.owners.get(&old).is_some_and(|owner| *owner.provider == *name)
            && let Some(owner) = self.owners.remove(&old)
            && !matches!(owner.known, Known::Unasked)
        {
            self.ready.push_back(Event::Gone { provider: owner.provider });
        }
        if !new.is_empty() {
            self.load(name.into(), new, Duration::ZERO);
        }
    }

    fn signal(&mut self, message: &Message) {
        let header = message.header();
        let Some(sender) = header.sender() else { return };
        let Some(owner) = self.owners.get_mut(sender.as_str()) else { return };
        let provider = owner.provider.clone();
        let Some(event) = parse(message, &provider) else { return };
        if matches!((&owner.known, &event), (Known::Unasked, Event::Added { .. })) {
            // The signal has the interfaces that are new, and the listing the object's others.
            self.load(provider, sender.to_string(), Duration::ZERO);
        }
        match self.owners.get_mut(sender.as_str()).map(|owner| &mut owner.known) {
            // One more than may be held says that some were not.
            Some(Known::Awaited(held)) if held.len() <= HELD => held.push((message.recv_position(), event)),
            Some(Known::Listed) => self.ready.push_back(event),
            Some(Known::Awaited(_) | Known::Unasked) | None => {}
        }
    }
}

fn parse(message: &Message, provider: &Arc<str>) -> Option<Event> {
    let (header, body, provider) = (message.header(), message.body(), provider.clone());
    match (header.interface()?.as_str(), header.member()?.as_str()) {
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            let (interface, properties, _) = body.deserialize::<(String, Properties, Vec<String>)>().ok()?;
            Some(Event::Changed { provider, path: header.path()?.to_string(), interface, properties })
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded") => {
            let (path, interfaces) = body.deserialize::<(OwnedObjectPath, Interfaces)>().ok()?;
            Some(Event::Added { provider, path: path.to_string(), interfaces })
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") => {
            let (path, interfaces) = body.deserialize::<(OwnedObjectPath, Vec<String>)>().ok()?;
            Some(Event::Removed { provider, path: path.to_string(), interfaces })
        }
        _ => None,
    }
}

/// Who may have objects with `interface` below `root`: bus names and their owners.
///
/// # Errors
/// Where the bus is not there.
pub async fn providers(
    connection: &Connection,
    root: &str,
    interface: &str,
) -> zbus::Result<Vec<(String, String)>> {
    let bus = DBusProxy::new(connection).await?;
    let names = match mapped(connection, root, interface).await {
        Some(names) => names,
        None => openbmc_names(&bus).await?,
    };
    Ok(with_owners(&bus, names).await)
}

/// Whom to ask for their objects.
async fn owners(connection: &Connection, root: &str, interface: &str) -> zbus::Result<Owners> {
    let bus = DBusProxy::new(connection).await?;
    let mapped = mapped(connection, root, interface).await;
    let all = with_owners(&bus, openbmc_names(&bus).await?).await;
    Ok(match mapped {
        Some(names) => Owners { listed: with_owners(&bus, names).await, unasked: all },
        None => Owners { listed: all, unasked: Vec::new() },
    })
}

/// Names of OpenBMC that somebody has.
async fn openbmc_names(bus: &DBusProxy<'_>) -> zbus::Result<Vec<String>> {
    let all = bus.list_names().await?;
    Ok(all.iter().map(ToString::to_string).filter(|name| is_openbmc(name)).collect())
}

/// The same with their owners. One that left meanwhile has none any more.
async fn with_owners(bus: &DBusProxy<'_>, names: Vec<String>) -> Vec<(String, String)> {
    let mut owners = Vec::with_capacity(names.len());
    for name in names {
        let Ok(bus_name) = name.as_str().try_into() else { continue };
        if let Ok(owner) = bus.get_name_owner(bus_name).await {
            owners.push((name, owner.to_string()));
        }
    }
    owners
}

fn is_openbmc(name: &str) -> bool {
    name.strip_prefix(OPENBMC).is_some_and(|rest| rest.starts_with('.'))
}

/// The names that the ObjectMapper has; `None` without a mapper.
async fn mapped(connection: &Connection, root: &str, interface: &str) -> Option<Vec<String>> {
    type SubTree = HashMap<String, HashMap<String, Vec<String>>>;
    let arguments = (root, 0_i32, vec![interface]);
    let call = connection.call_method(Some(MAPPER), MAPPER_PATH, Some(MAPPER), "GetSubTree", &arguments);
    let tree = match tokio::time::timeout(LOAD_LIMIT, call.boxed()).await {
        Ok(Ok(reply)) => reply.body().deserialize::<SubTree>().ok()?,
        // "ResourceNotFound": the mapper is there, and nobody has such an object yet.
        Ok(Err(error)) if error_reply(&error).is_some_and(|(name, _)| name.ends_with("ResourceNotFound")) => {
            SubTree::new()
        }
        _ => return None,
    };
    let mut names: Vec<String> = tree.into_values().flat_map(HashMap::into_keys).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// All objects that `owner` has below `root`, and where in the stream of messages the listing stood.
///
/// # Errors
/// Where it does not list objects there, or not in time.
pub async fn managed_objects(connection: &Connection, owner: &str, root: &str) -> zbus::Result<Listing> {
    let call = connection.call_method(
        Some(owner),
        root,
        Some("org.freedesktop.DBus.ObjectManager"),
        "GetManagedObjects",
        &(),
    );
    let reply = tokio::time::timeout(LOAD_LIMIT, call.boxed())
        .await
        .map_err(|_| zbus::Error::InputOutput(Arc::new(std::io::ErrorKind::TimedOut.into())))??;
    let objects = reply.body().deserialize::<ManagedObjects>()?;
    let objects = objects.into_iter().map(|(path, interfaces)| {
        let by_name = interfaces.into_iter().map(|(name, properties)| (name.to_string(), properties));
        (path.to_string(), by_name.collect())
    });
    Ok((objects.collect(), reply.recv_position()))
}

#[cfg(test)]
mod tests;
