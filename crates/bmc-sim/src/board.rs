//! The board's physics and faults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    BoardConfig, Button, Fault, Host, HostPhase, Line, Lines, Request, SensorState,
    control::Reply,
    noise::Noise,
    power_supply::{CHANNELS, Supply},
    sensor::{Model, Sensor, Unit},
};

/// The whole board as a value: requests, line levels and time in; sensors and line levels out.
#[derive(Debug, Clone)]
pub struct Board {
    config: BoardConfig,
    host: Host,
    lines: Lines,
    sensors: Vec<Sensor>,
    supplies: Vec<Supply>,
    load: f64,
    power_ok_held: bool,
    /// Seconds until the front panel's buttons are let go.
    pressed: BTreeMap<Line, f64>,
    /// PWM by hwmon device and number.
    pwm: BTreeMap<(usize, u32), u8>,
    noise: Noise,
    seconds: f64,
}

/// A board's state, for tests and people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardState {
    /// The board's name.
    pub name: String,
    /// How long it has been there.
    pub seconds: f64,
    /// What the host does.
    pub host: HostPhase,
    /// Whether the main rails are good.
    pub power_ok: bool,
    /// Whether they are kept from being good.
    pub power_ok_held: bool,
    /// Whether the firmware has handed over.
    pub post_complete: bool,
    /// Whether the operating system ignores its power button.
    pub hung: bool,
    /// How often the firmware began, by power-on or reset, since the board appeared.
    pub boots: u32,
    /// How often the reset button took effect.
    pub resets: u32,
    /// Diagnostic interrupts taken.
    pub interrupts: u32,
    /// Process of the machine that is the host, where one is and runs.
    #[serde(default)]
    pub machine: Option<u32>,
    /// Whether the identify LED is lit.
    pub identify_led: bool,
    /// The host's load, 0 to 1.
    pub load: f64,
    /// Watts drawn from the supplies.
    pub watts: f64,
    /// Electrical level of every line by name.
    pub lines: BTreeMap<Line, bool>,
    /// The power supplies.
    pub psus: Vec<SupplyState>,
    /// The sensors.
    pub sensors: Vec<SensorState>,
}

/// A power supply's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupplyState {
    /// Its name.
    pub name: String,
    /// Whether it is broken.
    pub failed: bool,
    /// Whether the mains reach it.
    pub ac: bool,
    /// Whether it is in its slot.
    pub present: bool,
    /// Watts it gives.
    pub watts: f64,
}

impl BoardState {
    /// The sensor of this name.
    pub fn sensor(&self, name: &str) -> Option<&SensorState> {
        self.sensors.iter().find(|sensor| sensor.name == name)
    }
}

impl Board {
    /// A board in balance with its load.
    pub fn new(config: BoardConfig) -> Self {
        let supplies: Vec<Supply> =
            config.supplies.iter().map(|supply| Supply::new(supply.clone(), config.ambient)).collect();
        let mut board = Self {
            host: Host::new(config.host.clone()),
            lines: Lines::new(&config.host.active_low),
            sensors: sensors(&config),
            pwm: initial_pwm(&config),
            noise: Noise::new(config.seed),
            load: config.load,
            supplies,
            power_ok_held: false,
            pressed: BTreeMap::new(),
            seconds: 0.0,
            config,
        };
        for line in board.config.active.clone() {
            board.lines.set_active(line, true);
        }
        // Twice: temperatures need the fans' speed.
        board.move_on(1e6);
        board.move_on(1e6);
        board.sample();
        board.lines.take_changes();
        board
    }

    /// The host, for what its machine says of itself.
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// Lets `dt` seconds pass.
    pub fn step(&mut self, dt: f64) {
        self.seconds += dt;
        self.release_buttons(dt);
        let rails = self.rails_can_be_good();
        self.host.step(dt, rails);
        self.move_on(dt);
    }

    /// Every sensor measures once.
    pub fn sample(&mut self) {
        for sensor in &mut self.sensors {
            sensor.sample(&mut self.noise);
        }
    }

