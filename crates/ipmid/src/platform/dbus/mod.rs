//! The seams over D-Bus. What is read often is mirrored and kept by signals; what is read seldom is asked for.

mod host;
mod lan;
mod mirror;
mod power;
mod sessions;
mod sol;
mod users;

use std::sync::Arc;

use bmc_daemon::{ChannelTable, Tasks};
use bmc_dbus::{error_reply, is_absence};
use bmc_hw::i2c::LinuxI2c;
use futures_util::FutureExt as _;
use zbus::{Connection, Message};

use super::{
    Platform, PlatformError, alerts::DbusAlerts, boot::DbusBootOptions, event_filter::DbusEventFilter,
    event_log::DbusEventLog, i2c::Transfers, ipmb::DbusIpmb, watchdog::DbusWatchdog,
};
use crate::sensors::DbusSensors;

/// The platform behind `connection`. `sensors` outlives it and follows it from now on. The tasks that keep its mirrors live in `tasks` and end with it.
///
/// # Errors
/// Where the bus takes no subscription.
pub async fn connect(
    connection: &Connection,
    channels: &Arc<ChannelTable>,
    sensors: &DbusSensors,
    tasks: &mut Tasks,
) -> zbus::Result<Platform> {
    let (follower, followed) = (sensors.clone(), connection.clone());
    tasks.spawn(async move {
        if let Err(error) = follower.follow(&followed).await {
            tracing::warn!("sensors are not followed: {error}");
        }
    });
    Ok(Platform {
        power: Arc::new(power::DbusPower::start(connection, tasks).await?),
        boot_options: Arc::new(DbusBootOptions::new(connection.clone())),
        watchdog: Arc::new(DbusWatchdog::new(connection.clone())),
        users: Arc::new(users::DbusUsers::start(connection, tasks).await?),
        lan: Arc::new(lan::DbusLan::start(connection, tasks).await?),
        sessions: Arc::new(sessions::DbusSessions::new(connection, channels)),
        alerts: Arc::new(DbusAlerts::new(connection.clone())),
        event_filter: Arc::new(DbusEventFilter::new(connection.clone())),
        sol: Arc::new(sol::DbusSol::new(connection)),
        sensors: Arc::new(sensors.clone()),
        event_log: Arc::new(DbusEventLog::start(connection, tasks).await?),
        inventory: Arc::clone(sensors.inventory()),
        host: Arc::new(host::DbusHost::start(connection, tasks).await?),
        ipmb: Arc::new(DbusIpmb::new(connection)),
        i2c: Transfers::new(Arc::new(LinuxI2c)),
    })
}

/// Calls a method, with the error that handlers understand.
async fn call<B>(
    connection: &Connection,
    service: &str,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> Result<Message, PlatformError>
where
    B: serde::Serialize + zbus::DynamicType + Sync,
{
    connection
        .call_method(Some(service), path, Some(interface), method, body)
        .boxed()
        .await
        .map_err(|error| platform_error(&error))
}

/// Standard errors of a service that has no such object, or not yet.
pub(crate) const NO_OBJECT: [&str; 2] =
    ["org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownInterface"];

/// Whether the callee is there but knows no such object, interface or method. sd-bus answers the last for an interface too.
fn is_unknown(error: &zbus::Error) -> bool {
    const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
    error_reply(error).is_some_and(|(name, _)| name == UNKNOWN_METHOD || NO_OBJECT.contains(&name.as_str()))
}

/// What an error of the bus or of a provider means to a handler.
pub(crate) fn platform_error(error: &zbus::Error) -> PlatformError {
    let Some((name, text)) = error_reply(error) else { return PlatformError::Failed(error.to_string()) };
    match name.as_str() {
        "org.ferrite.Error.NotPresent" => PlatformError::NotPresent,
        "org.ferrite.Error.Full" => PlatformError::Full,
        "org.ferrite.Error.Busy" => PlatformError::Busy,
        "org.ferrite.Error.ReadOnly" => PlatformError::WriteProtected,
        "org.ferrite.Error.InvalidValue" => PlatformError::Invalid(text),
        absent if is_absence(absent) || NO_OBJECT.contains(&absent) => PlatformError::Absent("the provider"),
        _ => PlatformError::Refused(if text.is_empty() { name } else { text }),
    }
}

/// The value of an enumeration: what follows the last dot of `xyz.openbmc_project.X.Enum.Value`.
fn variant_of(text: &str) -> &str {
    text.rsplit('.').next().unwrap_or(text)
}
