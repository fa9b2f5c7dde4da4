//! What powerd, or OpenBMC's state daemons, say of the host's power.
//!
//! A daemon that is not there says nothing, and what nobody says is not known ([`HostPower`] says what follows). Nothing is polled:
//! the properties are read when their daemon appears and when it says that something changed.

use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::{
    Connection, MatchRule, MessageStream, OwnedVariant,
    fdo::{DBusProxy, PropertiesProxy},
    message::Type,
    names::{BusName, InterfaceName},
};

use bmc_dbus::names::power;

use crate::sensor::power::HostPower;

/// A property that says something of the host, and where in [`HostPower`] it goes.
struct Source {
    service: &'static str,
    path: &'static str,
    interface: &'static str,
    property: &'static str,
    read: fn(&str) -> bool,
    field: fn(&mut HostPower) -> &mut Option<bool>,
}

const SOURCES: [Source; 3] = [
    Source {
        service: power::HOST_SERVICE,
        path: power::HOST_PATH,
        interface: power::HOST,
        property: "CurrentHostState",
        read: |state| state.ends_with(".Running"),
        field: |power| &mut power.running,
    },
    Source {
        service: power::CHASSIS_SERVICE,
        path: power::CHASSIS_PATH,
        interface: power::CHASSIS,
        property: "CurrentPowerState",
        read: |state| state.ends_with(".On"),
        field: |power| &mut power.chassis_on,
    },
    Source {
        service: power::OS_SERVICE,
        // The host's own object, as x86-power-control has it.
        path: power::HOST_PATH,
        interface: "xyz.openbmc_project.State.OperatingSystem.Status",
        property: "OperatingSystemState",
        read: |state| !state.ends_with("Inactive"),
        field: |power| &mut power.posted,
    },
];

/// Keeps `host` up to date until the connection ends or the future is dropped.
pub(crate) async fn watch(connection: &Connection, host: &watch::Sender<HostPower>) -> zbus::Result<()> {
    let [a, b, c] = SOURCES.each_ref().map(|source| follow(connection, source, host));
    tokio::try_join!(a, b, c)?;
    Ok(())
}

async fn follow(
    connection: &Connection,
    source: &Source,
    host: &watch::Sender<HostPower>,
) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .path(source.path)
        .build()?;
    let mut changes = MessageStream::for_match_rule(rule, connection, None).await?;
    let bus = DBusProxy::new(connection).await?;
    let mut owners = bus.receive_name_owner_changed_with_args(&[(0, source.service)]).await?;
    loop {
        let state = read(connection, source).await;
        let known = state.map(|state| (source.read)(&state));
        host.send_if_modified(|power| {
            let field = (source.field)(power);
            let modified = *field != known;
            *field = known;
            modified
        });
        let more = tokio::select! {
            change = changes.next() => change.is_some(),
            owner = owners.next() => owner.is_some(),
        };
        if !more {
            return Ok(());
        }
    }
}

/// The property's text; `None` where nobody serves it.
async fn read(connection: &Connection, source: &Source) -> Option<String> {
    // Asking would start an activatable service, and this is no reason to start one.
    let name = BusName::try_from(source.service).ok()?;
    let bus = DBusProxy::new(connection).await.ok()?;
    if !bus.name_has_owner(name).await.ok()? {
        return None;
    }
    let properties = PropertiesProxy::builder(connection).destination(source.service).path(source.path);
    let properties = properties.build().await.ok()?;
    let interface = InterfaceName::try_from(source.interface).ok()?;
    let value: OwnedVariant = properties.get(interface, source.property).await.ok()?;
    String::try_from(value).ok()
}
