use std::time::Duration;

use super::*;

/// A board with a virtual clock around the machine.
struct Story {
    now: Instant,
    machine: Machine,
    outputs: Vec<(Output, bool)>,
}

fn settings(policy: RestorePolicy) -> Settings {
    Settings {
        timings: Timings {
            power_pulse: Duration::from_millis(200),
            force_off_pulse: Duration::from_secs(15),
            reset_pulse: Duration::from_millis(500),
            power_cycle: Duration::from_secs(5),
            power_ok_watchdog: Duration::from_secs(8),
            graceful_power_off: Duration::from_secs(300),
        },
        force_off_after_graceful: false,
        button_passthrough: true,
        power_ok_debounce: Duration::ZERO,
        has_s5: true,
        policy,
        restore_delay: Duration::from_secs(10),
    }
}

impl Story {
    fn with(settings: Settings, was_on: bool, power_ok: bool) -> Self {
        Self::after(settings, was_on, false, power_ok)
    }

    fn after(settings: Settings, was_on: bool, new_boot: bool, power_ok: bool) -> Self {
        let Status { restart_cause, last_power_event, .. } = Status::default();
        let machine = Machine::new(settings, Past { was_on, new_boot, restart_cause, last_power_event });
        let mut story = Self { now: Instant::now(), machine, outputs: Vec::new() };
        story.input(Input::PowerOk, power_ok);
        story
    }

    fn off() -> Self {
        Self::with(settings(RestorePolicy::AlwaysOff), false, false)
    }

    fn on() -> Self {
        let mut story = Self::with(settings(RestorePolicy::AlwaysOff), true, true);
        story.input(Input::PostComplete, true);
        story
    }

    fn collect(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            if let Action::Set(output, asserted) = action {
                self.outputs.push((output, asserted));
            }
        }
    }

    fn input(&mut self, input: Input, asserted: bool) {
        self.machine.input(self.now, input, asserted);
        self.collect();
    }

    fn ask(&mut self, request: Request) {
        self.machine.request(self.now, request, RestartCause::RemoteCommand).unwrap();
        self.collect();
    }

    /// Lets time pass, with each timeout at its instant.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.next_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.machine.handle_timeout(due);
            self.collect();
        }
        self.now = end;
    }

    fn state(&self) -> &'static str {
        self.machine.state().name()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn power_on_is_a_short_press_then_power_ok_then_post() {
    let mut story = Story::off();
    story.ask(Request::On);
    story.pass(SECOND);
    assert_eq!(story.outputs, [(Output::Power, true), (Output::Power, false)]);
    assert_eq!(story.state(), "WaitForPowerOk");
    story.input(Input::PowerOk, true);
    assert_eq!(story.state(), "On (POST)");
    story.input(Input::PostComplete, true);
    assert_eq!(story.state(), "On (OS)");
    assert_eq!(story.machine.status().restart_cause, RestartCause::RemoteCommand);
}

#[test]
fn power_ok_that_never_comes_is_a_power_fault() {
    let mut story = Story::off();
    story.ask(Request::On);
    story.pass(9 * SECOND);
    assert_eq!(story.state(), "Off");
    let status = story.machine.status();
    assert!(status.power_fault && status.control_fault);
    assert_eq!(status.last_power_event, PowerEvent::PowerFault);
}

#[test]
fn a_forced_off_holds_the_button_until_power_is_gone() {
    let mut story = Story::on();
    story.ask(Request::Off);
    story.pass(5 * SECOND);
    assert_eq!(story.outputs, [(Output::Power, true)]);
    story.input(Input::PowerOk, false);
    assert_eq!(story.outputs, [(Output::Power, true), (Output::Power, false)]);
    assert_eq!(story.state(), "Off");
    assert_eq!(story.machine.status().last_power_event, PowerEvent::None);
    assert!(!story.machine.status().power_fault);
}

#[test]
fn a_forced_off_without_effect_is_a_control_fault_and_the_host_stays_on() {
    let mut story = Story::on();
    story.ask(Request::Off);
    story.pass(16 * SECOND);
    assert_eq!(story.state(), "On (OS)");
    assert!(story.machine.status().control_fault);
    assert_eq!(story.outputs.last(), Some(&(Output::Power, false)));
}

#[test]
fn a_cycle_stays_off_for_its_time_and_comes_back() {
    let mut story = Story::on();
    story.ask(Request::Cycle);
    story.input(Input::PowerOk, false);
    story.pass(4 * SECOND);
    assert_eq!(story.state(), "CycleOff");
    story.pass(2 * SECOND);
    assert_eq!(story.state(), "WaitForPowerOk");
    story.input(Input::PowerOk, true);
    assert!(story.state().starts_with("On"));
}

