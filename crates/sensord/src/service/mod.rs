//! The D-Bus objects. Each interface is a view of one sensor of the [`Station`]: two words, and no state of its own.

mod decorators;
mod ferrite;
pub(crate) mod items;
mod pwm;
mod threshold;
mod value;

use std::sync::Arc;

use bmc_dbus::{Serve as _, names::sensors};
use zbus::{Connection, fdo::ObjectManager};

use crate::{
    board::path_segment,
    sensor::{quantity::Quantity, threshold::Level},
    station::{Handle, Station},
};

/// Above the fans' PWM targets, which are not below the sensors' root.
const CONTROL_ROOT: &str = "/xyz/openbmc_project/control";

/// One sensor of the station.
#[derive(Debug, Clone)]
struct View {
    station: Arc<Station>,
    index: usize,
}

impl View {
    #[allow(clippy::indexing_slicing, reason = "views are made of the station's own indices only")]
    fn handle(&self) -> &Handle {
        &self.station.sensors[self.index]
    }
}

/// What a client did wrong, or what went wrong here.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "xyz.openbmc_project.Common.Error")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The value is none that the property can have.
    InvalidArgument(String),
    /// It could not be done; the journal says more.
    InternalFailure(String),
}

/// Puts every object on `connection`, and then lets signals out on it.
pub(crate) async fn serve(connection: &Connection, station: &Arc<Station>) -> zbus::Result<()> {
    let server = connection.object_server();
    for (index, handle) in station.sensors.iter().enumerate() {
        let view = View { station: station.clone(), index };
        serve_sensor(connection, &view, handle).await?;
    }
    server.serve(sensors::ROOT, ferrite::SensorTable(station.clone())).await?;
    // The managers come last: before them, each of a dozen interfaces a sensor would be a signal of its own.
    server.serve(sensors::ROOT, ObjectManager).await?;
    if station.sensors.iter().any(|handle| handle.spec.quantity == Quantity::FanPwm) {
        server.serve(CONTROL_ROOT, ObjectManager).await?;
    }
    station.publisher.attach(Some(connection.clone()));
    Ok(())
}

async fn serve_sensor(connection: &Connection, view: &View, handle: &Handle) -> zbus::Result<()> {
    let server = connection.object_server();
    let path = handle.path.as_str();
    server.serve(path, value::Value(view.clone())).await?;
    server.serve(path, value::ValueMutability(view.clone())).await?;
    server.serve(path, decorators::Availability(view.clone())).await?;
    server.serve(path, decorators::OperationalStatus(view.clone())).await?;
    server.serve(path, decorators::Associations(view.clone())).await?;
    server.serve(path, decorators::Ipmi(view.clone())).await?;
    server.serve(path, ferrite::History(view.clone())).await?;
    if !handle.spec.levels.is_empty() {
        server.serve(path, ferrite::Hysteresis(view.clone())).await?;
    }
    for levels in &handle.spec.levels {
        match levels.level {
            Level::Warning => server.serve(path, threshold::Warning(view.clone())).await.map(drop)?,
            Level::Critical => server.serve(path, threshold::Critical(view.clone())).await.map(drop)?,
            Level::PerformanceLoss => {
                server.serve(path, threshold::PerformanceLoss(view.clone())).await.map(drop)?;
            }
            Level::SoftShutdown => {
                server.serve(path, threshold::SoftShutdown(view.clone())).await.map(drop)?;
            }
            Level::HardShutdown => {
                server.serve(path, threshold::HardShutdown(view.clone())).await.map(drop)?;
            }
        }
    }
    if handle.spec.quantity == Quantity::FanPwm {
        let path = format!("{CONTROL_ROOT}/fanpwm/{}", path_segment(&handle.spec.name));
        server.serve(&path, pwm::FanPwm(view.clone())).await?;
    }
    Ok(())
}
