//! The host: power sequence, firmware, operating system.

use serde::{Deserialize, Serialize};

/// How long what takes on the host, in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// From the press of the power button to power-ok.
    pub power_ok_s: f64,
    /// From power-ok (or a reset) to post-complete.
    pub post_s: f64,
    /// From a soft-off request to power off.
    pub soft_off_s: f64,
    /// A power button held this long takes the power away whatever runs.
    pub force_off_s: f64,
    /// Whether the host runs when the board appears.
    pub starts_on: bool,
    /// Lines that are active when low.
    pub active_low: Vec<crate::Line>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            power_ok_s: 0.3,
            post_s: 3.0,
            soft_off_s: 1.5,
            force_off_s: 4.0,
            starts_on: true,
            active_low: Vec::new(),
        }
    }
}

/// What the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostPhase {
    /// Main power is off.
    Off,
    /// The button was pressed; the rails come up.
    PoweringOn,
    /// The firmware runs.
    Post,
    /// The operating system runs.
    Os,
    /// The operating system shuts down.
    ShuttingDown,
}

/// What reaches the host's machine over the board's wires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The main rails are good.
    PowerOn,
    /// The main rails are gone.
    PowerOff,
    /// The power button was pressed for a moment, for the operating system to see.
    PowerButton,
    /// The reset line was let go.
    Reset,
    /// The diagnostic interrupt.
    Interrupt,
}

/// The host as a value: buttons and time in, phase out.
#[derive(Debug, Clone)]
pub struct Host {
    config: HostConfig,
    phase: HostPhase,
    /// Seconds until the phase ends by itself.
    left: f64,
    /// How long the power button is held; `None` when it is not, or its press has had its effect.
    held: Option<f64>,
    /// The power failed; nobody turned the host off.
    failed: bool,
    reset_held: bool,
    /// A machine that runs in earnest is the host: the model keeps its firmware's time and leaves the rest to it.
    has_machine: bool,
    wires: Vec<Wire>,
    /// The operating system does not listen to the power button.
    pub hung: bool,
    /// How often the host began its firmware, power-ons included.
    pub boots: u32,
    /// Resets without loss of power.
    pub resets: u32,
    /// Diagnostic interrupts.
    pub interrupts: u32,
}

impl Host {
    /// A host that is off or runs its operating system.
    pub fn new(config: HostConfig) -> Self {
        let phase = if config.starts_on { HostPhase::Os } else { HostPhase::Off };
        Self {
            config,
            phase,
            left: 0.0,
            held: None,
            failed: false,
            reset_held: false,
            has_machine: false,
            wires: Vec::new(),
            hung: false,
            boots: 0,
            resets: 0,
            interrupts: 0,
        }
    }

    /// Puts a machine in the place of the modelled operating system. It is off: its BMC has to be there before it looks for one.
    pub fn attach_machine(&mut self) {
        self.has_machine = true;
        self.phase = HostPhase::Off;
    }

    /// The machine turned itself off.
    pub fn machine_ended(&mut self) {
        if self.has_power() {
            self.enter(HostPhase::Off);
        }
    }

    /// The machine restarted by itself. Firmware that does so (some begins every reset with one) has not begun anew.
    pub fn machine_restarted(&mut self) {
        if self.post_complete() {
            self.enter(HostPhase::Post);
        }
    }

    /// What went over the wires to the machine since the last call, oldest first.
    pub fn take_wires(&mut self) -> Vec<Wire> {
        std::mem::take(&mut self.wires)
    }

    /// What it does now.
    pub fn phase(&self) -> HostPhase {
        self.phase
    }

    /// Whether the main rails are good.
    pub fn has_power(&self) -> bool {
        !matches!(self.phase, HostPhase::Off | HostPhase::PoweringOn)
    }

    /// Whether the firmware has handed over.
    pub fn post_complete(&self) -> bool {
        matches!(self.phase, HostPhase::Os | HostPhase::ShuttingDown)
    }

