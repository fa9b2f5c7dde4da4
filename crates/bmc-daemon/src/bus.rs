//! The system bus, and life without it.

use std::time::Duration;

use anyhow::Context as _;
use zbus::Connection;

use crate::Context;

/// How long to wait before the bus is tried again, first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Runs `serve` on a connection to the system bus, and again on a new one each time the bus went away.
///
/// What must survive a bus restart (sessions, readings, logs) lives outside `serve`. Returns when a shutdown is requested, when
/// `serve` returns `Ok`, or with its error where the bus itself is well.
///
/// # Errors
/// What `serve` failed with while the bus was there.
pub async fn keep_connected(
    context: &Context,
    mut serve: impl AsyncFnMut(Connection) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut shutdown = context.shutdown();
    let mut delay = RETRY.0;
    let mut reported = String::new();
    loop {
        match connect().await {
            Ok(connection) => {
                delay = RETRY.0;
                reported.clear();
                let result = tokio::select! {
                    result = serve(connection.clone()) => result,
                    () = connection.closed() => Err(anyhow::anyhow!("the connection was closed")),
                    () = shutdown.requested() => return Ok(()),
                };
                match result {
                    Err(error) if lost_bus(&connection, &error) => {
                        tracing::warn!("the system bus went away, connecting again: {error:#}");
                    }
                    other => return other,
                }
            }
            Err(error) => report_once(&mut reported, format!("{error:#}")),
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => delay = (delay * 2).min(RETRY.1),
            () = shutdown.requested() => return Ok(()),
        }
    }
}

/// A bus that stays away would fill the log with the same line.
fn report_once(reported: &mut String, reason: String) {
    if *reported != reason {
        tracing::warn!(
            "{reason}; trying again until it is there\nhint: is dbus running? The address is that of the system bus, or \
             DBUS_SYSTEM_BUS_ADDRESS"
        );
        *reported = reason;
    }
}

async fn connect() -> anyhow::Result<Connection> {
    Connection::system().await.context("cannot reach the system bus")
}

/// A call that failed because the socket closed under it may be seen before the connection itself says so.
fn lost_bus(connection: &Connection, error: &anyhow::Error) -> bool {
    connection.is_closed()
        || error
            .chain()
            .any(|cause| matches!(cause.downcast_ref::<zbus::Error>(), Some(zbus::Error::InputOutput(_))))
}