#[test]
fn a_reset_is_a_pulse_and_post_runs_again() {
    let mut story = Story::on();
    story.machine.request_cause(RestartCause::WatchdogTimer);
    story.ask(Request::Reset);
    story.pass(SECOND);
    assert_eq!(story.outputs, [(Output::Reset, true), (Output::Reset, false)]);
    story.input(Input::PostComplete, false);
    story.input(Input::PostComplete, true);
    assert_eq!(story.state(), "On (OS)");
    assert_eq!(story.machine.status().restart_cause, RestartCause::WatchdogTimer);
}

#[test]
fn a_soft_off_that_the_host_ignores_leaves_it_on_or_forces_as_configured() {
    for (forces, state) in [(false, "On (POST)"), (true, "WaitForPowerOkLoss")] {
        let settings = Settings { force_off_after_graceful: forces, ..settings(RestorePolicy::AlwaysOff) };
        let mut story = Story::with(settings, true, true);
        story.ask(Request::Soft);
        story.pass(301 * SECOND);
        assert_eq!(story.state(), state);
    }
}

#[test]
fn a_graceful_reboot_comes_back_on() {
    let mut story = Story::on();
    story.ask(Request::GracefulReboot);
    story.input(Input::PowerOk, false);
    story.pass(6 * SECOND);
    assert_eq!(story.state(), "WaitForPowerOk");
}

#[test]
fn each_policy_does_its_own_after_a_loss_of_mains_power() {
    use RestartCause::{PowerPolicyAlwaysOn, PowerPolicyPreviousState, Unknown};
    for (policy, cause) in [
        (RestorePolicy::AlwaysOn, PowerPolicyAlwaysOn),
        (RestorePolicy::Restore, PowerPolicyPreviousState),
        (RestorePolicy::AlwaysOff, Unknown),
        (RestorePolicy::None, Unknown),
    ] {
        let mut story = Story::after(settings(policy), true, true, false);
        assert_eq!(story.machine.status().last_power_event, PowerEvent::AcFailure);
        assert_eq!(story.machine.host_was_on(), cause != Unknown, "a second start restores as well");
        story.pass(9 * SECOND);
        assert_eq!(story.outputs, [], "the delay is kept");
        story.pass(2 * SECOND);
        assert_eq!(!story.outputs.is_empty(), cause != Unknown, "{policy:?}");
        assert_eq!(story.machine.status().restart_cause, cause);
    }
}

#[test]
fn a_host_that_was_off_stays_off_with_restore_and_after_a_restart_of_powerd() {
    for (policy, new_boot) in [(RestorePolicy::Restore, true), (RestorePolicy::AlwaysOn, false)] {
        let mut story = Story::after(settings(policy), false, new_boot, false);
        story.pass(20 * SECOND);
        assert_eq!((story.state(), story.outputs.len()), ("Off", 0));
    }
}

#[test]
fn a_restart_of_powerd_finds_the_host_on_and_touches_nothing() {
    let story = Story::with(settings(RestorePolicy::AlwaysOn), true, true);
    assert_eq!((story.state(), story.outputs.len()), ("On (POST)", 0));
}

#[test]
fn power_that_goes_without_a_request_is_a_fault_and_its_return_is_followed() {
    let mut story = Story::on();
    story.input(Input::PowerOk, false);
    assert_eq!(story.state(), "Off");
    assert!(story.machine.status().power_fault);
    story.input(Input::PowerOk, true);
    assert_eq!(story.state(), "On (OS)");
    assert_eq!(story.outputs, []);
}

#[test]
fn a_host_that_went_to_s5_shut_down_by_itself() {
    let mut story = Story::on();
    story.input(Input::SioS5, true);
    story.input(Input::PowerOk, false);
    assert!(!story.machine.status().power_fault);
}

#[test]
fn the_power_button_switches_on_asks_for_shutdown_and_held_forces_off() {
    let mut story = Story::off();
    story.input(Input::PowerButton, true);
    story.input(Input::PowerButton, false);
    story.input(Input::PowerOk, true);
    assert_eq!(story.machine.status().restart_cause, RestartCause::PowerButton);
    story.input(Input::PowerButton, true);
    assert_eq!(story.state(), "GracefulTransitionToOff");
    story.pass(5 * SECOND);
    assert_eq!(story.state(), "WaitForPowerOkLoss");
}

