//! The machine, its lines and what it remembers: what lives on while the bus is away.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bmc_daemon::StateFile;
use bmc_hw::gpio::{GpioError, LineEvent, Lines, Source};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    config::{Board, Settings},
    machine::{self, Action, Input, Machine, Output, Request, RestartCause, RestorePolicy, State, Status},
};

const INPUTS: &[(&str, Input)] = &[
    ("PowerOk", Input::PowerOk),
    ("PostComplete", Input::PostComplete),
    ("SIOS5", Input::SioS5),
    ("PowerButton", Input::PowerButton),
    ("ResetButton", Input::ResetButton),
    ("NMIButton", Input::NmiButton),
    ("IdButton", Input::IdButton),
];
/// Ours: x86-power-control leaves LEDs to others.
const IDENTIFY_LED: &str = "IdentifyLed";
const RETRY: Duration = Duration::from_secs(2);
/// How often hours of operation go to flash: some 150 bytes, 24 times a day.
const HOURS_TICK: Duration = Duration::from_secs(3600);

/// What outlives powerd.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    pub(crate) host_on: bool,
    pub(crate) boot_id: String,
    pub(crate) policy: RestorePolicy,
    pub(crate) restore_delay_us: u64,
    pub(crate) on_hours: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            host_on: false,
            boot_id: String::new(),
            policy: RestorePolicy::AlwaysOff,
            restore_delay_us: 0,
            on_hours: 0,
        }
    }
}

/// What the bus shows.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) status: Status,
    pub(crate) memory: Memory,
    pub(crate) identify: bool,
    pub(crate) changed_ms: u64,
}

/// What the bus asks for.
#[derive(Debug)]
pub(crate) enum Ask {
    Request(Request),
    Cause(RestartCause),
    Policy(RestorePolicy),
    RestoreDelay(u64),
    Identify(bool),
}

/// A question and where the answer goes.
pub(crate) type Asked = (Ask, oneshot::Sender<Result<(), String>>);

pub(crate) struct Core {
    machine: Machine,
    board: Board,
    source: Source,
    lines: Option<Lines>,
    file: StateFile<Memory>,
    view: watch::Sender<View>,
}

impl Core {
    pub(crate) fn new(
        settings: &Settings,
        board: Board,
        source: Source,
        path: PathBuf,
    ) -> anyhow::Result<(Self, watch::Receiver<View>)> {
        let file = StateFile::new(path);
        let mut memory: Memory = file.load()?.unwrap_or_default();
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let new_boot = memory.boot_id != boot_id;
        memory.boot_id = boot_id;
        let goes_by = machine::Settings {
            timings: board.timings,
            force_off_after_graceful: settings.force_off_after_graceful,
            button_passthrough: settings.button_passthrough,
            policy: memory.policy,
            restore_delay: Duration::from_micros(memory.restore_delay_us),
        };
        let machine = Machine::new(goes_by, memory.host_on, new_boot);
        let (state, status) = (machine.state(), machine.status());
        let (view, seen) =
            watch::channel(View { state, status, memory, identify: false, changed_ms: epoch_ms() });
        Ok((Self { machine, board, source, lines: None, file, view }, seen))
    }

