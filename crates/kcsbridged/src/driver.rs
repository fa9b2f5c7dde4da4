//! One task that drives the interface: the host's requests, ipmid's answers, time.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bmc_dbus::{
    direct_line::ExecuteError,
    execute::{Call, Options, Reply},
};
use bmc_hw::host_interface::{HostError, HostEvent, Tag};
use ipmi_wire::{
    CompletionCode, NetFn,
    system_interface::{Header, Request},
};
use tokio::time::{Instant, Sleep};

use crate::{channel::HostChannel, counters::Counter};

/// Set BMC Global Enables and Get BMC Global Enables (v2.0§22.1, §22.2).
const SET_GLOBAL_ENABLES: u8 = 0x2E;
const GET_GLOBAL_ENABLES: u8 = 0x2F;
/// Interrupts for the receive message queue, which are the interface's too, and for a full event message buffer.
const INTERRUPTS: u8 = 0x03;

/// ipmid's answer, or why there is none.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, ExecuteError>> + Send>>;

/// Has ipmid execute a command.
pub(crate) type Execute = Box<dyn Fn(Call) -> Answer + Send>;

/// The request that the host waits for.
struct Exchange {
    tag: Tag,
    header: Header,
    /// The interrupt enables that the request sets.
    interrupt: Option<bool>,
    deadline: Instant,
    /// Dropped with the exchange, and ipmid's answer with it.
    answer: Answer,
}

