//! `org.ferrite.Ipmi.SensorNumbers`: what an object is in IPMI, for those who write event records. The knowledge is the snapshot's, so
//! that records of events and of sensors cannot differ.

use std::sync::Arc;

use bmc_dbus::{
    names::ipmi,
    sensor_numbers::{Factors, NumberedSensor},
};
use zbus::{Connection, DBusError, interface, object_server::SignalEmitter};

use crate::{
    ipmid::Kept,
    platform::sensors::Sensors as _,
    sensors::{DbusSensors, Discrete, Sensor},
};

/// What callers are told.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.ferrite.Error")]
enum NumbersError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NotPresent(String),
}

/// The object.
pub(super) struct SensorNumbers {
    pub(super) sensors: DbusSensors,
    pub(super) kept: Arc<Kept>,
}

#[interface(name = "org.ferrite.Ipmi.SensorNumbers")]
impl SensorNumbers {
    fn get(&self, path: &str) -> Result<NumberedSensor, NumbersError> {
        let snapshot = self.sensors.snapshot();
        if let Some(sensor) = snapshot.sensors().iter().find(|sensor| sensor.path == path) {
            return Ok(numbered(sensor, self.kept.event_enables.get(sensor.address).masks()));
        }
        let unknown = || NumbersError::NotPresent(format!("{path} is no sensor"));
        let discrete = snapshot.all_discrete().iter().find(|discrete| discrete.path == path);
        let discrete = discrete.ok_or_else(unknown)?;
        let masks = self.kept.event_enables.get(discrete.address).masks();
        Ok(numbered_discrete(discrete, masks))
    }

    #[zbus(signal)]
    async fn changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

fn numbered(sensor: &Sensor, (assertions, deassertions): (u16, u16)) -> NumberedSensor {
    let (sensor_type, event_type) = sensor.types();
    let conversion = sensor.conversion();
    NumberedSensor {
        lun: sensor.address.lun,
        number: sensor.address.number,
        sensor_type,
        event_type,
        factors: Factors {
            m: conversion.m,
            b: conversion.b,
            b_exponent: conversion.b_exponent.into(),
            r_exponent: conversion.r_exponent.into(),
            signed: conversion.signed,
        },
        scale: sensor.scale(),
        thresholds: sensor.record.thresholds.to_vec(),
        assertions,
        deassertions,
    }
}

fn numbered_discrete(discrete: &Discrete, (assertions, deassertions): (u16, u16)) -> NumberedSensor {
    let address = discrete.address;
    let (sensor_type, event_type) = discrete.types();
    NumberedSensor {
        lun: address.lun,
        number: address.number,
        sensor_type,
        event_type,
        factors: Factors { m: 0, b: 0, b_exponent: 0, r_exponent: 0, signed: false },
        scale: 1.0,
        thresholds: Vec::new(),
        assertions,
        deassertions,
    }
}

/// Tells whenever an answer may be another, until the bus is gone.
pub(super) async fn announce(connection: Connection, sensors: DbusSensors, kept: Arc<Kept>) {
    let (mut records, mut enables) = (sensors.generation(), kept.event_enables.generation());
    let Ok(emitter) = SignalEmitter::new(&connection, ipmi::PATH) else { return };
    loop {
        tokio::select! {
            changed = records.changed() => if changed.is_err() { return },
            changed = enables.changed() => if changed.is_err() { return },
        }
        if let Err(error) = SensorNumbers::changed(&emitter).await {
            tracing::debug!("a change of sensor numbers was not announced: {error}");
        }
    }
}
