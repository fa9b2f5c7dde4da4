//! The identify light's timer.
//!
//! Lives outside the bus connection, so that a light that was to go off in ten seconds still does after the bus restarted.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::platform::power::Power;

/// How often the light is tried again where it could not be turned off.
const RETRY: Duration = Duration::from_secs(1);

/// Until when the light is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// As it is: nobody asked for it here, or it went off again.
    None,
    /// Until then.
    Until(Instant),
    /// Until told otherwise.
    Indefinite,
}

/// What was last asked for.
#[derive(Debug)]
pub(crate) struct Identify(watch::Sender<Plan>);

impl Default for Identify {
    fn default() -> Self {
        Self(watch::Sender::new(Plan::None))
    }
}

impl Identify {
    pub(crate) fn plan(&self) -> Plan {
        *self.0.borrow()
    }

    pub(crate) fn set(&self, plan: Plan) {
        self.0.send_replace(plan);
    }

    /// Turns the light off when its time is over; never ends.
    pub(crate) async fn run(&self, power: &dyn Power) {
        let mut plans = self.0.subscribe();
        loop {
            let plan = *plans.borrow_and_update();
            let Plan::Until(end) = plan else {
                if plans.changed().await.is_err() {
                    return;
                }
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(end) => self.expire(plan, power).await,
                _ = plans.changed() => {}
            }
        }
    }

    async fn expire(&self, plan: Plan, power: &dyn Power) {
        let next = match power.set_identify(false).await {
            Ok(()) => Plan::None,
            Err(error) => {
                tracing::warn!("cannot turn the identify light off, trying again: {error}");
                Plan::Until(Instant::now() + RETRY)
            }
        };
        // A new request that came meanwhile stands.
        self.0.send_if_modified(|current| {
            let unchanged = *current == plan;
            if unchanged {
                *current = next;
            }
            unchanged
        });
    }
}
