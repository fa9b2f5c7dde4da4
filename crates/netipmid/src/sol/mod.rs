//! Serial over LAN: its configuration on the bus, and the way between an active instance and the host's console.

mod configuration;
mod link;
mod service;

use std::{collections::HashMap, sync::Arc};

use rmcp_session::Event;
use tokio::sync::mpsc::{self, UnboundedSender};

pub(crate) use self::{
    configuration::{Configuration, Kept},
    service::{follow_bit_rate, follow_power, publish},
};
use crate::channel::LanChannel;

/// The links of the active instances, by session.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Unbounded channels with bounded contents: the endpoint counts what it has given until it is done.
    open: HashMap<u32, UnboundedSender<link::Item>>,
}

impl Links {
    /// Starts, feeds and ends links as the endpoint says; other events are nothing to it.
    pub(crate) fn follow(&mut self, channel: &Arc<LanChannel>, event: &Event) {
        match event {
            Event::SolOpened(sol) => {
                let (sender, items) = mpsc::unbounded_channel();
                let console = channel.sol.console(sol.instance).to_owned();
                tokio::spawn(link::run(Arc::clone(channel), sol.session.id, console, items));
                self.open.insert(sol.session.id, sender);
            }
            Event::SolClosed(sol, _) => drop(self.open.remove(&sol.session.id)),
            Event::SolInput(session, input) => self.give(*session, link::Item::Input(input.clone())),
            Event::SolDrained(session) => self.give(*session, link::Item::Drained),
            _ => {}
        }
    }

    fn give(&mut self, session: u32, item: link::Item) {
        // A link ends with its instance alone: a failure here is one that has just been closed.
        let sent = self.open.get(&session).map(|link| link.send(item));
        if let Some(Err(_)) = sent {
            self.open.remove(&session);
        }
    }
}