    /// Whether the chipset is in S5: off because somebody turned it off.
    pub fn in_s5(&self) -> bool {
        self.phase == HostPhase::Off && !self.failed
    }

    /// The power button goes down or up. `supplied`: whether there is anything to power on from.
    pub fn power_button(&mut self, pressed: bool, supplied: bool) {
        match (pressed, self.held) {
            (true, None) => {
                self.held = Some(0.0);
                if self.phase == HostPhase::Off && supplied {
                    self.enter(HostPhase::PoweringOn);
                    // This press has had its effect: held on, it must not turn the host off again.
                    self.held = Some(f64::NEG_INFINITY);
                }
            }
            (false, Some(held)) => {
                self.held = None;
                if held >= 0.0 {
                    self.short_press();
                }
            }
            _ => {}
        }
    }

    /// The ring indicator was asserted: a host that is off and `supplied` powers on, as firmware has it where wake on ring is on.
    pub fn wake(&mut self, supplied: bool) {
        if self.phase == HostPhase::Off && supplied {
            self.enter(HostPhase::PoweringOn);
        }
    }

    fn short_press(&mut self) {
        match self.phase {
            // Before ACPI is enabled the chipset itself turns off.
            HostPhase::Post => self.enter(HostPhase::Off),
            // Whether it listens is its own affair.
            HostPhase::Os if self.has_machine => self.wires.push(Wire::PowerButton),
            HostPhase::Os if !self.hung => self.enter(HostPhase::ShuttingDown),
            _ => {}
        }
    }

    /// The reset button goes down or up; the host starts again when it is let go.
    pub fn reset_button(&mut self, pressed: bool) {
        if self.reset_held && !pressed && self.has_power() {
            self.resets += 1;
            self.hung = false;
            self.enter(HostPhase::Post);
            self.wires.push(Wire::Reset);
        }
        self.reset_held = pressed;
    }

    /// The diagnostic interrupt is asserted.
    pub fn interrupt(&mut self) {
        if self.has_power() {
            self.interrupts += 1;
            self.wires.push(Wire::Interrupt);
        }
    }

    /// The main rails fail, for want of AC or by a fault.
    pub fn lose_power(&mut self) {
        self.enter(HostPhase::Off);
        self.failed = true;
    }

    /// Lets `dt` seconds pass. `rails_good`: whether the main rails can be good at all.
    pub fn step(&mut self, dt: f64, rails_good: bool) {
        if !rails_good && self.has_power() {
            self.lose_power();
        }
        if let Some(held) = &mut self.held {
            *held += dt;
            if *held >= self.config.force_off_s {
                *held = f64::NEG_INFINITY;
                self.enter(HostPhase::Off);
            }
        }
        self.left -= dt;
        if self.left > 0.0 {
            return;
        }
        match self.phase {
            HostPhase::PoweringOn if rails_good => {
                self.enter(HostPhase::Post);
                self.wires.push(Wire::PowerOn);
            }
            HostPhase::Post => self.enter(HostPhase::Os),
            HostPhase::ShuttingDown => self.enter(HostPhase::Off),
            _ => {}
        }
    }

