//! Serial over LAN from the owners of the LAN channels: Ferrite's netipmid, or OpenBMC's with its settings daemon.

use std::collections::HashMap;

use bmc_dbus::names::ipmi as names;
use futures_util::FutureExt as _;
use ipmi_wire::command::sol_configuration::{BitRate, Progress, SolParameter};
use zbus::{Connection, OwnedVariant, Variant, as_variant};

use super::{call, is_unknown, platform_error};
use crate::platform::{
    Pending, PlatformError,
    sol::{Configuration, ListedPayload, Sol},
};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Where OpenBMC keeps the configuration that its netipmid reads.
const SETTINGS: &str = "xyz.openbmc_project.Settings";

type Properties = HashMap<String, OwnedVariant>;

/// [`Sol`] that asks the channel's owner when asked.
pub(super) struct DbusSol(Connection);

impl DbusSol {
    pub(super) fn new(connection: &Connection) -> Self {
        Self(connection.clone())
    }

    async fn all(&self, service: &str, path: &str, interface: &str) -> Result<Properties, PlatformError> {
        let reply = call(&self.0, service, path, PROPERTIES, "GetAll", &interface).await?;
        reply.body().deserialize().map_err(|error| platform_error(&error))
    }

    /// Writes a property, where there is such an object: at the channel's owner, or in the settings of OpenBMC.
    async fn write(
        &self,
        name: &str,
        (interface, property): (&str, &str),
        value: &Variant<'_>,
    ) -> Result<(), PlatformError> {
        let (path, body) = (names::sol_path(name), (interface, property, value));
        let owner = service(name);
        let write = async |service: &str| {
            let answer = self.0.call_method(Some(service), path.as_str(), Some(PROPERTIES), "Set", &body);
            answer.boxed().await.map(drop)
        };
        match write(&owner).await {
            Err(error) if is_unknown(&error) => write(SETTINGS).await,
            result => result,
        }
        .map_err(|error| platform_error(&error))
    }
}

fn service(name: &str) -> String {
    format!("{}{name}", names::CHANNEL_PREFIX)
}

fn configuration(stock: &Properties, more: &Properties) -> Configuration {
    let byte = |name: &str, default| stock.get(name).and_then(|v| u8::try_from(v).ok()).unwrap_or(default);
    let flag = |name: &str, default| stock.get(name).and_then(|v| bool::try_from(v).ok()).unwrap_or(default);
    let rate = |name: &str| more.get(name).and_then(|v| u64::try_from(v).ok()).unwrap_or(0);
    let consoles = more.get("Consoles").and_then(|v| Vec::<String>::try_from(v.try_clone().ok()?).ok());
    let default = Configuration::default();
    Configuration {
        in_progress: byte("Progress", 0) == 1,
        enable: flag("Enable", default.enable),
        force_encryption: flag("ForceEncryption", default.force_encryption),
        force_authentication: flag("ForceAuthentication", default.force_authentication),
        privilege: byte("Privilege", default.privilege),
        accumulate_interval: byte("AccumulateIntervalMS", default.accumulate_interval),
        threshold: byte("Threshold", default.threshold),
        retry_count: byte("RetryCount", default.retry_count),
        retry_interval: byte("RetryIntervalMS", default.retry_interval),
        bit_rate: rate("BitRate"),
        volatile_bit_rate: rate("VolatileBitRate"),
        consoles: consoles.map_or(default.consoles, |consoles| consoles.len()),
        port: more.get("PayloadPort").and_then(|v| u16::try_from(v).ok()).unwrap_or(default.port),
    }
}

/// The properties that a parameter is written to, with their values.
fn properties(parameter: SolParameter) -> Vec<(&'static str, &'static str, Variant<'static>)> {
    use SolParameter as P;
    let stock = |name, value: Variant<'static>| (names::SOL, name, value);
    let rate = |name, rate| {
        let baud = if let BitRate::Baud(baud) = rate { u64::from(baud) } else { 0 };
        (names::SOL_MORE, name, baud.into())
    };
    match parameter {
        P::SetInProgress(progress) => {
            vec![stock("Progress", u8::from(progress == Progress::InProgress).into())]
        }
        P::Enable(enable) => vec![stock("Enable", enable.into())],
        P::Authentication { force_encryption, force_authentication, privilege } => vec![
            stock("ForceEncryption", force_encryption.into()),
            stock("ForceAuthentication", force_authentication.into()),
            stock("Privilege", privilege.into()),
        ],
        P::Accumulate { interval, threshold } => {
            vec![stock("AccumulateIntervalMS", interval.into()), stock("Threshold", threshold.into())]
        }
        P::Retry { count, interval } => {
            vec![stock("RetryCount", count.into()), stock("RetryIntervalMS", interval.into())]
        }
        P::NonVolatileBitRate(value) => vec![rate("BitRate", value)],
        P::VolatileBitRate(value) => vec![rate("VolatileBitRate", value)],
        P::PayloadChannel(_) | P::PayloadPort(_) => Vec::new(),
    }
}

impl Sol for DbusSol {
    fn configuration<'a>(&'a self, name: &'a str) -> Pending<'a, Configuration> {
        Box::pin(async move {
            let (path, owner) = (names::sol_path(name), service(name));
            let stock = match self.all(&owner, &path, names::SOL).await {
                Err(PlatformError::Absent(_)) => self.all(SETTINGS, &path, names::SOL).await?,
                result => result?,
            };
            // Of OpenBMC's netipmid there is nothing more.
            let more = self.all(&owner, &path, names::SOL_MORE).await.unwrap_or_default();
            Ok(configuration(&stock, &more))
        })
    }

    fn set<'a>(&'a self, name: &'a str, parameter: SolParameter) -> Pending<'a, ()> {
        Box::pin(async move {
            for (interface, property, value) in properties(parameter) {
                self.write(name, (interface, property), &value).await?;
            }
            Ok(())
        })
    }

    fn payloads<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<ListedPayload>> {
        Box::pin(async move {
            let body = (names::LAN_CHANNEL, "Payloads");
            let path = names::channel_path(name);
            let reply = call(&self.0, &service(name), &path, PROPERTIES, "Get", &body).await?;
            let body = reply.body();
            let value: as_variant::Deserialize<'_, Vec<ListedPayload>> =
                body.deserialize().map_err(|error| platform_error(&error))?;
            Ok(value.0)
        })
    }

    fn deactivate<'a>(&'a self, name: &'a str, payload_type: u8, instance: u8) -> Pending<'a, ()> {
        Box::pin(async move {
            let body = (payload_type, instance);
            let path = names::channel_path(name);
            call(&self.0, &service(name), &path, names::LAN_CHANNEL, "DeactivatePayload", &body).await?;
            Ok(())
        })
    }
}