#[test]
fn what_a_state_does_not_allow_is_refused_with_the_reason() {
    let mut story = Story::off();
    let refused = story.machine.request(story.now, Request::Reset, RestartCause::Unknown).unwrap_err();
    assert_eq!(refused.to_string(), "Reset cannot be done: the host is off (state Off)");
    story.machine.lines_lost();
    assert!(story.machine.allows(Request::On).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn an_output_that_was_asserted_when_the_lines_went_is_released_when_they_return() {
    let mut story = Story::on();
    story.ask(Request::Reset);
    story.machine.lines_lost();
    story.pass(SECOND.mul_f32(0.1));
    story.input(Input::PowerOk, true);
    assert_eq!(story.outputs, [(Output::Reset, true), (Output::Reset, false)]);
}

#[test]
fn a_host_that_went_off_while_powerd_was_down_did_not_lose_mains_power_and_stays_off() {
    for policy in [RestorePolicy::Restore, RestorePolicy::AlwaysOn] {
        let mut story = Story::after(settings(policy), true, false, false);
        story.pass(20 * SECOND);
        assert_eq!((story.state(), story.outputs.len()), ("Off", 0));
        assert_eq!(story.machine.status().last_power_event, PowerEvent::None);
    }
}

#[test]
fn a_glitch_of_power_ok_is_nothing_and_a_steady_loss_is() {
    let settings = Settings { power_ok_debounce: SECOND / 50, ..settings(RestorePolicy::AlwaysOff) };
    let mut story = Story::with(settings, true, true);
    for _ in 0..3 {
        story.input(Input::PowerOk, false);
        story.pass(SECOND / 100);
        story.input(Input::PowerOk, true);
        story.pass(SECOND);
    }
    assert_eq!(story.state(), "On (POST)");
    story.input(Input::PowerOk, false);
    story.pass(SECOND / 50);
    assert_eq!(story.state(), "Off");
    assert!(story.machine.status().power_fault);
}

#[test]
fn without_an_s5_line_power_that_goes_by_itself_is_a_shutdown() {
    let settings = Settings { has_s5: false, ..settings(RestorePolicy::AlwaysOff) };
    let mut story = Story::with(settings, true, true);
    story.input(Input::PowerOk, false);
    assert_eq!(story.state(), "Off");
    assert_eq!((story.machine.status().power_fault, story.outputs.len()), (false, 0));
}

#[test]
fn the_last_power_event_is_a_command_only_where_a_command_switched_on() {
    let mut story = Story::off();
    story.ask(Request::On);
    story.input(Input::PowerOk, true);
    assert_eq!(story.machine.status().last_power_event, PowerEvent::Command);
    story.ask(Request::Soft);
    story.input(Input::PowerOk, false);
    assert_eq!(story.machine.status().last_power_event, PowerEvent::Command, "it was on by command");
    story.input(Input::PowerButton, true);
    story.input(Input::PowerButton, false);
    story.input(Input::PowerOk, true);
    assert_eq!(story.machine.status().last_power_event, PowerEvent::None);
}

#[test]
fn a_request_for_what_is_so_already_does_nothing_and_is_no_error() {
    let mut on = Story::on();
    on.ask(Request::On);
    assert_eq!((on.state(), on.outputs.len()), ("On (OS)", 0));
    assert_eq!(on.machine.status().restart_cause, RestartCause::Unknown);
    let mut off = Story::off();
    off.ask(Request::Off);
    off.ask(Request::Soft);
    assert_eq!((off.state(), off.outputs.len()), ("Off", 0));
    assert!(off.machine.request(off.now, Request::Cycle, RestartCause::Unknown).is_err());
    off.ask(Request::On);
    off.ask(Request::On);
    off.pass(SECOND);
    assert_eq!(off.outputs, [(Output::Power, true), (Output::Power, false)]);
}

#[test]
fn off_during_a_cycle_stays_off() {
    let mut story = Story::on();
    story.ask(Request::Cycle);
    story.ask(Request::Off);
    story.input(Input::PowerOk, false);
    story.pass(60 * SECOND);
    assert_eq!((story.state(), story.outputs.len()), ("Off", 2));
}

#[test]
fn on_or_cycle_while_the_host_goes_off_is_done_once_it_is_off() {
    for request in [Request::On, Request::Cycle] {
        let mut story = Story::on();
        story.ask(Request::Off);
        story.ask(Request::Off);
        story.pass(SECOND);
        story.ask(request);
        story.ask(request);
        assert_eq!(story.outputs, [(Output::Power, true)], "the button stays held");
        assert!(story.machine.host_was_on(), "a restore would switch it on");
        story.input(Input::PowerOk, false);
        story.ask(request);
        story.pass(6 * SECOND);
        assert_eq!(story.state(), "WaitForPowerOk");
        story.input(Input::PowerOk, true);
        assert_eq!(story.machine.status().restart_cause, RestartCause::RemoteCommand);
        assert_eq!(story.machine.status().last_power_event, PowerEvent::Command);
    }
}

#[test]
fn on_after_a_soft_off_waits_for_the_shutdown_and_off_takes_it_back() {
    let mut story = Story::on();
    story.ask(Request::Soft);
    story.ask(Request::On);
    story.pass(100 * SECOND);
    assert_eq!(story.state(), "GracefulTransitionToCycleOff");
    story.input(Input::PowerOk, false);
    story.pass(6 * SECOND);
    assert_eq!(story.state(), "WaitForPowerOk");
    let mut story = Story::on();
    story.ask(Request::Off);
    story.ask(Request::On);
    story.ask(Request::Off);
    story.input(Input::PowerOk, false);
    story.pass(60 * SECOND);
    assert_eq!(story.state(), "Off");
}

#[test]
fn what_a_host_on_its_way_off_cannot_do_is_refused_with_the_reason() {
    let mut story = Story::on();
    story.ask(Request::Off);
    for request in [Request::Reset, Request::GracefulReboot, Request::Nmi] {
        let refused = story.machine.allows(request).unwrap_err();
        assert_eq!(refused.reason, "the host is going off");
    }
    story.ask(Request::On);
    assert_eq!(story.machine.allows(Request::Soft).unwrap_err().reason, "the host is going off");
}

#[test]
fn a_remembered_on_is_dropped_with_a_word_where_power_never_goes() {
    let mut story = Story::on();
    story.ask(Request::Off);
    story.ask(Request::On);
    let deadline = story.machine.next_timeout().unwrap();
    story.machine.handle_timeout(deadline);
    let told = std::iter::from_fn(|| story.machine.poll_action())
        .any(|action| matches!(action, Action::Changed { why, .. } if why.contains("is dropped")));
    assert!(told && story.machine.status().control_fault);
    story.input(Input::SioS5, true);
    story.input(Input::PowerOk, false);
    story.pass(60 * SECOND);
    assert_eq!(story.state(), "Off", "what was dropped does not come back");
}

#[test]
fn off_before_power_ok_came_ends_off_and_not_on() {
    let mut story = Story::off();
    story.ask(Request::On);
    story.ask(Request::Off);
    story.pass(16 * SECOND);
    assert_eq!((story.state(), story.machine.status().control_fault), ("Off", false));
}

#[test]
fn a_restart_of_the_operating_system_is_told_from_a_shutdown_by_power_ok() {
    let mut story = Story::on();
    story.input(Input::PostComplete, false);
    story.input(Input::SioS5, true);
    story.input(Input::PowerOk, false);
    story.pass(SECOND);
    assert_eq!((story.state(), story.machine.status().restart_cause), ("Off", RestartCause::Unknown));
    let mut story = Story::on();
    story.input(Input::PostComplete, false);
    story.pass(SECOND);
    assert_eq!((story.state(), story.machine.status().restart_cause), ("On (POST)", RestartCause::SoftReset));
}

#[test]
fn stopping_releases_what_is_asserted_and_nothing_else() {
    let mut story = Story::on();
    story.machine.stop();
    story.collect();
    assert_eq!(story.outputs, []);
    story.ask(Request::Off);
    story.machine.stop();
    story.collect();
    assert_eq!(story.outputs, [(Output::Power, true), (Output::Power, false)]);
}

#[test]
fn the_panels_nmi_button_interrupts_a_host_that_is_on_and_only_that() {
    let mut story = Story::on();
    story.input(Input::NmiButton, true);
    story.pass(SECOND);
    assert_eq!(story.outputs, [(Output::Nmi, true), (Output::Nmi, false)]);
    let mut story = Story::off();
    story.input(Input::NmiButton, true);
    assert_eq!(story.outputs, []);
}

#[test]
fn a_masked_button_does_nothing() {
    let mut story = Story::on();
    story.machine.mask(Input::PowerButton, true);
    story.input(Input::PowerButton, true);
    story.pass(10 * SECOND);
    assert_eq!((story.state(), story.outputs.len()), ("On (OS)", 0));
    story.machine.mask(Input::PowerButton, false);
    story.input(Input::PowerButton, true);
    assert_eq!(story.state(), "GracefulTransitionToOff");
}

#[test]
fn a_restore_leaves_the_loss_of_mains_to_be_seen_and_an_older_command_not() {
    for (was_on, event) in [(true, PowerEvent::AcFailure), (false, PowerEvent::None)] {
        let past = Past {
            was_on,
            new_boot: true,
            restart_cause: RestartCause::RemoteCommand,
            last_power_event: PowerEvent::Command,
        };
        let machine = Machine::new(settings(RestorePolicy::AlwaysOn), past);
        let mut story = Story { now: Instant::now(), machine, outputs: Vec::new() };
        story.input(Input::PowerOk, false);
        story.pass(11 * SECOND);
        story.input(Input::PowerOk, true);
        assert_eq!(story.machine.status().last_power_event, event);
        assert_eq!(story.machine.status().restart_cause, RestartCause::PowerPolicyAlwaysOn);
    }
}