    /// The BMC drives `line` to `level`.
    ///
    /// # Errors
    /// A text where the line is not the BMC's to drive.
    pub fn drive(&mut self, line: Line, level: bool) -> Result<(), String> {
        if !line.is_output_of_bmc() {
            return Err(format!("line `{}` is an input of the BMC", line.name()));
        }
        let was = self.lines.is_active(line);
        self.lines.set_level(line, level);
        let active = self.lines.is_active(line);
        match line {
            Line::Nmi if active && !was => self.host.interrupt(),
            Line::RingIndicator if active && !was => self.host.wake(self.supplied()),
            _ => {}
        }
        self.apply_buttons();
        self.show_host();
        Ok(())
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The lines' levels.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Line changes since the last call, oldest first.
    pub fn take_line_changes(&mut self) -> Vec<(Line, bool)> {
        self.lines.take_changes()
    }

    /// The BMC wrote a PWM.
    pub fn set_pwm(&mut self, device: usize, number: u32, duty: u8) {
        if let Some(pwm) = self.pwm.get_mut(&(device, number)) {
            *pwm = duty;
        }
    }

    pub(crate) fn pwm(&self) -> &BTreeMap<(usize, u32), u8> {
        &self.pwm
    }

    pub(crate) fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    pub(crate) fn config(&self) -> &BoardConfig {
        &self.config
    }

    /// Whether a sensor's device is pulled out.
    pub(crate) fn is_gone(&self, device: usize) -> bool {
        self.sensors.iter().any(|sensor| sensor.device == device && sensor.fault == Some(Fault::Disappear))
    }

    /// The power supplies with the index of the hwmon device of each.
    pub(crate) fn supplies(&self) -> impl Iterator<Item = (usize, &Supply)> {
        (self.config.devices.len()..).zip(&self.supplies)
    }

    /// Whether a device does not answer: a supply that is not in its slot.
    pub(crate) fn is_unplugged(&self, device: usize) -> bool {
        self.supplies().any(|(of, supply)| of == device && !supply.present)
    }

    /// Does what the control socket asks.
    pub fn control(&mut self, request: &Request) -> Reply {
        match self.try_control(request) {
            Ok(()) if *request == Request::State => Reply::State(Box::new(self.state())),
            Ok(()) => Reply::Ok(true),
            Err(message) => Reply::Error(message),
        }
    }

    fn try_control(&mut self, request: &Request) -> Result<(), String> {
        match request {
            Request::State => {}
            Request::Sensor { name, fault, value } => self.set_fault(name, *fault, *value)?,
            Request::PowerOk { hold_low } => self.power_ok_held = *hold_low,
            Request::Button { button, milliseconds } => self.press(*button, *milliseconds),
            Request::Psu { name, failed } => {
                self.supply(name)?.failed = *failed;
            }
            Request::PsuPresence { name, present } => self.supply(name)?.present = *present,
            Request::Line { line, active } if line.is_by_hand() => self.lines.set_active(*line, *active),
            Request::Line { line, .. } => return Err(format!("hands do not move line `{}`", line.name())),
            Request::Load { load } if (0.0..=1.0).contains(load) => self.load = *load,
            Request::Load { load } => return Err(format!("load {load} is not 0 to 1")),
            Request::Ac { present } => self.supplies.iter_mut().for_each(|supply| supply.ac = *present),
            Request::Host { hung } => self.host.hung = *hung,
        }
        self.step(0.0);
        Ok(())
    }

    fn supply(&mut self, name: &str) -> Result<&mut Supply, String> {
        let supply = self.supplies.iter_mut().find(|supply| supply.config.name.get_ref() == name);
        supply.ok_or_else(|| format!("no power supply `{name}`"))
    }

    fn set_fault(&mut self, name: &str, fault: Option<Fault>, value: Option<f64>) -> Result<(), String> {
        let sensor = self.sensors.iter_mut().find(|sensor| sensor.name == name);
        let sensor = sensor.ok_or_else(|| format!("no sensor `{name}`"))?;
        match (fault, value) {
            (Some(Fault::Set), Some(value)) if value.is_finite() => sensor.value = value,
            (Some(Fault::Set), _) => return Err("`set` needs a value".to_owned()),
            (_, Some(_)) => return Err("a value goes with `set` alone".to_owned()),
            (_, None) => {}
        }
        sensor.fault = fault;
        Ok(())
    }

    fn press(&mut self, button: Button, milliseconds: u32) {
        let line = match button {
            Button::Power => Line::PowerButtonIn,
            Button::Reset => Line::ResetButtonIn,
            Button::Id => Line::IdButtonIn,
        };
        self.lines.set_active(line, true);
        self.pressed.insert(line, f64::from(milliseconds) / 1000.0);
        self.apply_buttons();
    }

    fn release_buttons(&mut self, dt: f64) {
        let lines = &mut self.lines;
        self.pressed.retain(|line, left| {
            *left -= dt;
            if *left <= 0.0 {
                lines.set_active(*line, false);
            }
            *left > 0.0
        });
        self.apply_buttons();
    }

    /// Front panel and BMC are wired to the same pins of the chipset.
    fn apply_buttons(&mut self) {
        let either = |a, b| self.lines.is_active(a) || self.lines.is_active(b);
        let power = either(Line::PowerButton, Line::PowerButtonIn);
        let reset = either(Line::ResetButton, Line::ResetButtonIn);
        let supplied = self.supplied();
        self.host.power_button(power, supplied);
        self.host.reset_button(reset);
    }

    fn supplied(&self) -> bool {
        self.supplies.is_empty() || self.supplies.iter().any(Supply::gives)
    }

    fn rails_can_be_good(&self) -> bool {
        self.supplied() && !self.power_ok_held
    }

    fn show_host(&mut self) {
        // Before power-ok, as chipsets do.
        self.lines.set_active(Line::SioS5, self.host.in_s5());
        self.lines.set_active(Line::PowerOk, self.host.has_power());
        self.lines.set_active(Line::PostComplete, self.host.post_complete());
        for supply in &self.supplies {
            if let Some(line) = supply.config.presence {
                self.lines.set_active(line, supply.present);
            }
        }
    }

    fn watts(&self) -> f64 {
        let watts = &self.config.watts;
        let host =
            if self.host.has_power() { watts.idle + (watts.full - watts.idle) * self.load } else { 0.0 };
        if self.supplied() { watts.standby + host } else { 0.0 }
    }

    /// Everything analogue moves towards its balance.
    fn move_on(&mut self, dt: f64) {
        self.show_host();
        let giving = self.supplies.iter().filter(|supply| supply.gives()).count();
        let share = self.watts() / f64::from(u32::try_from(giving.max(1)).unwrap_or(1));
        for supply in &mut self.supplies {
            supply.step(dt, share, self.config.ambient);
        }
        let cooling = self.cooling();
        for index in 0..self.sensors.len() {
            let Some(sensor) = self.sensors.get(index) else { continue };
            if sensor.fault != Some(Fault::Set) {
                let value = self.next_value(sensor, dt, cooling);
                if let Some(sensor) = self.sensors.get_mut(index) {
                    sensor.value = value;
                }
            }
        }
    }

    /// 1 with every fan at full speed; less air makes the same load hotter, to three times with no air at all.
    fn cooling(&self) -> f64 {
        let speeds: Vec<f64> = self
            .sensors
            .iter()
            .filter_map(|sensor| match &sensor.model {
                Model::Fan(fan) => Some(sensor.value / fan.max_rpm),
                _ => None,
            })
            .collect();
        if speeds.is_empty() {
            return 1.0;
        }
        let mean = speeds.iter().sum::<f64>() / f64::from(u32::try_from(speeds.len()).unwrap_or(1));
        (1.0 / 3.0 + mean * 2.0 / 3.0).clamp(1.0 / 3.0, 1.0)
    }

    fn next_value(&self, sensor: &Sensor, dt: f64, cooling: f64) -> f64 {
        let toward = |target: f64, seconds: f64| {
            sensor.value + (target - sensor.value) * (1.0 - (-dt / seconds).exp())
        };
        let on = self.host.has_power();
        match &sensor.model {
            Model::Temperature(model) => {
                let host = if on { (model.idle + model.load * self.load) / cooling } else { model.standby };
                toward(self.config.ambient + host, model.seconds)
            }
            Model::Voltage(model) if self.supplied() && (on || model.standby) => {
                // Rails sag a little under load.
                model.nominal * (1.0 - 0.01 * self.load * f64::from(u8::from(on)))
            }
            Model::Voltage(_) => 0.0,
            Model::Fan(model) => {
                let duty = self.pwm.get(&(sensor.device, model.pwm)).copied().unwrap_or(model.start);
                let target = if on { model.max_rpm * f64::from(duty) / 255.0 } else { 0.0 };
                let speed = toward(target, 1.5);
                // A tach that sees no more pulses says zero.
                if target == 0.0 && speed < 0.02 * model.max_rpm { 0.0 } else { speed }
            }
            Model::Supply(index, quantity) => {
                self.supplies.get(*index).map_or(0.0, |supply| supply.value(*quantity))
            }
        }
    }

    fn state(&self) -> BoardState {
        BoardState {
            name: self.config.name.clone(),
            seconds: self.seconds,
            host: self.host.phase(),
            power_ok: self.lines.is_active(Line::PowerOk),
            power_ok_held: self.power_ok_held,
            post_complete: self.lines.is_active(Line::PostComplete),
            hung: self.host.hung,
            boots: self.host.boots,
            resets: self.host.resets,
            interrupts: self.host.interrupts,
            machine: None,
            identify_led: self.lines.is_active(Line::IdentifyLed),
            load: self.load,
            watts: self.watts(),
            lines: Line::ALL.into_iter().map(|line| (line, self.lines.level(line))).collect(),
            psus: self.supplies.iter().map(supply_state).collect(),
            sensors: self.sensors.iter().map(sensor_state).collect(),
        }
    }
}

fn supply_state(supply: &Supply) -> SupplyState {
    SupplyState {
        name: supply.config.name.get_ref().clone(),
        failed: supply.failed,
        ac: supply.ac,
        present: supply.present,
        watts: supply.load,
    }
}

/// The tree, which knows paths, fills in `attribute`.
fn sensor_state(sensor: &Sensor) -> SensorState {
    SensorState {
        name: sensor.name.clone(),
        value: sensor.value,
        unit: sensor.unit,
        raw: sensor.raw,
        attribute: None,
        fault: sensor.fault,
    }
}

fn initial_pwm(config: &BoardConfig) -> BTreeMap<(usize, u32), u8> {
    let devices = config.devices.iter().enumerate();
    devices
        .flat_map(|(index, device)| device.channels.iter().map(move |channel| (index, channel)))
        .filter_map(|(index, channel)| channel.fan.as_ref().map(|fan| ((index, fan.pwm), fan.start)))
        .collect()
}

/// The sensors of the devices in the file's order, then those of the supplies.
fn sensors(config: &BoardConfig) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    let mut add = |name: String, device, attribute: &str, label: Option<&str>, unit, model| {
        sensors.push(Sensor {
            name,
            device,
            attribute: attribute.to_owned(),
            label: label.map(str::to_owned),
            model,
            unit,
            value: 0.0,
            raw: 0,
            fault: None,
        });
    };
    for (device, description) in config.devices.iter().enumerate() {
        for channel in &description.channels {
            let (unit, model) = match (&channel.temperature, &channel.voltage, &channel.fan) {
                (Some(model), _, _) => (Unit::Celsius, Model::Temperature(model.clone())),
                (_, Some(model), _) => (Unit::Volts, Model::Voltage(model.clone())),
                (_, _, Some(model)) => (Unit::Rpm, Model::Fan(model.clone())),
                // The file was refused.
                _ => continue,
            };
            let name = channel.name.get_ref().clone();
            add(name, device, &channel.attribute, channel.label.as_deref(), unit, model);
        }
    }
    for (index, supply) in config.supplies.iter().enumerate() {
        for (quantity, ending, attribute, label, unit) in CHANNELS {
            let name = format!("{}_{ending}", supply.name.get_ref());
            let device = config.devices.len() + index;
            add(name, device, attribute, label, unit, Model::Supply(index, quantity));
        }
    }
    sensors
}
