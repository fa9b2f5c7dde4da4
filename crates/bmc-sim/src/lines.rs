//! The board's GPIO lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line between BMC and board. Levels are electrical: `true` is high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Board to BMC: the main rails are good.
    PowerOk,
    /// BMC to board: the power button, pressed by the BMC.
    PowerButton,
    /// BMC to board: the reset button, pressed by the BMC.
    ResetButton,
    /// Board to BMC: the front panel's power button.
    PowerButtonIn,
    /// Board to BMC: the front panel's reset button.
    ResetButtonIn,
    /// Board to BMC: the host's firmware has handed over to the operating system.
    PostComplete,
    /// Board to BMC: the chipset is in S5, where a shutdown ends and a loss of power does not.
    SioS5,
    /// BMC to board: diagnostic interrupt.
    Nmi,
    /// BMC to board: the ring indicator of the host's serial port, which wakes it.
    RingIndicator,
    /// BMC to board: the identify LED.
    IdentifyLed,
    /// Board to BMC: the front panel's identify button.
    IdButtonIn,
    /// Board to BMC: the chassis is open.
    ChassisIntrusion,
    /// Board to BMC: there is a power supply in the first slot.
    Psu1Present,
    /// Board to BMC: there is a power supply in the second slot.
    Psu2Present,
    /// Board to BMC: there is a processor in the first socket.
    Cpu1Present,
    /// Board to BMC: there is a processor in the second socket.
    Cpu2Present,
}

impl Line {
    /// Every line.
    pub const ALL: [Self; 16] = [
        Self::PowerOk,
        Self::PowerButton,
        Self::ResetButton,
        Self::PowerButtonIn,
        Self::ResetButtonIn,
        Self::PostComplete,
        Self::SioS5,
        Self::Nmi,
        Self::RingIndicator,
        Self::IdentifyLed,
        Self::IdButtonIn,
        Self::ChassisIntrusion,
        Self::Psu1Present,
        Self::Psu2Present,
        Self::Cpu1Present,
        Self::Cpu2Present,
    ];

    /// The name on the sockets and in a board's power configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerOk => "power-ok",
            Self::PowerButton => "power-button",
            Self::ResetButton => "reset-button",
            Self::PowerButtonIn => "power-button-in",
            Self::ResetButtonIn => "reset-button-in",
            Self::PostComplete => "post-complete",
            Self::SioS5 => "sio-s5",
            Self::Nmi => "nmi",
            Self::RingIndicator => "ring-indicator",
            Self::IdentifyLed => "identify-led",
            Self::IdButtonIn => "id-button-in",
            Self::ChassisIntrusion => "chassis-intrusion",
            Self::Psu1Present => "psu1-present",
            Self::Psu2Present => "psu2-present",
            Self::Cpu1Present => "cpu1-present",
            Self::Cpu2Present => "cpu2-present",
        }
    }

    /// The line of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.name() == name)
    }

    /// Whether it only shows what somebody's hands did to the board.
    pub fn is_by_hand(self) -> bool {
        matches!(self, Self::ChassisIntrusion | Self::Cpu1Present | Self::Cpu2Present)
    }

    /// Whether the BMC drives it.
    pub fn is_output_of_bmc(self) -> bool {
        matches!(
            self,
            Self::PowerButton | Self::ResetButton | Self::Nmi | Self::RingIndicator | Self::IdentifyLed
        )
    }
}

/// The level of every line, and which are active when low.
#[derive(Debug, Clone)]
pub struct Lines {
    active_low: Vec<Line>,
    levels: BTreeMap<Line, bool>,
    changes: Vec<(Line, bool)>,
}

impl Lines {
    /// Every line inactive, which for an active-low one is high: pull-ups hold it there until the BMC drives it.
    pub fn new(active_low: &[Line]) -> Self {
        let levels = Line::ALL.into_iter().map(|line| (line, active_low.contains(&line))).collect();
        Self { active_low: active_low.to_vec(), levels, changes: Vec::new() }
    }

    /// The electrical level.
    pub fn level(&self, line: Line) -> bool {
        self.levels.get(&line).copied().unwrap_or(false)
    }

    /// Whether the line says what its name says.
    pub fn is_active(&self, line: Line) -> bool {
        self.level(line) != self.active_low.contains(&line)
    }

    /// Sets the electrical level.
    pub fn set_level(&mut self, line: Line, level: bool) {
        if self.levels.insert(line, level) != Some(level) {
            self.changes.push((line, level));
        }
    }

    /// Makes the line say what its name says, or not.
    pub fn set_active(&mut self, line: Line, active: bool) {
        self.set_level(line, active != self.active_low.contains(&line));
    }

    /// The changes since the last call, oldest first.
    pub fn take_changes(&mut self) -> Vec<(Line, bool)> {
        std::mem::take(&mut self.changes)
    }
}
