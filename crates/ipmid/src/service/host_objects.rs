//! The host's restriction and ACPI state on the bus, at OpenBMC's paths.
//!
//! Where OpenBMC's settings daemon has a restriction mode, that one counts, and this one says what would count without it.

use std::sync::Arc;

use bmc_daemon::Tasks;
use bmc_dbus::{Serve as _, names::ipmi};
use zbus::{Connection, fdo, object_server::InterfaceRef};

use crate::{host::HostSettings, ipmid::Kept, restriction::Mode};

/// Serves both, and tells of changes that commands make.
pub(super) async fn serve(connection: &Connection, kept: &Arc<Kept>, tasks: &mut Tasks) -> zbus::Result<()> {
    let objects = connection.object_server();
    objects.serve(ipmi::RESTRICTION_MODE_PATH, RestrictionMode(Arc::clone(kept))).await?;
    objects.serve(ipmi::ACPI_POWER_STATE_PATH, AcpiPowerState(Arc::clone(kept))).await?;
    let acpi = objects.interface(ipmi::ACPI_POWER_STATE_PATH).await?;
    tasks.spawn(tell_acpi(Arc::clone(kept), acpi));
    Ok(())
}

/// `xyz.openbmc_project.Control.Security.RestrictionMode`.
struct RestrictionMode(Arc<Kept>);

#[zbus::interface(name = "xyz.openbmc_project.Control.Security.RestrictionMode")]
impl RestrictionMode {
    #[zbus(property)]
    fn restriction_mode(&self) -> String {
        self.0.restrictions.get(|all| all.mode.name())
    }

    #[zbus(property)]
    fn set_restriction_mode(&mut self, mode: String) -> fdo::Result<()> {
        let mode = Mode::from_name(&mode)
            .ok_or_else(|| fdo::Error::InvalidArgs(format!("`{mode}` is no restriction mode")))?;
        tracing::info!("restriction mode of the host: {mode:?}");
        self.0.restrictions.change(|all| all.mode = mode);
        Ok(())
    }
}

/// `xyz.openbmc_project.Control.Power.ACPIPowerState`. Only the host sets it, by its command.
struct AcpiPowerState(Arc<Kept>);

#[zbus::interface(name = "xyz.openbmc_project.Control.Power.ACPIPowerState")]
impl AcpiPowerState {
    #[zbus(property, name = "SysACPIStatus")]
    fn system(&self) -> String {
        name(self.0.host.get(|host| host.system_state))
    }

    #[zbus(property, name = "DevACPIStatus")]
    fn device(&self) -> String {
        name(self.0.host.get(|host| host.device_state))
    }
}

async fn tell_acpi(kept: Arc<Kept>, object: InterfaceRef<AcpiPowerState>) {
    let mut changes = kept.host.subscribe();
    let mut told = changes.borrow_and_update().acpi();
    while changes.changed().await.is_ok() {
        let now = HostSettings::acpi(&changes.borrow_and_update());
        if now == told {
            continue;
        }
        told = now;
        let state = object.get().await;
        let emitter = object.signal_emitter();
        let sent = (
            state.sys_a_c_p_i_status_changed(emitter).await,
            state.dev_a_c_p_i_status_changed(emitter).await,
        );
        if let (Err(error), _) | (_, Err(error)) = sent {
            tracing::warn!("the ACPI power state is not told: {error}");
        }
    }
}

/// OpenBMC's words for the states of v2.0 table 20-6. A device's D0 to D3 share a word with S0 to S3.
fn name(state: u8) -> String {
    const PREFIX: &str = "xyz.openbmc_project.Control.Power.ACPIPowerState.ACPI.";
    let word = match state {
        0x00 => "S0_G0_D0",
        0x01 => "S1_D1",
        0x02 => "S2_D2",
        0x03 => "S3_D3",
        0x04 => "S4",
        0x05 => "S5_G2",
        0x06 => "S4_S5",
        0x07 => "G3",
        0x08 => "SLEEP",
        0x09 => "G1_SLEEP",
        0x0A => "OVERRIDE",
        0x20 => "LEGACY_ON",
        0x21 => "LEGACY_OFF",
        _ => "Unknown",
    };
    format!("{PREFIX}{word}")
}
