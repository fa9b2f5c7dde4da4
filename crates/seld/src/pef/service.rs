//! Event filters on the bus.

use std::sync::Arc;

use ipmi_wire::{
    codec::{Decode as _, Encode as _},
    command::event::EventMessage,
    pef::{AlertPolicy, PefParameter},
    record::{
        event::{BMC_GENERATOR, MESSAGE_REVISION, UNKNOWN_SENSOR, UNSPECIFIED},
        sel::SystemEvent,
    },
};
use zbus::{DBusError, interface};

use super::{Pef, Refusal, SetError, alerts::Alert};

/// What callers are told.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.ferrite.Error")]
pub(crate) enum FilterError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NotPresent(String),
    ReadOnly(String),
    Busy(String),
    InvalidValue(String),
    Storage(String),
}

impl From<SetError> for FilterError {
    fn from(error: SetError) -> Self {
        let text = error.to_string();
        match error {
            SetError::Refused(Refusal::Unknown | Refusal::NoEntry) => Self::NotPresent(text),
            SetError::Refused(Refusal::ReadOnly) => Self::ReadOnly(text),
            SetError::Refused(Refusal::InProgress) => Self::Busy(text),
            SetError::Refused(Refusal::Value(_) | Refusal::Action) => Self::InvalidValue(text),
            SetError::Storage(_) => Self::Storage(text),
        }
    }
}

impl From<Refusal> for FilterError {
    fn from(refusal: Refusal) -> Self {
        SetError::from(refusal).into()
    }
}

/// `org.ferrite.EventFilter`.
pub(crate) struct EventFilter(pub(crate) Arc<Pef>);

#[interface(name = "org.ferrite.EventFilter")]
impl EventFilter {
    fn parameter(&self, number: u8, set: u8, block: u8) -> Result<Vec<u8>, FilterError> {
        Ok(self.0.state().configuration.get(number, set, block)?.to_bytes())
    }

    fn set_parameter(&self, number: u8, value: Vec<u8>) -> Result<(), FilterError> {
        let parameter = PefParameter::read(number, &value).map_err(Refusal::Value)?;
        Ok(self.0.set(parameter)?)
    }

    fn last_processed(&self) -> (u16, u16) {
        self.0.last_processed()
    }

    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Result<(), FilterError> {
        Ok(self.0.set_last_processed(by_bmc, id)?)
    }

    fn postpone(&self, seconds: u8) -> u8 {
        self.0.postpone(seconds)
    }

    fn alert(&self, channel: u8, destination: u8, string: u8, event: Vec<u8>) -> Result<(), FilterError> {
        let wrong = |code| FilterError::from(Refusal::Value(code));
        let event = if event.is_empty() { no_event() } else { event_of(&event).map_err(wrong)? };
        let event = SystemEvent { timestamp: self.0.log.time(), ..event };
        // No string has the number FFh.
        let text = self.0.state().configuration.string(string.into());
        let entry = AlertPolicy { channel, destination, ..AlertPolicy::default() };
        let alert = Alert { event, severity: 0, entries: vec![(entry, text)] };
        if self.0.alerts.send_at_once(alert) {
            return Ok(());
        }
        Err(FilterError::Busy("an alert that a client asked for is on its way".into()))
    }

    fn alert_status(&self) -> u8 {
        self.0.alerts.status()
    }

    fn forget_alert_status(&self) {
        self.0.alerts.forget_status();
    }
}

/// An alert of no event tells that alerts arrive.
fn no_event() -> SystemEvent {
    SystemEvent {
        timestamp: 0,
        generator: [BMC_GENERATOR, 0],
        revision: MESSAGE_REVISION,
        sensor_type: 0,
        sensor: UNKNOWN_SENSOR,
        deasserted: false,
        event_type: 0,
        data: [UNSPECIFIED; 3],
    }
}

/// A generator, then an event message.
fn event_of(bytes: &[u8]) -> Result<SystemEvent, ipmi_wire::CompletionCode> {
    let (generator, message) =
        bytes.split_first().ok_or(ipmi_wire::CompletionCode::REQUEST_DATA_LENGTH_INVALID)?;
    let message = EventMessage::from_bytes(message)?;
    Ok(SystemEvent {
        timestamp: 0,
        generator: [*generator, 0],
        revision: message.revision,
        sensor_type: message.sensor_type,
        sensor: message.sensor,
        deasserted: message.direction & 0x80 != 0,
        event_type: message.direction & 0x7F,
        data: message.data,
    })
}
