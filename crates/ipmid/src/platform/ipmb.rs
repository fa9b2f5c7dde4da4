//! Controllers on an IPMB.

use bmc_daemon::Channel;
use bmc_dbus::names::ipmi;
use futures_util::FutureExt as _;
use zbus::Connection;

use super::{Pending, dbus::platform_error};

/// The seam to OpenBMC's ipmbbridge.
pub trait Ipmb: Send + Sync {
    /// Sends a request to the device that the bridge has under `device` of this channel, and waits for its response.
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        device: u8,
        request: IpmbRequest<'a>,
    ) -> Pending<'a, IpmbAnswer>;
}

/// A request, without the addresses and checksums, which are the bridge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpmbRequest<'a> {
    /// Network function.
    pub net_fn: u8,
    /// Logical unit of the device.
    pub lun: u8,
    /// Command.
    pub command: u8,
    /// Data.
    pub data: &'a [u8],
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpmbAnswer {
    /// The device's response: completion code, then data.
    Response(Vec<u8>),
    /// The bus does not work.
    BusError,
    /// The bridge has too much to do.
    Busy,
    /// The device did not answer.
    Silence,
}

/// `org.openbmc.Ipmb`, which is not ours.
const IPMB: &str = "org.openbmc.Ipmb";

/// ipmbbridge's answer: status, network function, LUN, command, completion code, data.
type SendRequest = (i32, u8, u8, u8, u8, Vec<u8>);

/// [`Ipmb`] over D-Bus.
pub(crate) struct DbusIpmb {
    connection: Connection,
}

impl DbusIpmb {
    pub(crate) fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone() }
    }
}

impl Ipmb for DbusIpmb {
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        device: u8,
        request: IpmbRequest<'a>,
    ) -> Pending<'a, IpmbAnswer> {
        Box::pin(async move {
            let service = format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name);
            let path = ipmi::channel_path(&channel.name);
            let IpmbRequest { net_fn, lun, command, data } = request;
            let body = (device, net_fn, lun, command, data);
            let reply = self
                .connection
                .call_method(Some(service.as_str()), path.as_str(), Some(IPMB), "sendRequest", &body)
                .boxed()
                .await
                .map_err(|error| platform_error(&error))?;
            let ((status, _, _, _, code, data),): (SendRequest,) =
                reply.body().deserialize().map_err(|error| platform_error(&error))?;
            Ok(answer(status, code, &data))
        })
    }
}

/// ipmbbridge's status numbers.
fn answer(status: i32, code: u8, data: &[u8]) -> IpmbAnswer {
    match status {
        0 => IpmbAnswer::Response([&[code], data].concat()),
        3 => IpmbAnswer::Busy,
        4 => IpmbAnswer::Silence,
        _ => IpmbAnswer::BusError,
    }
}
