//! The system bus, and life without it.

use std::{pin::Pin, time::Duration};

use anyhow::Context as _;
use zbus::Connection;

use crate::{Context, Shutdown};

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
    let mut line = Line { shutdown: context.shutdown(), delay: None, reported: String::new() };
    while let Some(connection) = line.connect().await {
        let serving = Box::pin(serve(connection.clone()));
        if let Some(end) = line.hold(&connection, serving).await {
            return end;
        }
    }
    Ok(())
}

/// What all daemons do alike about their connection, compiled once: it knows nothing of what they serve.
struct Line {
    shutdown: Shutdown,
    /// How long to wait before the next attempt; the first does not wait.
    delay: Option<Duration>,
    /// The last reason for having no connection, as the log has it.
    reported: String,
}

impl Line {
    /// A connection, once there is a bus; `None` where a shutdown is requested before.
    async fn connect(&mut self) -> Option<Connection> {
        loop {
            if let Some(delay) = self.delay {
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = self.shutdown.requested() => return None,
                }
            }
            self.delay = Some(self.delay.map_or(RETRY.0, |delay| (delay * 2).min(RETRY.1)));
            match connect().await {
                Ok(connection) => return Some(connection),
                Err(error) => report_once(&mut self.reported, format!("{error:#}")),
            }
        }
    }

    /// Serves until the end, which is returned, or until the bus goes away.
    async fn hold(&mut self, connection: &Connection, serving: Serving<'_>) -> Option<anyhow::Result<()>> {
        (self.delay, self.reported) = (Some(RETRY.0), String::new());
        let result = tokio::select! {
            result = serving => result,
            () = connection.closed() => Err(anyhow::anyhow!("the connection was closed")),
            () = self.shutdown.requested() => return Some(Ok(())),
        };
        match result {
            Err(error) if lost_bus(connection, &error) => {
                tracing::warn!("the system bus went away, connecting again: {error:#}");
                None
            }
            other => Some(other),
        }
    }
}

/// A daemon's work on one connection.
type Serving<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

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
