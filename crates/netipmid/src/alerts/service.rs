//! Alerts on the bus.

use std::{net::Ipv4Addr, sync::Arc};

use bmc_dbus::{
    Serve as _,
    alerts::{Destination as Listed, Trap},
    names::ipmi,
};
use zbus::{Connection, fdo};

use super::{
    configuration::{DESTINATIONS, Destination, Refused},
    sending,
};
use crate::channel::LanChannel;

/// Serves the alerts of a channel.
pub(crate) async fn publish(connection: &Connection, channel: &Arc<LanChannel>) -> zbus::Result<()> {
    let path = ipmi::channel_path(&channel.name);
    connection.object_server().serve(&path, Alerts(Arc::clone(channel))).await?;
    Ok(())
}

/// `org.ferrite.Ipmi.Alerts`.
struct Alerts(Arc<LanChannel>);

impl From<Refused> for fdo::Error {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Storage(_) => Self::IOError(text),
            Refused::NoDestination(_) | Refused::Retries(_) | Refused::Community => Self::InvalidArgs(text),
        }
    }
}

#[zbus::interface(name = "org.ferrite.Ipmi.Alerts")]
impl Alerts {
    async fn send(&self, destination: u8, trap: Trap) -> fdo::Result<bool> {
        let destination = self.0.alerts.configuration.destination(destination)?;
        let sent = sending::send(&self.0, &destination, &trap).await;
        sent.map_err(|error| fdo::Error::InvalidArgs(format!("{error:#}")))
    }

    fn acknowledge(&self, sequence: u16, timestamp: u32) -> bool {
        self.0.alerts.acknowledge(sequence, timestamp)
    }

    fn destination(&self, number: u8) -> fdo::Result<Listed> {
        let destination = self.0.alerts.configuration.destination(number)?;
        Ok(Listed {
            acknowledged: destination.acknowledged,
            interval: destination.interval,
            retries: destination.retries,
            backup_gateway: destination.backup_gateway,
            address: destination.address.to_string(),
            mac: destination.mac.to_vec(),
        })
    }

    fn set_destination(&self, number: u8, destination: Listed) -> fdo::Result<()> {
        let wrong = |what: &str| fdo::Error::InvalidArgs(what.to_owned());
        let address =
            destination.address.parse::<Ipv4Addr>().map_err(|_| wrong("address: no IPv4 address"))?;
        let mac = destination.mac.try_into().map_err(|_| wrong("hardware address: not six bytes"))?;
        let destination = Destination {
            acknowledged: destination.acknowledged,
            interval: destination.interval,
            retries: destination.retries,
            backup_gateway: destination.backup_gateway,
            address,
            mac,
        };
        Ok(self.0.alerts.configuration.set_destination(number, destination)?)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn destinations(&self) -> u8 {
        DESTINATIONS
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn community(&self) -> String {
        self.0.alerts.configuration.community()
    }

    #[zbus(property)]
    fn set_community(&self, community: String) -> fdo::Result<()> {
        Ok(self.0.alerts.configuration.set_community(&community)?)
    }
}
