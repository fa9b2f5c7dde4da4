//! Serial over LAN: its configuration on the bus, and the way between an active instance and the host's console.

mod configuration;
mod lines;
mod link;
mod service;

use std::{collections::HashMap, sync::Arc};

use rmcp_session::Event;
use tokio::sync::{
    mpsc::{self, UnboundedSender},
    watch,
};

pub(crate) use self::{
    configuration::{Configuration, Kept},
    service::{follow_bit_rate, follow_power, publish},
};
use crate::channel::LanChannel;

/// The links of the active instances, by session.
#[derive(Debug, Default)]
pub(crate) struct Links {
    open: HashMap<u32, Open>,
}

/// The ends of a link.
#[derive(Debug)]
struct Open {
    /// An unbounded channel with bounded contents: the endpoint counts what it has given until it is done.
    items: UnboundedSender<link::Item>,
    /// Whether DCD and DSR are asserted: the level counts, not how often it changed.
    carrier: watch::Sender<bool>,
}

impl Links {
    /// Starts, feeds and ends links as the endpoint says; other events are nothing to it.
    pub(crate) fn follow(&mut self, channel: &Arc<LanChannel>, event: &Event) {
        match event {
            Event::SolOpened(sol) => {
                let (sender, items) = mpsc::unbounded_channel();
                let carrier = watch::Sender::new(true);
                let console = channel.sol.console(sol.instance).to_owned();
                let link =
                    link::run(Arc::clone(channel), sol.session.id, console, items, carrier.subscribe());
                bmc_daemon::spawn(link);
                self.open.insert(sol.session.id, Open { items: sender, carrier });
            }
            Event::SolClosed(sol, _) => drop(self.open.remove(&sol.session.id)),
            Event::SolInput(session, input) => self.give(*session, link::Item::Input(input.clone())),
            Event::SolDrained(session) => self.give(*session, link::Item::Drained),
            Event::SolCarrier(session, carrier) => {
                if let Some(open) = self.open.get(session) {
                    open.carrier.send_replace(*carrier);
                }
            }
            _ => {}
        }
    }

    fn give(&mut self, session: u32, item: link::Item) {
        // A link ends with its instance alone: a failure here is one that has just been closed.
        let sent = self.open.get(&session).map(|open| open.items.send(item));
        if let Some(Err(_)) = sent {
            self.open.remove(&session);
        }
    }
}
