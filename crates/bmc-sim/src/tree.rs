//! The hwmon tree: what the kernel would show in sysfs.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::{Board, Fault, eeprom, power_supply::ALARMS, sensor::Sensor};

/// The tree of one board below `<dir>/sys`. Files change by rename, so that a reader never sees half a number, and only when their
/// text does.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    devices: Vec<Device>,
    next_number: u32,
    shown: BTreeMap<PathBuf, Shown>,
}

#[derive(Debug)]
struct Device {
    /// Real directory below the root.
    path: PathBuf,
    /// `<bus>-<address>`, where it is an I2C device.
    i2c: Option<String>,
    driver: String,
    /// N of hwmonN while it is there. A device that comes back gets another, as from the kernel.
    number: Option<u32>,
}

#[derive(Debug, PartialEq)]
enum Shown {
    Text(String),
    /// Opens, and reads as `EIO`.
    Error,
    /// Blocks whoever opens it.
    Fifo,
}

impl Tree {
    /// Makes `<dir>/sys` anew and shows `board` there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(dir: &Path, board: &mut Board) -> io::Result<Self> {
        let root = dir.join("sys");
        match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(root.join("class/hwmon"))?;
        fs::create_dir_all(root.join("bus/i2c/devices"))?;
        eeprom::show(&root, &board.config().eeproms)?;
        let mut tree = Self { root, devices: devices(board), next_number: 0, shown: BTreeMap::new() };
        tree.update(board)?;
        Ok(tree)
    }

    /// Reads what the BMC wrote, then shows what changed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn update(&mut self, board: &mut Board) -> io::Result<()> {
        self.read_pwm(board);
        for index in 0..self.devices.len() {
            let there = self.devices.get(index).is_some_and(|device| device.number.is_some());
            match (there, board.is_gone(index)) {
                (false, false) => self.add(index, board)?,
                (true, true) => self.remove(index)?,
                _ => {}
            }
        }
        for sensor in board.sensors() {
            if let Some(directory) = self.directory(sensor.device) {
                self.show(directory.join(format!("{}_input", sensor.attribute)), shown(board, sensor))?;
            }
        }
        self.show_alarms(board)
    }

    fn show_alarms(&mut self, board: &Board) -> io::Result<()> {
        for (device, supply) in board.supplies() {
            let Some(directory) = self.directory(device) else { continue };
            for (attribute, alarm) in ALARMS {
                let raised = Shown::Text(format!("{}\n", u8::from(supply.raises(alarm))));
                let shown = if supply.present { raised } else { Shown::Error };
                self.show(directory.join(attribute), shown)?;
            }
        }
        Ok(())
    }

    /// The path of a sensor's attribute below `sys/`, while its device is there.
    pub fn attribute(&self, board: &Board, name: &str) -> Option<String> {
        let sensor = board.sensors().iter().find(|sensor| sensor.name == name)?;
        let path = self.directory(sensor.device)?.join(format!("{}_input", sensor.attribute));
        Some(path.strip_prefix(&self.root).ok()?.to_string_lossy().into_owned())
    }

    fn directory(&self, device: usize) -> Option<PathBuf> {
        let device = self.devices.get(device)?;
        let number = device.number?;
        Some(self.root.join(&device.path).join(format!("hwmon/hwmon{number}")))
    }

    fn add(&mut self, index: usize, board: &Board) -> io::Result<()> {
        let number = self.next_number;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        device.number = Some(number);
        self.next_number += 1;
        let (path, i2c, driver) = (device.path.clone(), device.i2c.clone(), device.driver.clone());
        let Some(directory) = self.directory(index) else { return Ok(()) };
        fs::create_dir_all(&directory)?;
        self.show(directory.join("name"), Shown::Text(format!("{driver}\n")))?;
        for ((_, pwm), duty) in board.pwm().iter().filter(|((device, _), _)| *device == index) {
            self.show(directory.join(format!("pwm{pwm}")), Shown::Text(format!("{duty}\n")))?;
        }
        for sensor in board.sensors().iter().filter(|sensor| sensor.device == index) {
            self.show(directory.join(format!("{}_input", sensor.attribute)), shown(board, sensor))?;
            if let Some(label) = &sensor.label {
                let path = directory.join(format!("{}_label", sensor.attribute));
                self.show(path, Shown::Text(format!("{label}\n")))?;
            }
        }
        if let Some(i2c) = i2c {
            replace_link(&Path::new("../../..").join(&path), &self.root.join("bus/i2c/devices").join(i2c))?;
        }
        let hwmon = path.join(format!("hwmon/hwmon{number}"));
        replace_link(&Path::new("../..").join(hwmon), &self.root.join(format!("class/hwmon/hwmon{number}")))
    }

    fn remove(&mut self, index: usize) -> io::Result<()> {
        let Some(directory) = self.directory(index) else { return Ok(()) };
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if let Some(number) = device.number.take() {
            fs::remove_file(self.root.join(format!("class/hwmon/hwmon{number}")))?;
        }
        let stalled: Vec<PathBuf> = self
            .shown
            .iter()
            .filter(|(path, shown)| path.starts_with(&directory) && **shown == Shown::Fifo)
            .map(|(path, _)| path.clone())
            .collect();
        for fifo in stalled {
            release_fifo(&fifo)?;
        }
        self.shown.retain(|path, _| !path.starts_with(&directory));
        fs::remove_dir_all(directory)
    }

    /// Brings `path` to what it is to show.
    fn show(&mut self, path: PathBuf, shown: Shown) -> io::Result<()> {
        let before = self.shown.get(&path);
        if before == Some(&shown) {
            return Ok(());
        }
        let fifo = before == Some(&Shown::Fifo);
        let fresh = path.with_extension("new");
        match &shown {
            Shown::Text(text) => fs::write(&fresh, text)?,
            // Reading a process' own memory at address 0 is the one read that fails with EIO on any Linux without privilege.
            Shown::Error => symlink("/proc/self/mem", &fresh)?,
            Shown::Fifo => mkfifo(&fresh, Mode::S_IRUSR | Mode::S_IWUSR)?,
        }
        if fifo {
            release_fifo(&path)?;
        }
        fs::rename(&fresh, &path)?;
        self.shown.insert(path, shown);
        Ok(())
    }

    /// What stands in the PWM files is the truth, whoever wrote it; what is no number from 0 to 255 the kernel would have refused.
    fn read_pwm(&self, board: &mut Board) {
        let keys: Vec<(usize, u32)> = board.pwm().keys().copied().collect();
        for (device, number) in keys {
            let Some(directory) = self.directory(device) else { continue };
            let text = fs::read_to_string(directory.join(format!("pwm{number}"))).unwrap_or_default();
            if let Ok(duty) = text.trim_end().parse() {
                board.set_pwm(device, number, duty);
            }
        }
    }
}