    fn enter(&mut self, phase: HostPhase) {
        if phase == HostPhase::Off && self.has_power() {
            self.wires.push(Wire::PowerOff);
        }
        self.phase = phase;
        self.failed = false;
        self.left = match phase {
            HostPhase::PoweringOn => self.config.power_ok_s,
            HostPhase::Post => self.config.post_s,
            HostPhase::ShuttingDown => self.config.soft_off_s,
            HostPhase::Off | HostPhase::Os => 0.0,
        };
        match phase {
            HostPhase::Post => self.boots += 1,
            HostPhase::Off => self.hung = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(starts_on: bool) -> Host {
        Host::new(HostConfig { starts_on, ..HostConfig::default() })
    }

    fn press(host: &mut Host, seconds: f64) {
        host.power_button(true, true);
        pass(host, seconds);
        host.power_button(false, true);
    }

    fn pass(host: &mut Host, seconds: f64) {
        let mut left = seconds;
        while left > 0.0 {
            host.step(0.05, true);
            left -= 0.05;
        }
    }

    #[test]
    fn a_press_powers_on_and_the_host_boots() {
        let mut host = host(false);
        press(&mut host, 0.2);
        assert_eq!(host.phase(), HostPhase::PoweringOn);
        pass(&mut host, 0.3);
        assert!(host.has_power() && !host.post_complete());
        pass(&mut host, 3.1);
        assert_eq!(host.phase(), HostPhase::Os);
    }

    #[test]
    fn a_short_press_asks_the_operating_system_and_a_long_one_does_not() {
        let mut soft = host(true);
        press(&mut soft, 0.2);
        assert_eq!(soft.phase(), HostPhase::ShuttingDown);
        pass(&mut soft, 1.6);
        assert_eq!((soft.phase(), soft.in_s5()), (HostPhase::Off, true));
        let mut hung = host(true);
        hung.hung = true;
        press(&mut hung, 0.2);
        pass(&mut hung, 5.0);
        assert_eq!(hung.phase(), HostPhase::Os, "it does not listen");
        press(&mut hung, 4.1);
        assert_eq!(hung.phase(), HostPhase::Off);
    }

    #[test]
    fn the_press_that_powers_on_never_powers_off() {
        let mut host = host(false);
        press(&mut host, 10.0);
        assert_eq!(host.phase(), HostPhase::Os);
    }

    #[test]
    fn a_reset_boots_again_without_losing_power() {
        let mut host = host(true);
        host.reset_button(true);
        host.step(0.1, true);
        host.reset_button(false);
        assert_eq!((host.phase(), host.resets, host.has_power()), (HostPhase::Post, 1, true));
        pass(&mut host, 3.1);
        assert!(host.post_complete());
    }

    #[test]
    fn a_machine_hears_of_its_power_and_its_buttons_and_decides_on_the_shutdown_itself() {
        let mut host = host(true);
        host.attach_machine();
        assert_eq!((host.phase(), host.take_wires()), (HostPhase::Off, vec![]));
        press(&mut host, 0.2);
        pass(&mut host, 0.2);
        assert_eq!((host.phase(), host.take_wires()), (HostPhase::Post, vec![Wire::PowerOn]));
        pass(&mut host, 3.1);
        press(&mut host, 0.2);
        pass(&mut host, 5.0);
        assert_eq!((host.phase(), host.take_wires()), (HostPhase::Os, vec![Wire::PowerButton]));
        host.machine_ended();
        assert_eq!((host.phase(), host.in_s5()), (HostPhase::Off, true));
        assert_eq!(host.take_wires(), [Wire::PowerOff]);
        press(&mut host, 0.2);
        pass(&mut host, 0.5);
        host.reset_button(true);
        host.reset_button(false);
        host.interrupt();
        host.lose_power();
        assert_eq!(host.take_wires(), [Wire::PowerOn, Wire::Reset, Wire::Interrupt, Wire::PowerOff]);
    }

    #[test]
    fn a_machine_that_restarts_itself_goes_through_its_firmware_and_was_not_reset() {
        let mut host = host(true);
        host.attach_machine();
        press(&mut host, 0.2);
        pass(&mut host, 3.3);
        host.take_wires();
        host.machine_restarted();
        assert_eq!((host.phase(), host.boots, host.resets), (HostPhase::Post, 2, 0));
        assert_eq!(host.take_wires(), []);
        pass(&mut host, 1.0);
        host.machine_restarted();
        assert_eq!(host.boots, 2, "its firmware ran still");
    }

    #[test]
    fn rails_that_do_not_come_up_leave_the_host_waiting_and_rails_that_fail_turn_it_off() {
        let mut host = host(false);
        host.power_button(true, true);
        for _ in 0..100 {
            host.step(0.05, false);
        }
        assert_eq!(host.phase(), HostPhase::PoweringOn);
        host.step(0.05, true);
        assert!(host.has_power());
        host.step(0.05, false);
        assert_eq!((host.phase(), host.in_s5()), (HostPhase::Off, false));
    }
}
