//! The host's power as a pure state machine: no clock, no line, no bus.
//!
//! States and behaviour follow x86-power-control, with these differences: power-ok is debounced; with an SIOS5 line, power that goes
//! without a request or S5 is a power fault (there it is a beep); a host that went off while powerd was down is no loss of mains
//! power, which the BMC's boot tells. What to do comes out of [`Machine::poll_action`]; when to call
//! [`Machine::handle_timeout`] is in [`Machine::next_timeout`].

#[cfg(test)]
mod tests;
mod types;

use std::{collections::VecDeque, time::Instant};

pub use types::*;

/// The machine.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    state: State,
    /// What the host was doing before power or powerd went away.
    was_on: bool,
    new_boot: bool,
    /// As believed; `settles` is when the other level will be.
    power_ok: bool,
    settles: Option<Instant>,
    post_complete: bool,
    /// When the host that is no longer past POST counts as restarted.
    warm_reset: Option<Instant>,
    s5: bool,
    /// Panel buttons that are passed over.
    masked: Vec<Input>,
    /// Outputs that are asserted, and until when.
    pulses: Vec<(Output, Instant)>,
    /// Since the panel's power button is down: when that means "off at once".
    held: Option<Instant>,
    requested_cause: Option<RestartCause>,
    status: Status,
    actions: VecDeque<Action>,
}

impl Machine {
    /// A machine that knows no line yet.
    pub fn new(settings: Settings, past: Past) -> Self {
        let Past { was_on, new_boot, restart_cause, last_power_event } = past;
        Self {
            settings,
            state: State::Unknown,
            was_on,
            new_boot,
            power_ok: false,
            settles: None,
            post_complete: false,
            warm_reset: None,
            s5: false,
            masked: Vec::new(),
            pulses: Vec::new(),
            held: None,
            requested_cause: None,
            status: Status { restart_cause, last_power_event, ..Status::default() },
            actions: VecDeque::new(),
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Faults, last power event and restart cause.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What the next start has to know: whether the host is on.
    pub fn host_was_on(&self) -> bool {
        self.was_on
    }

    /// Changes the restore policy; it counts at the next loss of mains power.
    pub fn set_policy(&mut self, policy: RestorePolicy) {
        self.settings.policy = policy;
    }

    /// Changes how long a restore waits.
    pub fn set_restore_delay(&mut self, delay: std::time::Duration) {
        self.settings.restore_delay = delay;
    }

    /// Passes a panel button over, or no longer.
    pub fn mask(&mut self, button: Input, masked: bool) {
        self.masked.retain(|other| *other != button);
        if masked {
            self.masked.push(button);
        }
    }

    /// Whether a loss of mains power since the last run is dealt with, so that the next run need not.
    pub fn is_restored(&self) -> bool {
        !matches!(self.state, State::Unknown | State::RestoreDelay { .. })
    }

    /// Notes the cause of the next restart in place of the one that its request implies.
    pub fn request_cause(&mut self, cause: RestartCause) {
        self.requested_cause = Some(cause);
    }

    /// What to do next, until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Machine::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        // Without lines nothing can be released; that happens when they are back.
        let pulses = self.pulses.iter().filter(|_| self.state != State::Unknown).map(|(_, until)| *until);
        let settling = [self.held, self.settles, self.warm_reset, self.state.deadline()];
        pulses.chain(settling.into_iter().flatten()).min()
    }

    /// Whether a request can be done now.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn allows(&self, request: Request) -> Result<(), Refused> {
        self.state.allows(request)
    }

    /// Starts what a client asks for; nothing happens where it [is so already](State::is_already).
    ///
    /// # Errors
    /// [`Refused`] where the state does not allow it.
    pub fn request(&mut self, now: Instant, request: Request, cause: RestartCause) -> Result<(), Refused> {
        self.allows(request)?;
        if self.state.is_already(request) {
            self.requested_cause = None;
            return Ok(());
        }
        match request {
            Request::On => self.on(now, cause),
            Request::Off => self.off(now, "request: off"),
            Request::Cycle => self.cycle(now, cause),
            Request::Soft => self.graceful_off(now, None, true, "request: soft off"),
            Request::GracefulReboot => self.graceful_off(now, Some(cause), true, "request: graceful reboot"),
            Request::Reset => self.reset(now, cause, true),
            Request::Nmi => self.nmi(now),
        }
        Ok(())
    }