fn shown(board: &Board, sensor: &Sensor) -> Shown {
    match sensor.fault {
        _ if board.is_unplugged(sensor.device) => Shown::Error,
        Some(Fault::Fail) => Shown::Error,
        Some(Fault::Stall) => Shown::Fifo,
        _ => Shown::Text(format!("{}\n", sensor.raw)),
    }
}

/// Wakes whoever waits for the FIFO's other end; the path must stand until then.
fn release_fifo(path: &Path) -> io::Result<()> {
    let aside = path.with_extension("released");
    fs::rename(path, &aside)?;
    // Fails where no reader waits, which is as well.
    let _ =
        fs::OpenOptions::new().write(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(&aside);
    fs::remove_file(aside)
}

fn replace_link(target: &Path, link: &Path) -> io::Result<()> {
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => symlink(target, link),
    }
}

fn devices(board: &Board) -> Vec<Device> {
    let config = board.config();
    let i2c = |bus: u32, address: u16, driver: &str| {
        let name = format!("{bus}-{address:04x}");
        Device {
            path: PathBuf::from(format!("devices/platform/i2c-bus/i2c-{bus}/{name}")),
            i2c: Some(name),
            driver: driver.to_owned(),
            number: None,
        }
    };
    let mut devices: Vec<Device> = config
        .devices
        .iter()
        .map(|device| match (device.bus, device.address, &device.platform) {
            (Some(bus), Some(address), _) => i2c(bus, address, device.driver.get_ref()),
            (_, _, platform) => Device {
                path: PathBuf::from("devices/platform").join(platform.as_deref().unwrap_or("nameless")),
                i2c: None,
                driver: device.driver.get_ref().clone(),
                number: None,
            },
        })
        .collect();
    devices.extend(config.supplies.iter().map(|supply| i2c(supply.bus, supply.address, "pmbus")));
    devices
}
