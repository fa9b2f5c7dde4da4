//! Event filters and destinations of alerts that only remember.

use std::future::ready;

use super::Board;
use crate::platform::{
    Pending, PlatformError,
    alerts::{Alerts, Destination},
    event_filter::{EventFilter, ImmediateAlert},
};

/// What the board remembers of them.
#[derive(Debug, Default)]
pub(crate) struct Alerting {
    parameters: std::collections::BTreeMap<(u8, u8, u8), Vec<u8>>,
    /// By system software and by the BMC.
    processed: (u16, u16),
    postponed: u8,
    /// An alert is on its way.
    pub(crate) busy: bool,
    community: String,
    destinations: [Option<Destination>; 3],
}

impl EventFilter for Board {
    /// A filter or policy that was never set, and what cannot be set, is one byte.
    fn parameter(&self, number: u8, set: u8, block: u8) -> Pending<'_, Vec<u8>> {
        let known = self.alerting.lock().unwrap().parameters.get(&(number, set, block)).cloned();
        Box::pin(ready(if set > 32 { Err(PlatformError::NotPresent) } else { Ok(known.unwrap_or(vec![32])) }))
    }

    fn set_parameter(&self, number: u8, value: Vec<u8>) -> Pending<'_, ()> {
        let mut alerting = self.alerting.lock().unwrap();
        let set = if value.len() > 1 { value[0] } else { 0 };
        let earlier = alerting.parameters.insert((number, set, 0), value.clone());
        let begun_twice = number == 0 && value == [1] && earlier.as_ref() == Some(&value);
        Box::pin(ready(if begun_twice { Err(PlatformError::Busy) } else { Ok(()) }))
    }

    fn last_processed(&self) -> Pending<'_, (u16, u16)> {
        Box::pin(ready(Ok(self.alerting.lock().unwrap().processed)))
    }

    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Pending<'_, ()> {
        let processed = &mut self.alerting.lock().unwrap().processed;
        *(if by_bmc { &mut processed.1 } else { &mut processed.0 }) = id;
        Box::pin(ready(Ok(())))
    }

    fn postpone(&self, seconds: u8) -> Pending<'_, u8> {
        let mut alerting = self.alerting.lock().unwrap();
        if seconds != 0xFF {
            alerting.postponed = seconds;
        }
        Box::pin(ready(Ok(alerting.postponed)))
    }

    fn alert(&self, alert: ImmediateAlert) -> Pending<'_, ()> {
        if self.alerting.lock().unwrap().busy {
            return Box::pin(ready(Err(PlatformError::Busy)));
        }
        self.ask(format!("{alert:02X?}"))
    }

    fn alert_status(&self) -> Pending<'_, u8> {
        let busy = self.alerting.lock().unwrap().busy;
        Box::pin(ready(Ok(if busy { 0xFF } else { 0 })))
    }

    fn forget_alert_status(&self) -> Pending<'_, ()> {
        self.ask("forget the alert".into())
    }
}

impl Alerts for Board {
    fn community<'a>(&'a self, _: &'a str) -> Pending<'a, String> {
        Box::pin(ready(Ok(self.alerting.lock().unwrap().community.clone())))
    }

    fn set_community<'a>(&'a self, _: &'a str, community: &'a str) -> Pending<'a, ()> {
        community.clone_into(&mut self.alerting.lock().unwrap().community);
        Box::pin(ready(Ok(())))
    }

    fn destinations<'a>(&'a self, _: &'a str) -> Pending<'a, u8> {
        Box::pin(ready(Ok(2)))
    }

    fn destination<'a>(&'a self, _: &'a str, number: u8) -> Pending<'a, Destination> {
        let known = self.alerting.lock().unwrap().destinations[usize::from(number)].clone();
        let none = Destination {
            acknowledged: false,
            interval: 3,
            retries: 3,
            backup_gateway: false,
            address: "0.0.0.0".into(),
            mac: vec![0; 6],
        };
        Box::pin(ready(Ok(known.unwrap_or(none))))
    }

    fn set_destination<'a>(&'a self, _: &'a str, number: u8, to: Destination) -> Pending<'a, ()> {
        self.alerting.lock().unwrap().destinations[usize::from(number)] = Some(to);
        Box::pin(ready(Ok(())))
    }

    fn acknowledge<'a>(&'a self, name: &'a str, sequence: u16, timestamp: u32) -> Pending<'a, ()> {
        self.ask(format!("{name} has trap {sequence} of {timestamp}"))
    }
}