    /// An input that is asserted or no longer. The first [`Input::PowerOk`] makes the state known.
    pub fn input(&mut self, now: Instant, input: Input, asserted: bool) {
        if self.masked.contains(&input) {
            return;
        }
        match input {
            Input::PowerOk if self.state == State::Unknown => self.found(now, asserted),
            Input::PowerOk => self.power_ok(now, asserted),
            Input::PostComplete => self.post(now, asserted),
            Input::SioS5 => self.s5 = asserted,
            Input::PowerButton => self.power_button(now, asserted),
            Input::ResetButton if asserted && self.allows(Request::Reset).is_ok() => {
                self.reset(now, RestartCause::ResetButton, self.settings.button_passthrough);
            }
            Input::NmiButton if asserted && self.allows(Request::Nmi).is_ok() => self.nmi(now),
            Input::IdButton if asserted => self.actions.push_back(Action::ToggleIdentify),
            Input::ResetButton | Input::NmiButton | Input::IdButton => {}
        }
    }

    /// The lines are gone: nothing is known until the next [`Input::PowerOk`].
    pub fn lines_lost(&mut self) {
        (self.held, self.settles, self.warm_reset) = (None, None, None);
        // What was asserted is released as soon as there are lines again.
        self.enter(State::Unknown, "the power lines cannot be read");
    }

    /// powerd ends, the host does not: no output stays asserted, and nothing else changes.
    pub fn stop(&mut self) {
        self.release(|_| true);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state != State::Unknown {
            self.release(|until| until <= now);
        }
        if self.settles.is_some_and(|until| until <= now) {
            self.power_settled(now, !self.power_ok);
        }
        if self.warm_reset.is_some_and(|until| until <= now) {
            self.restarted();
        }
        if self.held.is_some_and(|until| until <= now) {
            self.held = None;
            if self.state.may_have_power() && self.allows(Request::Off).is_ok() {
                self.off(now, "power button held");
            }
        }
        if self.state.deadline().is_some_and(|deadline| deadline <= now) {
            self.deadline_passed(now);
        }
    }

    fn deadline_passed(&mut self, now: Instant) {
        match self.state {
            State::WaitForPowerOk { .. } => {
                self.fault("power-ok did not come");
                self.status.control_fault = true;
                self.enter(State::Off, "power-ok did not come");
            }
            // Power never came: there was nothing to wait for.
            State::WaitForPowerOkLoss { .. } if !self.power_ok => self.power_went(now),
            State::WaitForPowerOkLoss { then, .. } => {
                self.status.control_fault = true;
                let dropped = "power-ok did not go; the request to go on again is dropped";
                self.enter(self.on_state(), then.map_or("power-ok did not go", |_| dropped));
            }
            State::GracefulOff { then, .. } if self.settings.force_off_after_graceful => {
                self.force_off(now, then, "the host did not shut down in time");
            }
            State::GracefulOff { .. } => self.enter(self.on_state(), "the host did not shut down in time"),
            State::CycleOff { cause, .. } | State::RestoreDelay { cause, .. } => {
                self.power_on(now, cause, true);
            }
            State::Unknown | State::Off | State::OnPost | State::OnOs => {}
        }
    }

    /// The first look at power-ok after a start or after the lines were gone.
    fn found(&mut self, now: Instant, power_ok: bool) {
        self.release(|_| true);
        self.power_ok = power_ok;
        let (was_on, new_boot) = (self.was_on, std::mem::take(&mut self.new_boot));
        if power_ok {
            return self.enter(self.on_state(), "found on");
        }
        // While the BMC ran, mains power was there: the host went off by itself, unseen.
        if was_on && new_boot {
            self.power_event(PowerEvent::AcFailure, "the host was on and is off: mains power was lost");
        }
        let cause = match self.settings.policy {
            RestorePolicy::AlwaysOn if new_boot => RestartCause::PowerPolicyAlwaysOn,
            RestorePolicy::Restore if was_on && new_boot => RestartCause::PowerPolicyPreviousState,
            _ => return self.enter(State::Off, "found off"),
        };
        let deadline = now + self.settings.restore_delay;
        self.enter(State::RestoreDelay { deadline, cause }, "restore policy");
        if deadline <= now {
            self.deadline_passed(now);
        }
    }