struct Driver {
    channel: Arc<HostChannel>,
    patience: Duration,
    execute: Execute,
    exchange: Option<Exchange>,
    /// Asks ipmid which interrupts are enabled.
    enables: Option<Answer>,
    /// Set for the deadline of this exchange or an earlier one: setting it anew for each request would wake the daemon once more
    /// for each.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Has ipmid execute commands once it is there. What has not been sent can wait for it; what has been is never sent again.
pub(crate) fn by_ipmid(channel: &Arc<HostChannel>) -> Execute {
    let channel = Arc::clone(channel);
    Box::new(move |call| {
        let channel = Arc::clone(&channel);
        Box::pin(async move { channel.lines.present().await.execute(call).await })
    })
}

/// Serves the host until the interface is lost: each request has `patience` to be answered.
pub(crate) async fn drive(
    channel: Arc<HostChannel>,
    patience: Duration,
    execute: Execute,
) -> anyhow::Result<()> {
    let mut driver = Driver { channel, patience, execute, exchange: None, enables: None, timer: None };
    loop {
        driver.step().await?;
    }
}

/// Waits for what may not be there.
async fn result(answer: Option<&mut Answer>) -> Result<Reply, ExecuteError> {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

impl Driver {
    async fn step(&mut self) -> Result<(), HostError> {
        self.set_timer();
        let timer = async {
            match &mut self.timer {
                Some(timer) => timer.await,
                None => std::future::pending().await,
            }
        };
        let answer = self.exchange.as_mut().map(|exchange| &mut exchange.answer);
        tokio::select! {
            // What the host does comes before an answer to what it did before.
            biased;
            event = poll_fn(|context| self.channel.interface().poll_event(context)) => self.take(event?),
            () = self.channel.acted.notified() => self.acted(),
            answer = result(answer) => self.answer(answer),
            answer = result(self.enables.as_mut()) => {
                self.enables = None;
                self.take_enables(answer);
                Ok(())
            }
            () = timer => {
                self.timer = None;
                self.give_up_overdue()
            }
        }
    }

    fn set_timer(&mut self) {
        let Some(Exchange { deadline, .. }) = self.exchange else { return };
        match &mut self.timer {
            Some(timer) if timer.deadline() <= deadline => {}
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }

    fn take(&mut self, event: HostEvent) -> Result<(), HostError> {
        let channel = Arc::clone(&self.channel);
        match event {
            HostEvent::Request(tag, request) => self.begin(tag, request),
            HostEvent::Malformed(tag, header, code) => {
                self.cancel();
                channel.counters.count(Counter::Malformed);
                self.respond(tag, header, code, &[])?;
            }
            HostEvent::Refused => {
                self.cancel();
                channel.counters.count(Counter::Malformed);
            }
            HostEvent::Connected => {
                tracing::info!("a virtual machine connected");
                channel.counters.count(Counter::Connection);
                channel.set_connected(true);
                self.enables = Some((self.execute)(Call {
                    net_fn: NetFn::APP.value(),
                    lun: 0,
                    command: GET_GLOBAL_ENABLES,
                    data: Vec::new(),
                    options: Options::default(),
                }));
            }
            HostEvent::Disconnected => {
                tracing::info!("the virtual machine is gone");
                self.cancel();
                channel.set_connected(false);
            }
            HostEvent::TurnedAway => {
                tracing::warn!("a second virtual machine was turned away: one at a time");
                channel.counters.count(Counter::TurnedAway);
            }
            HostEvent::Reset => {
                tracing::info!("the virtual machine was reset");
                self.cancel();
                self.report(Counter::Reset);
            }
            HostEvent::PoweredOff => {
                tracing::info!("the virtual machine says that it powered itself off");
                self.cancel();
                self.report(Counter::PoweredOff);
            }
        }
        Ok(())
    }

    fn report(&self, counter: Counter) {
        self.channel.counters.count(counter);
        self.channel.reported.notify_one();
    }

    /// Takes up a request. The one before is forgotten: the host asks one thing at a time.
    fn begin(&mut self, tag: Tag, Request { header, data }: Request) {
        self.cancel();
        self.channel.counters.count(Counter::Request);
        let sets_enables = (header.net_fn, header.command) == (NetFn::APP, SET_GLOBAL_ENABLES);
        let interrupt = data.first().filter(|_| sets_enables).map(|enables| enables & INTERRUPTS != 0);
        let answer = (self.execute)(Call {
            net_fn: header.net_fn.value(),
            lun: header.lun.value(),
            command: header.command,
            data,
            // The host has no user and no session (v2.0§6.12).
            options: Options::default(),
        });
        let deadline = Instant::now() + self.patience;
        self.exchange = Some(Exchange { tag, header, interrupt, deadline, answer });
    }

    fn cancel(&mut self) {
        if self.exchange.take().is_some() {
            self.channel.counters.count(Counter::Abort);
        }
    }

    fn answer(&mut self, answer: Result<Reply, ExecuteError>) -> Result<(), HostError> {
        let Some(Exchange { tag, header, interrupt, .. }) = self.exchange.take() else { return Ok(()) };
        let (code, data) = match answer {
            Ok(reply) => {
                self.channel.counters.count(Counter::Response);
                (CompletionCode(reply.completion_code), reply.data)
            }
            Err(ExecuteError::Busy) => (CompletionCode::NODE_BUSY, Vec::new()),
            Err(error) => {
                tracing::warn!("no answer to {}/{:02X}h: {error}", header.net_fn, header.command);
                self.channel.counters.count(Counter::Timeout);
                (CompletionCode::TIMEOUT, Vec::new())
            }
        };
        if let (Some(on), CompletionCode::OK) = (interrupt, code) {
            self.channel.interface().set_interrupt(on);
        }
        self.respond(tag, header, code, &data)
    }

    fn take_enables(&self, answer: Result<Reply, ExecuteError>) {
        // Where ipmid does not tell, interrupts stay as they were: the host polls.
        if let Ok(Reply { completion_code: 0, data, .. }) = answer
            && let Some(enables) = data.first()
        {
            self.channel.interface().set_interrupt(enables & INTERRUPTS != 0);
        }
    }

    fn give_up_overdue(&mut self) -> Result<(), HostError> {
        let now = Instant::now();
        let Some(Exchange { tag, header, .. }) = self.exchange.take_if(|exchange| exchange.deadline <= now)
        else {
            return Ok(());
        };
        tracing::warn!("no answer to {}/{:02X}h in time", header.net_fn, header.command);
        self.channel.counters.count(Counter::Timeout);
        self.respond(tag, header, CompletionCode::TIMEOUT, &[])
    }

    /// What was done from the bus.
    fn acted(&mut self) -> Result<(), HostError> {
        if !self.channel.take_abort() {
            return Ok(());
        }
        let Some(Exchange { tag, header, .. }) = self.exchange.take() else { return Ok(()) };
        self.channel.counters.count(Counter::Abort);
        // Withdrawn where the driver has ended the transfer.
        self.respond(tag, header, CompletionCode::UNSPECIFIED, &[])
    }

    fn respond(&self, tag: Tag, header: Header, code: CompletionCode, data: &[u8]) -> Result<(), HostError> {
        let mut interface = self.channel.interface();
        let mut result = interface.respond(tag, &header.response(code, data));
        if matches!(result, Err(HostError::TooLong)) {
            self.channel.counters.count(Counter::TooLong);
            result = interface.respond(tag, &header.response(CompletionCode::CANNOT_RETURN_BYTES, &[]));
        }
        match result {
            Err(HostError::Withdrawn) => {
                self.channel.counters.count(Counter::Abort);
                Ok(())
            }
            result => result,
        }
    }
}