    /// Runs until nobody can ask any more. Never touches the host's power at its end.
    pub(crate) async fn run(mut self, mut asked: mpsc::Receiver<Asked>) {
        let mut hours = tokio::time::interval_at(tokio::time::Instant::now() + HOURS_TICK, HOURS_TICK);
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let timeout = self.machine.next_timeout();
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some((ask, answer)) => { let _ = answer.send(self.ask(ask)); }
                    None => return,
                },
                event = next_event(&mut self.lines) => self.line(event),
                () = sleep_until(timeout) => self.machine.handle_timeout(Instant::now()),
                _ = hours.tick() => self.count_hour(),
                _ = retry.tick(), if self.lines.is_none() => self.open().await,
            }
            self.act();
        }
    }

    async fn open(&mut self) {
        let inputs: Vec<String> =
            INPUTS.iter().filter_map(|(name, _)| Some(self.board.lines.get(*name)?.line.clone())).collect();
        match Lines::open(&self.source, &inputs).await {
            Ok(lines) => {
                tracing::info!("watching {} gpio lines", inputs.len());
                self.lines = Some(lines);
            }
            Err(error) => tracing::warn!("{error}; trying again in {RETRY:?}"),
        }
    }

    fn line(&mut self, event: Result<LineEvent, GpioError>) {
        match event {
            Ok(event) => {
                let found = INPUTS.iter().find_map(|(name, input)| {
                    let line = self.board.lines.get(*name)?;
                    (line.line == event.line).then_some((*input, line.active_low))
                });
                if let Some((input, active_low)) = found {
                    self.machine.input(Instant::now(), input, event.high != active_low);
                }
            }
            Err(error) if error.is_lost() => {
                tracing::error!("{error}: the host's state is unknown; connecting again");
                self.lines = None;
                self.machine.lines_lost();
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<(), String> {
        match ask {
            Ask::Request(Request::Nmi) if !self.board.lines.contains_key("NMIOut") => {
                return Err("this board has no NMIOut line".to_owned());
            }
            Ask::Request(Request::Reset) if !self.board.lines.contains_key("ResetOut") => {
                return Err("this board has no ResetOut line".to_owned());
            }
            Ask::Request(request) => {
                tracing::info!("request over D-Bus: {request:?}");
                let done = self.machine.request(Instant::now(), request, RestartCause::RemoteCommand);
                return done.map_err(|refused| refused.to_string());
            }
            Ask::Cause(cause) => self.machine.request_cause(cause),
            Ask::Policy(policy) => {
                self.remember(|memory| memory.policy = policy)?;
                self.machine.set_policy(policy);
            }
            Ask::RestoreDelay(delay) => {
                self.remember(|memory| memory.restore_delay_us = delay)?;
                self.machine.set_restore_delay(Duration::from_micros(delay));
            }
            Ask::Identify(on) => self.identify(on)?,
        }
        Ok(())
    }

    fn identify(&mut self, on: bool) -> Result<(), String> {
        self.drive(IDENTIFY_LED, on)?;
        self.view.send_modify(|view| view.identify = on);
        Ok(())
    }

    /// Stores a change, and shows it only if it is on flash.
    fn remember(&mut self, change: impl FnOnce(&mut Memory)) -> Result<(), String> {
        let mut memory = self.view.borrow().memory.clone();
        change(&mut memory);
        self.file.store(&memory).map_err(|error| error.to_string())?;
        self.view.send_modify(|view| view.memory = memory);
        Ok(())
    }

    fn count_hour(&mut self) {
        if matches!(self.machine.state(), State::OnPost | State::OnOs) {
            self.logged(|core| core.remember(|memory| memory.on_hours = memory.on_hours.saturating_add(1)));
        }
    }

    fn drive(&mut self, name: &str, asserted: bool) -> Result<(), String> {
        let line = self.board.lines.get(name).ok_or_else(|| format!("this board has no {name} line"))?;
        let lines = self.lines.as_mut().ok_or("the power lines cannot be reached")?;
        lines.set(&line.line, asserted != line.active_low).map_err(|error| error.to_string())
    }

    fn logged(&mut self, work: impl FnOnce(&mut Self) -> Result<(), String>) {
        if let Err(error) = work(self) {
            tracing::error!("{error}");
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Set(output, asserted) => {
                    self.logged(|core| core.drive(output_name(output), asserted))
                }
                Action::ToggleIdentify => {
                    let on = !self.view.borrow().identify;
                    self.logged(|core| core.identify(on));
                }
                Action::Changed { from, to, why } => {
                    tracing::info!("host: {} -> {}: {why}", from.name(), to.name());
                    self.view.send_modify(|view| view.changed_ms = epoch_ms());
                }
                Action::PowerEvent(event, why) => tracing::warn!("power event {}: {why}", event.name()),
            }
        }
        let (state, status, on) = (self.machine.state(), self.machine.status(), self.machine.host_was_on());
        self.view.send_if_modified(|view| {
            let differs = view.state != state || view.status != status;
            (view.state, view.status) = (state, status);
            differs
        });
        if self.view.borrow().memory.host_on != on {
            self.logged(|core| core.remember(|memory| memory.host_on = on));
        }
    }
}

fn output_name(output: Output) -> &'static str {
    match output {
        Output::Power => "PowerOut",
        Output::Reset => "ResetOut",
        Output::Nmi => "NMIOut",
    }
}

async fn next_event(lines: &mut Option<Lines>) -> Result<LineEvent, GpioError> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn epoch_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
