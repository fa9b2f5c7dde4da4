//! The machine, its lines and what it remembers: what lives on while the bus is away.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bmc_daemon::{Shutdown, StateFile};
use bmc_hw::gpio::{GpioError, LineEvent, Lines, Source};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    config::{Board, Settings},
    machine::{
        self, Action, Input, Machine, Output, Past, PowerEvent, Request, RestartCause, RestorePolicy, State,
        Status,
    },
    notice::{self, Notice},
    on_time::OnTime,
};

/// Each gives its level at the start in this order: power-ok, with which the state becomes known, after what tells more of it. A host
/// that is found past POST is then found so, and nobody takes it for one whose system boots at this moment.
const INPUTS: &[(&str, Input)] = &[
    ("PostComplete", Input::PostComplete),
    ("SIOS5", Input::SioS5),
    ("PowerOk", Input::PowerOk),
    ("PowerButton", Input::PowerButton),
    ("ResetButton", Input::ResetButton),
    ("NMIButton", Input::NmiButton),
    ("IdButton", Input::IdButton),
];
/// Ours: x86-power-control leaves LEDs to others.
const IDENTIFY_LED: &str = "IdentifyLed";
const RETRY: Duration = Duration::from_secs(2);
const OUTPUTS: &[Output] = &[Output::Power, Output::Reset, Output::Nmi];
const MINUTE: Duration = Duration::from_secs(60);
/// A new one with each start of the BMC.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A button of the front panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Button {
    /// The last part of its object's path.
    pub(crate) name: &'static str,
    line: &'static str,
    input: Input,
    /// What the board passes it on to, where it does that by itself.
    output: Option<Output>,
}

/// All that a board can have; [`View::pressed`] and [`View::masked`] are in this order.
pub(crate) const BUTTONS: [Button; 4] = [
    Button { name: "power", line: "PowerButton", input: Input::PowerButton, output: Some(Output::Power) },
    Button { name: "reset", line: "ResetButton", input: Input::ResetButton, output: Some(Output::Reset) },
    Button { name: "nmi", line: "NMIButton", input: Input::NmiButton, output: None },
    Button { name: "id", line: "IdButton", input: Input::IdButton, output: None },
];

/// What outlives powerd: some 300 bytes, written at each change of power or policy, and once an hour while the host is on
/// (24 times a day, 7 kB).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    pub(crate) host_on: bool,
    /// The BMC's boot in which a loss of mains power was last looked for.
    pub(crate) boot_id: String,
    pub(crate) policy: RestorePolicy,
    pub(crate) restore_delay_us: u64,
    pub(crate) on_minutes: u32,
    pub(crate) restart_cause: RestartCause,
    pub(crate) last_power_event: PowerEvent,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            host_on: false,
            boot_id: String::new(),
            policy: RestorePolicy::AlwaysOff,
            restore_delay_us: 0,
            on_minutes: 0,
            restart_cause: RestartCause::Unknown,
            last_power_event: PowerEvent::None,
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
    /// Whole hours with the host on.
    pub(crate) on_hours: u32,
    pub(crate) pressed: [bool; BUTTONS.len()],
    pub(crate) masked: [bool; BUTTONS.len()],
    /// What the board has.
    pub(crate) has_button: [bool; BUTTONS.len()],
    pub(crate) has_identify: bool,
}

/// What the bus asks for.
#[derive(Debug)]
pub(crate) enum Ask {
    Request(Request),
    /// The watchdog acts.
    Watchdog(Request),
    Cause(RestartCause),
    Policy(RestorePolicy),
    RestoreDelay(u64),
    Identify(bool),
    /// By the place in [`BUTTONS`].
    Mask(usize, bool),
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
    notices: broadcast::Sender<Notice>,
    boot_id: String,
    on_time: OnTime,
    /// The last trouble with the lines and with the file: what stays the same is told once.
    told: [String; 2],
}

/// Places in [`Core::told`].
const LINES: usize = 0;
const FILE: usize = 1;

impl Core {
    pub(crate) fn new(
        settings: &Settings,
        board: Board,
        source: Source,
        path: PathBuf,
    ) -> anyhow::Result<(Self, watch::Receiver<View>)> {
        let file = StateFile::new(path);
        let memory: Memory = file.load()?.unwrap_or_default();
        let boot_id = boot_id()?;
        let goes_by = machine::Settings {
            timings: board.timings,
            force_off_after_graceful: settings.force_off_after_graceful,
            button_passthrough: settings.button_passthrough,
            power_ok_debounce: Duration::from_millis(settings.power_ok_debounce_ms.into()),
            has_s5: board.lines.contains_key("SIOS5"),
            policy: memory.policy,
            restore_delay: Duration::from_micros(memory.restore_delay_us),
        };
        let past = Past {
            was_on: memory.host_on,
            new_boot: memory.boot_id != boot_id,
            restart_cause: memory.restart_cause,
            last_power_event: memory.last_power_event,
        };
        let machine = Machine::new(goes_by, past);
        let on_time = OnTime::new(memory.on_minutes);
        let (view, seen) = watch::channel(View {
            state: machine.state(),
            status: machine.status(),
            on_hours: memory.on_minutes / 60,
            memory,
            identify: false,
            changed_ms: epoch_ms(),
            pressed: [false; BUTTONS.len()],
            masked: [false; BUTTONS.len()],
            has_button: BUTTONS.map(|button| board.lines.contains_key(button.line)),
            has_identify: board.lines.contains_key(IDENTIFY_LED),
        });
        let (notices, told) = (notice::channel(), [String::new(), String::new()]);
        Ok((Self { machine, board, source, lines: None, file, view, notices, boot_id, on_time, told }, seen))
    }