    /// A level of power-ok counts once it is steady.
    fn power_ok(&mut self, now: Instant, level: bool) {
        let debounce = self.settings.power_ok_debounce;
        if level == self.power_ok {
            self.settles = None;
        } else if debounce.is_zero() {
            self.power_settled(now, level);
        } else {
            self.settles.get_or_insert(now + debounce);
        }
    }

    fn power_settled(&mut self, now: Instant, level: bool) {
        (self.settles, self.power_ok) = (None, level);
        if level { self.power_came() } else { self.power_went(now) }
    }

    fn power_came(&mut self) {
        match self.state {
            State::WaitForPowerOk { .. } => {
                self.status.power_fault = false;
                self.status.control_fault = false;
                self.status.last_power_event = match (self.status.restart_cause, self.status.last_power_event)
                {
                    (RestartCause::RemoteCommand, _) => PowerEvent::Command,
                    // What they answer to stays to be seen.
                    (
                        RestartCause::PowerPolicyAlwaysOn | RestartCause::PowerPolicyPreviousState,
                        PowerEvent::AcFailure,
                    ) => PowerEvent::AcFailure,
                    _ => PowerEvent::None,
                };
                self.enter(self.on_state(), "power-ok");
            }
            State::Off | State::CycleOff { .. } | State::RestoreDelay { .. } => {
                self.status.power_fault = false;
                self.status.last_power_event = PowerEvent::None;
                self.status.restart_cause = self.requested_cause.take().unwrap_or(RestartCause::Unknown);
                self.enter(self.on_state(), "power-ok came without a request");
            }
            _ => {}
        }
    }

    fn power_went(&mut self, now: Instant) {
        self.warm_reset = None;
        match self.state {
            State::OnPost | State::OnOs if self.s5 => self.went_orderly(State::Off, "the host shut down"),
            State::OnPost | State::OnOs if !self.settings.has_s5 => {
                self.went_orderly(State::Off, "power-ok went; without an SIOS5 line: the host shut down");
            }
            State::OnPost | State::OnOs => {
                self.fault("power-ok went without a request");
                self.enter(State::Off, "power-ok went without a request");
            }
            State::GracefulOff { then, .. } | State::WaitForPowerOkLoss { then, .. } => {
                // Holding the button any longer would switch some boards on again.
                self.release(|_| true);
                self.status.control_fault = false;
                let deadline = now + self.settings.timings.power_cycle;
                let next = then.map_or(State::Off, |cause| State::CycleOff { deadline, cause });
                self.went_orderly(next, "power-ok went");
            }
            _ => {}
        }
    }

    /// Off as somebody wanted it: what made an earlier power-down is history, how power came on is not.
    fn went_orderly(&mut self, to: State, why: &'static str) {
        if self.status.last_power_event != PowerEvent::Command {
            self.status.last_power_event = PowerEvent::None;
        }
        self.enter(to, why);
    }

    fn post(&mut self, now: Instant, complete: bool) {
        self.post_complete = complete;
        match (self.state, complete) {
            (State::OnPost, true) => {
                if self.warm_reset.is_some() {
                    self.restarted();
                }
                self.enter(State::OnOs, "post complete");
            }
            (State::OnOs, false) => {
                self.warm_reset = Some(now + WARM_RESET_CHECK);
                self.enter(State::OnPost, "no longer past post: a restart or a shutdown");
            }
            _ => {}
        }
    }

    /// The host left its operating system and kept its power.
    fn restarted(&mut self) {
        self.warm_reset = None;
        self.status.restart_cause = self.requested_cause.take().unwrap_or(RestartCause::SoftReset);
        self.actions.push_back(Action::Restarted);
    }

    fn nmi(&mut self, now: Instant) {
        self.pulse(now, Output::Nmi, self.settings.timings.power_pulse);
        self.actions.push_back(Action::Nmi);
    }

    fn power_button(&mut self, now: Instant, pressed: bool) {
        let drive = self.settings.button_passthrough;
        self.held = pressed.then_some(now + BUTTON_OVERRIDE);
        match self.state {
            _ if !pressed => {}
            State::Off | State::RestoreDelay { .. } => {
                self.power_on(now, RestartCause::PowerButton, drive);
            }
            State::OnPost | State::OnOs => self.graceful_off(now, None, drive, "power button"),
            _ => {}
        }
    }

