//! From an attribute to its file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Attribute, HwmonDevice, HwmonError, Selector, read_text};

/// The attribute's file now.
///
/// The path goes through the device and not through `class/hwmon`, so that it cannot come to mean another device later.
pub(super) fn attribute(root: &Path, attribute: &Attribute) -> Result<PathBuf, HwmonError> {
    directories(root, &attribute.device)
        .iter()
        .find_map(|directory| file_in(directory, &attribute.selector))
        .ok_or_else(|| HwmonError::Absent(attribute.clone()))
}

/// The hwmon directories of `device`: at most one for an I2C device, any number by name.
pub(super) fn directories(root: &Path, device: &HwmonDevice) -> Vec<PathBuf> {
    match device {
        HwmonDevice::I2c { bus, address } => {
            children(&root.join(format!("bus/i2c/devices/{bus}-{address:04x}/hwmon")))
        }
        HwmonDevice::Named(names) => {
            let mut found: Vec<PathBuf> = children(&root.join("class/hwmon"))
                .into_iter()
                .filter(|directory| has_name(directory, names))
                .filter_map(|directory| directory.canonicalize().ok())
                .collect();
            found.sort();
            found
        }
    }
}

pub(super) fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

fn has_name(directory: &Path, names: &[&str]) -> bool {
    read_text(&directory.join("name"))
        .is_ok_and(|text| names.contains(&text.trim_end().replace('-', "_").as_str()))
}

fn file_in(directory: &Path, selector: &Selector) -> Option<PathBuf> {
    match selector {
        Selector::File(name) => existing(directory.join(name)),
        Selector::Label(label) => {
            labelled(directory, label).or_else(|| existing(directory.join(format!("{label}_input"))))
        }
    }
}

/// The `<x>_input` beside the `<x>_label` that says `label`.
fn labelled(directory: &Path, label: &str) -> Option<PathBuf> {
    children(directory).into_iter().find_map(|file| {
        let stem = file.file_name()?.to_str()?.strip_suffix("_label")?.to_owned();
        let matches = read_text(&file).is_ok_and(|text| text.trim_end() == label);
        matches.then(|| existing(directory.join(format!("{stem}_input")))).flatten()
    })
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.symlink_metadata().is_ok().then_some(path)
}
