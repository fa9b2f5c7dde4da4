//! `xyz.openbmc_project.Control.FanPwm`: what a fan control daemon sets.

use std::time::Duration;

use zbus::interface;

use super::{Refusal, View};

/// A fan controller that takes longer than this to set is reported to whoever set it.
const DEADLINE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct FanPwm(pub(super) View);

#[interface(name = "xyz.openbmc_project.Control.FanPwm")]
impl FanPwm {
    /// The duty as it was last read, 0 to 255; 0 where it cannot be read.
    #[zbus(property)]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 255 by the clamp; NaN becomes 0"
    )]
    fn target(&self) -> u64 {
        let handle = self.0.handle();
        (handle.state().value() * handle.spec.scale.divisor).round().clamp(0.0, 255.0) as u64
    }

    #[zbus(property)]
    async fn set_target(&self, target: u64) -> Result<(), Refusal> {
        let raw = i64::try_from(target).ok().filter(|target| *target <= 255);
        let raw = raw.ok_or_else(|| Refusal::InvalidArgument(format!("{target} is not within 0 to 255")))?;
        self.0.station.buses.write(self.0.index, raw, DEADLINE).await.map_err(|why| {
            tracing::warn!("{}: cannot set the fan: {why}", self.0.handle().path);
            Refusal::InternalFailure(why)
        })
    }
}