    /// Where to hear of what befalls the host.
    pub(crate) fn notices(&self) -> broadcast::Sender<Notice> {
        self.notices.clone()
    }

    /// Runs until `stop`. Never touches the host's power at its end: it only lets go of what it holds.
    pub(crate) async fn run(mut self, mut asked: mpsc::Receiver<Asked>, mut stop: Shutdown) {
        let mut minutes = tokio::time::interval_at(tokio::time::Instant::now() + MINUTE, MINUTE);
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let timeout = self.machine.next_timeout();
            tokio::select! {
                Some((ask, answer)) = asked.recv() => { let _ = answer.send(self.ask(ask)); }
                event = next_event(&mut self.lines) => self.line(event),
                () = sleep_until(timeout) => self.machine.handle_timeout(Instant::now()),
                _ = minutes.tick() => self.count_minute(),
                _ = retry.tick(), if self.lines.is_none() => self.open().await,
                () = stop.requested() => return self.end().await,
            }
            self.act();
        }
    }

    async fn end(mut self) {
        self.machine.stop();
        self.act();
        if self.on_time.is_unsaved() {
            self.save(|_| {});
        }
        if let Some(lines) = self.lines.take() {
            lines.close().await;
        }
    }

    async fn open(&mut self) {
        let name = |name: &str| Some(self.board.lines.get(name)?.line.clone());
        let inputs: Vec<String> = INPUTS.iter().filter_map(|(input, _)| name(input)).collect();
        let outputs = OUTPUTS.iter().map(|output| output_name(*output)).chain([IDENTIFY_LED]);
        let outputs: Vec<String> = outputs.filter_map(name).collect();
        match Lines::open(&self.source, &inputs, &outputs).await {
            Ok(lines) => {
                tracing::info!("watching {} gpio lines", inputs.len());
                self.told[LINES].clear();
                self.lines = Some(lines);
                self.let_go();
            }
            Err(error) => {
                self.tell(LINES, format!("{error}\ntrying again every {RETRY:?} until they are there"))
            }
        }
    }

    /// A powerd that was killed in mid-press left the button down. The light shows what it should.
    fn let_go(&mut self) {
        for output in OUTPUTS {
            if self.board.lines.contains_key(output_name(*output)) {
                self.logged(|core| core.drive(output_name(*output), false));
                self.release(*output);
            }
        }
        if self.board.lines.contains_key(IDENTIFY_LED) {
            let on = self.view.borrow().identify;
            self.logged(|core| core.drive(IDENTIFY_LED, on));
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
                    self.level(input, event.high != active_low);
                }
            }
            Err(error) if error.is_lost() => {
                tracing::error!("{error}: the host's state is unknown; connecting again");
                self.lines = None;
                self.machine.lines_lost();
            }
            Err(error) => self.tell(LINES, error.to_string()),
        }
    }

    fn level(&mut self, input: Input, asserted: bool) {
        if let Some(place) = BUTTONS.iter().position(|button| button.input == input) {
            self.view.send_if_modified(|view| {
                let before = view.pressed;
                if let Some(pressed) = view.pressed.get_mut(place) {
                    *pressed = asserted;
                }
                before != view.pressed
            });
        }
        self.machine.input(Instant::now(), input, asserted);
    }

    fn ask(&mut self, ask: Ask) -> Result<(), String> {
        match ask {
            Ask::Request(request) => {
                tracing::info!("request over D-Bus: {request:?}");
                let _ = self.notices.send(Notice::Requested);
                self.request(request, RestartCause::RemoteCommand)?;
            }
            Ask::Watchdog(request) => self.request(request, RestartCause::WatchdogTimer)?,
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
            Ask::Mask(place, masked) => self.mask(place, masked)?,
        }
        Ok(())
    }

    fn request(&mut self, request: Request, cause: RestartCause) -> Result<(), String> {
        let needed = match request {
            Request::Nmi => output_name(Output::Nmi),
            Request::Reset => output_name(Output::Reset),
            _ => output_name(Output::Power),
        };
        if !self.board.lines.contains_key(needed) {
            return Err(format!("this board has no {needed} line"));
        }
        self.machine.request(Instant::now(), request, cause).map_err(|refused| refused.to_string())
    }

    fn identify(&mut self, on: bool) -> Result<(), String> {
        self.drive(IDENTIFY_LED, on)?;
        self.view.send_modify(|view| view.identify = on);
        Ok(())
    }

    /// Passes a button over. Where the board wires it to the host itself, holding the output at rest keeps it from there.
    fn mask(&mut self, place: usize, masked: bool) -> Result<(), String> {
        let button = *BUTTONS.get(place).ok_or("no such button")?;
        let output = button.output.filter(|output| self.board.lines.contains_key(output_name(*output)));
        if let Some(output) = output.filter(|_| masked) {
            self.drive(output_name(output), false)?;
        }
        self.machine.mask(button.input, masked);
        self.view.send_modify(|view| {
            if let Some(mask) = view.masked.get_mut(place) {
                *mask = masked;
            }
        });
        if let Some(output) = output {
            self.release(output);
        }
        Ok(())
    }

    /// Lets go of an output, unless it masks a button.
    fn release(&mut self, output: Output) {
        let masked = self.view.borrow().masked;
        let held = BUTTONS.iter().zip(masked).any(|(button, masked)| masked && button.output == Some(output));
        if let (false, Some(line), Some(lines)) =
            (held, self.board.lines.get(output_name(output)), self.lines.as_mut())
        {
            lines.release(&line.line);
        }
    }

    /// Stores a change, and shows it only if it is on flash.
    fn remember(&mut self, change: impl FnOnce(&mut Memory)) -> Result<(), String> {
        let mut memory = self.view.borrow().memory.clone();
        change(&mut memory);
        memory.on_minutes = self.on_time.minutes();
        self.file.store(&memory).map_err(|error| error.to_string())?;
        self.on_time.saved();
        self.view.send_if_modified(|view| {
            let differs = view.memory != memory;
            view.memory = memory;
            differs
        });
        Ok(())
    }

    /// As [`Self::remember`], for what nobody waits for.
    fn save(&mut self, change: impl FnOnce(&mut Memory)) {
        match self.remember(change) {
            Ok(()) => self.told[FILE].clear(),
            Err(error) => self.tell(FILE, error),
        }
    }

    fn tell(&mut self, place: usize, trouble: String) {
        if let Some(told) = self.told.get_mut(place).filter(|told| **told != trouble) {
            tracing::error!("{trouble}");
            *told = trouble;
        }
    }

    fn count_minute(&mut self) {
        if !matches!(self.machine.state(), State::OnPost | State::OnOs | State::GracefulOff { .. }) {
            return;
        }
        self.on_time.count();
        if self.on_time.is_due() {
            self.save(|_| {});
        }
        let hours = self.on_time.minutes() / 60;
        self.view.send_if_modified(|view| std::mem::replace(&mut view.on_hours, hours) != hours);
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
            if let Some(notice) = Notice::of(&action, self.machine.status().restart_cause) {
                // Nobody need listen.
                let _ = self.notices.send(notice);
            }
            match action {
                Action::Set(output, asserted) => {
                    self.logged(|core| core.drive(output_name(output), asserted));
                    if !asserted {
                        self.release(output);
                    }
                }
                Action::ToggleIdentify => {
                    let on = !self.view.borrow().identify;
                    self.logged(|core| core.identify(on));
                }
                Action::Changed { from, to, why } => {
                    tracing::info!("host: {} -> {}: {why}", from.name(), to.name());
                    self.view.send_modify(|view| view.changed_ms = epoch_ms());
                }
                Action::Reset(cause) => tracing::info!("host: reset: {}", cause.name()),
                Action::Nmi => tracing::info!("host: interrupted"),
                Action::Restarted => tracing::info!("host: restarted by itself"),
                Action::PowerEvent(event, why) => tracing::warn!("power event {}: {why}", event.name()),
            }
        }
        let (state, status) = (self.machine.state(), self.machine.status());
        self.view.send_if_modified(|view| {
            let differs = view.state != state || view.status != status;
            (view.state, view.status) = (state, status);
            differs
        });
        self.keep();
    }

    /// Stores what the next run has to know, where it changed.
    fn keep(&mut self) {
        let mut memory = self.view.borrow().memory.clone();
        let status = self.machine.status();
        memory.host_on = self.machine.host_was_on();
        (memory.restart_cause, memory.last_power_event) = (status.restart_cause, status.last_power_event);
        if self.machine.is_restored() {
            memory.boot_id.clone_from(&self.boot_id);
        }
        if memory != self.view.borrow().memory {
            self.save(|kept| *kept = memory);
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

/// Which start of the BMC this is.
pub(crate) fn boot_id() -> anyhow::Result<String> {
    let text = std::fs::read_to_string(BOOT_ID).map_err(|error| anyhow::anyhow!("{BOOT_ID}: {error}"))?;
    Ok(text.trim().to_owned())
}

async fn next_event(lines: &mut Option<Lines>) -> Result<LineEvent, GpioError> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

pub(crate) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn epoch_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