    fn power_on(&mut self, now: Instant, cause: RestartCause, drive: bool) {
        let timings = self.settings.timings;
        self.status.restart_cause = self.requested_cause.take().unwrap_or(cause);
        if drive {
            self.pulse(now, Output::Power, timings.power_pulse);
        }
        let deadline = now + timings.power_ok_watchdog;
        self.enter(State::WaitForPowerOk { deadline }, cause.name());
    }

    /// A host that is on its way off goes on once it is there.
    fn on(&mut self, now: Instant, cause: RestartCause) {
        const WHY: &str = "request: on, once the host is off";
        let then = Some(cause);
        match self.state {
            State::GracefulOff { deadline, .. } => self.enter(State::GracefulOff { deadline, then }, WHY),
            State::WaitForPowerOkLoss { deadline, .. } => {
                self.enter(State::WaitForPowerOkLoss { deadline, then }, WHY);
            }
            _ => self.power_on(now, cause, true),
        }
    }

    fn cycle(&mut self, now: Instant, cause: RestartCause) {
        match self.state {
            // The button is held as it is.
            State::WaitForPowerOkLoss { .. } => self.on(now, cause),
            _ => self.force_off(now, Some(cause), "request: cycle"),
        }
    }

    fn off(&mut self, now: Instant, why: &'static str) {
        match self.state {
            // The button is held as it is.
            State::WaitForPowerOkLoss { deadline, .. } => {
                self.enter(State::WaitForPowerOkLoss { deadline, then: None }, why);
            }
            state if state.may_have_power() => self.force_off(now, None, why),
            _ => self.enter(State::Off, why),
        }
    }

    fn force_off(&mut self, now: Instant, then: Option<RestartCause>, why: &'static str) {
        let pulse = self.settings.timings.force_off_pulse;
        self.pulse(now, Output::Power, pulse);
        self.enter(State::WaitForPowerOkLoss { deadline: now + pulse, then }, why);
    }

    fn graceful_off(&mut self, now: Instant, then: Option<RestartCause>, drive: bool, why: &'static str) {
        let timings = self.settings.timings;
        if drive {
            self.pulse(now, Output::Power, timings.power_pulse);
        }
        self.enter(State::GracefulOff { deadline: now + timings.graceful_power_off, then }, why);
    }

    fn reset(&mut self, now: Instant, cause: RestartCause, drive: bool) {
        let cause = self.requested_cause.take().unwrap_or(cause);
        (self.status.restart_cause, self.warm_reset) = (cause, None);
        // Set before post-complete goes, so that it is not taken for the host's own restart.
        self.enter(State::OnPost, cause.name());
        if drive {
            self.pulse(now, Output::Reset, self.settings.timings.reset_pulse);
        }
        self.actions.push_back(Action::Reset(cause));
    }

    /// Asserts an output until `length` has passed; a pulse under way is made that long.
    fn pulse(&mut self, now: Instant, output: Output, length: std::time::Duration) {
        self.pulses.retain(|(other, _)| *other != output);
        self.pulses.push((output, now + length));
        self.actions.push_back(Action::Set(output, true));
    }

    fn release(&mut self, due: impl Fn(Instant) -> bool) {
        let actions = &mut self.actions;
        self.pulses.retain(|(output, until)| {
            if due(*until) {
                actions.push_back(Action::Set(*output, false));
            }
            !due(*until)
        });
    }

    fn on_state(&self) -> State {
        if self.post_complete { State::OnOs } else { State::OnPost }
    }

    fn fault(&mut self, why: &'static str) {
        self.status.power_fault = true;
        self.power_event(PowerEvent::PowerFault, why);
    }

    fn power_event(&mut self, event: PowerEvent, why: &'static str) {
        self.status.last_power_event = event;
        self.actions.push_back(Action::PowerEvent(event, why));
    }

    fn enter(&mut self, to: State, why: &'static str) {
        let from = std::mem::replace(&mut self.state, to);
        // An unknown state leaves the memory alone: the host may well be on.
        if to != State::Unknown {
            self.was_on = to.is_meant_to_be_on();
        }
        if from != to {
            self.actions.push_back(Action::Changed { from, to, why });
        }
    }
}
