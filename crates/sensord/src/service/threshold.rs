//! `xyz.openbmc_project.Sensor.Threshold.*`: five interfaces that differ in nothing but the level's name.

use zbus::{interface, object_server::SignalEmitter};

use super::{Refusal, View};
use crate::{
    overrides::Setting,
    sensor::threshold::{Level, Side},
};

impl View {
    fn threshold(&self, level: Level, side: Side) -> f64 {
        self.handle().state().threshold(level, side).map_or(f64::NAN, |threshold| threshold.value)
    }

    fn alarm(&self, level: Level, side: Side) -> bool {
        self.handle().state().threshold(level, side).is_some_and(|threshold| threshold.asserted())
    }

    async fn set_threshold(&self, level: Level, side: Side, value: f64) -> Result<(), Refusal> {
        if value.is_infinite() {
            return Err(Refusal::InvalidArgument("a threshold is a number, or NaN for none".to_owned()));
        }
        self.set(Setting::Threshold(level, side), value).await
    }

    /// Keeps a setting and puts it in force.
    pub(super) async fn set(&self, setting: Setting, value: f64) -> Result<(), Refusal> {
        self.station.set(self.index, setting, value).await.map_err(|error| {
            tracing::error!("{}: cannot keep what was set: {error:#}", self.handle().path);
            Refusal::InternalFailure(format!("{error:#}"))
        })
    }
}

macro_rules! threshold_interface {
    ($level:ident, $interface:tt, $high:tt, $low:tt, $alarm_high:tt, $alarm_low:tt,
     $high_asserted:tt, $high_deasserted:tt, $low_asserted:tt, $low_deasserted:tt) => {
        #[derive(Debug)]
        pub(super) struct $level(pub(super) View);

        // The signals are sent by the publisher, by name; here they are declared for introspection.
        #[allow(dead_code, reason = "declared for introspection")]
        #[interface(name = $interface)]
        impl $level {
            #[zbus(property, name = $high)]
            fn high(&self) -> f64 {
                self.0.threshold(Level::$level, Side::High)
            }

            #[zbus(property, name = $high)]
            async fn set_high(&self, value: f64) -> Result<(), Refusal> {
                self.0.set_threshold(Level::$level, Side::High, value).await
            }

            #[zbus(property, name = $low)]
            fn low(&self) -> f64 {
                self.0.threshold(Level::$level, Side::Low)
            }

            #[zbus(property, name = $low)]
            async fn set_low(&self, value: f64) -> Result<(), Refusal> {
                self.0.set_threshold(Level::$level, Side::Low, value).await
            }

            #[zbus(property, name = $alarm_high)]
            fn alarm_high(&self) -> bool {
                self.0.alarm(Level::$level, Side::High)
            }

            #[zbus(property, name = $alarm_low)]
            fn alarm_low(&self) -> bool {
                self.0.alarm(Level::$level, Side::Low)
            }

            #[zbus(signal)]
            async fn threshold_asserted(
                emitter: &SignalEmitter<'_>,
                name: &str,
                interface: &str,
                property: &str,
                assert: bool,
                value: f64,
            ) -> zbus::Result<()>;

            #[zbus(signal, name = $high_asserted)]
            async fn high_asserted(emitter: &SignalEmitter<'_>, value: f64) -> zbus::Result<()>;

            #[zbus(signal, name = $high_deasserted)]
            async fn high_deasserted(emitter: &SignalEmitter<'_>, value: f64) -> zbus::Result<()>;

            #[zbus(signal, name = $low_asserted)]
            async fn low_asserted(emitter: &SignalEmitter<'_>, value: f64) -> zbus::Result<()>;

            #[zbus(signal, name = $low_deasserted)]
            async fn low_deasserted(emitter: &SignalEmitter<'_>, value: f64) -> zbus::Result<()>;
        }
    };
}

threshold_interface!(
    Warning,
    "xyz.openbmc_project.Sensor.Threshold.Warning",
    "WarningHigh",
    "WarningLow",
    "WarningAlarmHigh",
    "WarningAlarmLow",
    "WarningHighAlarmAsserted",
    "WarningHighAlarmDeasserted",
    "WarningLowAlarmAsserted",
    "WarningLowAlarmDeasserted"
);
threshold_interface!(
    Critical,
    "xyz.openbmc_project.Sensor.Threshold.Critical",
    "CriticalHigh",
    "CriticalLow",
    "CriticalAlarmHigh",
    "CriticalAlarmLow",
    "CriticalHighAlarmAsserted",
    "CriticalHighAlarmDeasserted",
    "CriticalLowAlarmAsserted",
    "CriticalLowAlarmDeasserted"
);
threshold_interface!(
    PerformanceLoss,
    "xyz.openbmc_project.Sensor.Threshold.PerformanceLoss",
    "PerformanceLossHigh",
    "PerformanceLossLow",
    "PerformanceLossAlarmHigh",
    "PerformanceLossAlarmLow",
    "PerformanceLossHighAlarmAsserted",
    "PerformanceLossHighAlarmDeasserted",
    "PerformanceLossLowAlarmAsserted",
    "PerformanceLossLowAlarmDeasserted"
);
threshold_interface!(
    SoftShutdown,
    "xyz.openbmc_project.Sensor.Threshold.SoftShutdown",
    "SoftShutdownHigh",
    "SoftShutdownLow",
    "SoftShutdownAlarmHigh",
    "SoftShutdownAlarmLow",
    "SoftShutdownHighAlarmAsserted",
    "SoftShutdownHighAlarmDeasserted",
    "SoftShutdownLowAlarmAsserted",
    "SoftShutdownLowAlarmDeasserted"
);
threshold_interface!(
    HardShutdown,
    "xyz.openbmc_project.Sensor.Threshold.HardShutdown",
    "HardShutdownHigh",
    "HardShutdownLow",
    "HardShutdownAlarmHigh",
    "HardShutdownAlarmLow",
    "HardShutdownHighAlarmAsserted",
    "HardShutdownHighAlarmDeasserted",
    "HardShutdownLowAlarmAsserted",
    "HardShutdownLowAlarmDeasserted"
);
