//! Asking the bus, and saying who was not there.

use std::collections::{BTreeMap, HashMap};

use bmc_dbus::names::{console, ipmi, network, power, sel, sensors, users};
use futures_util::FutureExt as _;
use zbus::{Connection, DBusError as _, OwnedVariant, Variant, fdo};

use super::Failure;

/// A daemon as an operator knows it, and its bus name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    pub(super) daemon: &'static str,
    pub(super) unit: &'static str,
    pub(super) name: &'static str,
}

pub(super) const SENSORD: Service = service("sensord", "sensord.service", sensors::SERVICE);
pub(super) const POWERD_HOST: Service = service("powerd", "powerd.service", power::HOST_SERVICE);
pub(super) const POWERD_CHASSIS: Service = service("powerd", "powerd.service", power::CHASSIS_SERVICE);
pub(super) const IPMID: Service = service("ipmid", "ipmid.service", ipmi::SERVICE);
pub(super) const SELD: Service = service("seld", "seld.service", sel::SERVICE);
pub(super) const USERD: Service = service("userd", "userd.service", users::SERVICE);
/// Its names are those of its channels.
pub(super) const NETIPMID: Service = service("netipmid", "'netipmid@*'", ipmi::CHANNEL_PREFIX);
/// Its names are those of its consoles.
pub(super) const CONSOLED: Service = service("consoled", "'consoled@*'", console::SERVICE_PREFIX);

/// One row of `status` each; netipmid's rows are its channels.
pub(super) const SINGLE: [Service; 6] =
    [IPMID, SENSORD, POWERD_CHASSIS, SELD, USERD, service("networkd", "networkd.service", network::SERVICE)];

const fn service(daemon: &'static str, unit: &'static str, name: &'static str) -> Service {
    Service { daemon, unit, name }
}

impl Service {
    /// That it is not there.
    pub(super) fn missing(self) -> Failure {
        Failure::Missing { daemon: self.daemon, unit: self.unit }
    }

    /// What a call to it failed with.
    pub(super) fn failure(self, error: zbus::Error) -> Failure {
        if is_absence(&error) {
            self.missing()
        } else {
            Failure::Failed(format!("{}: {}", self.daemon, reason(&error)))
        }
    }
}

/// Whether nobody owns the name that was called.
pub(super) fn is_absence(error: &zbus::Error) -> bool {
    const ABSENT: [&str; 2] =
        ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];
    match error {
        zbus::Error::MethodError(name, ..) => ABSENT.contains(&name.as_str()),
        zbus::Error::FDO(error) => match &**error {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => true,
            fdo::Error::ZBus(inner) => is_absence(inner),
            _ => false,
        },
        _ => false,
    }
}

/// What the daemon itself said, where it said something.
fn reason(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(text), _) => text.clone(),
        zbus::Error::FDO(inner) => match &**inner {
            fdo::Error::ZBus(inner) => reason(inner),
            other => other.description().map_or_else(|| other.to_string(), str::to_owned),
        },
        other => other.to_string(),
    }
}

/// The system bus.
pub(super) async fn connect() -> Result<Connection, Failure> {
    Connection::system().await.map_err(Failure::NoBus)
}

/// An object's properties, whatever interface they stand on: OpenBMC gives none of those that are read here twice.
#[derive(Debug, Default)]
pub(super) struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    /// A number, of whatever width.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match **self.0.get(name)? {
            Variant::U8(n) => Some(n.into()),
            Variant::U16(n) => Some(n.into()),
            Variant::U32(n) => Some(n.into()),
            Variant::U64(n) => Some(n),
            _ => None,
        }
    }

    pub(super) fn float(&self, name: &str) -> Option<f64> {
        if let Variant::F64(value) = **self.0.get(name)? { Some(value) } else { None }
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        if let Variant::Bool(value) = **self.0.get(name)? { Some(value) } else { None }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        if let Variant::Str(value) = &**self.0.get(name)? { Some(value.to_string()) } else { None }
    }

    /// The last word of an enumeration (`xyz….Unit.Volts`).
    pub(super) fn word(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| last_word(&text))
    }

    /// From D-Bus' own form, one interface after the other.
    pub(super) fn new(interfaces: impl IntoIterator<Item = HashMap<String, OwnedVariant>>) -> Self {
        Self(interfaces.into_iter().flatten().collect())
    }
}

/// What follows the last dot.
pub(super) fn last_word(text: &str) -> String {
    text.rsplit('.').next().unwrap_or_default().to_owned()
}

/// All objects of `name` below `root` that carry `interface`.
pub(super) async fn objects(
    connection: &Connection,
    name: &str,
    root: &str,
    interface: &str,
) -> zbus::Result<BTreeMap<String, Properties>> {
    let manager = fdo::ObjectManagerProxy::new(connection, name, root).boxed().await?;
    let objects = manager.get_managed_objects().boxed().await?;
    let wanted = objects
        .into_iter()
        .filter(|(_, interfaces)| interfaces.keys().any(|name| name.as_str() == interface));
    Ok(wanted
        .map(|(path, interfaces)| (path.to_string(), Properties::new(interfaces.into_values())))
        .collect())
}

/// The names of all channels that somebody owns, without the prefix.
pub(super) async fn channels(connection: &Connection) -> Result<Vec<String>, Failure> {
    owned_below(connection, ipmi::CHANNEL_PREFIX).await
}

/// The ids of all consoles that somebody serves.
pub(super) async fn consoles(connection: &Connection) -> Result<Vec<String>, Failure> {
    owned_below(connection, console::SERVICE_PREFIX).await
}

/// What follows `prefix` in the names that somebody owns.
async fn owned_below(connection: &Connection, prefix: &str) -> Result<Vec<String>, Failure> {
    let names = async { Ok(fdo::DBusProxy::new(connection).boxed().await?.list_names().boxed().await?) };
    let names: Vec<_> = names.await.map_err(Failure::NoBus)?;
    let below = names.iter().filter_map(|name| name.as_str().strip_prefix(prefix));
    let mut below: Vec<String> = below.map(str::to_owned).collect();
    below.sort();
    Ok(below)
}
