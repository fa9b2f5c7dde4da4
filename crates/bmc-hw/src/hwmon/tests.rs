use std::fs;

use tempfile::TempDir;

use super::*;

/// A sysfs of plain files.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_dir_all(self.0.path().join(path)).unwrap();
    }

    fn hwmon(&self) -> SysfsHwmon {
        SysfsHwmon::new(self.0.path())
    }
}

fn i2c(selector: Selector) -> Binding {
    Binding::new(Attribute { device: HwmonDevice::I2c { bus: 4, address: 0x4c }, selector })
}

fn file(name: &str) -> Selector {
    Selector::File(name.to_owned())
}

#[test]
fn an_i2c_device_is_found_by_bus_and_address() {
    let tree = Tree::new();
    tree.put("bus/i2c/devices/4-004c/hwmon/hwmon7/temp1_input", "23500\n");
    assert_eq!(tree.hwmon().read(&mut i2c(file("temp1_input"))).unwrap(), 23500);
}

#[test]
fn a_device_that_returns_under_another_number_is_read_again() {
    let tree = Tree::new();
    let mut binding = i2c(file("temp1_input"));
    tree.put("bus/i2c/devices/4-004c/hwmon/hwmon7/temp1_input", "1000\n");
    assert_eq!(tree.hwmon().read(&mut binding).unwrap(), 1000);
    tree.remove("bus/i2c/devices/4-004c/hwmon/hwmon7");
    let error = tree.hwmon().read(&mut binding).unwrap_err();
    assert_eq!(error.to_string(), "there is no temp1_input of I2C device 4-004c");
    tree.put("bus/i2c/devices/4-004c/hwmon/hwmon9/temp1_input", "-2000\n");
    assert_eq!(tree.hwmon().read(&mut binding).unwrap(), -2000);
}

#[test]
fn a_platform_device_is_found_by_name_and_by_having_the_attribute() {
    let tree = Tree::new();
    tree.put("class/hwmon/hwmon0/name", "iio_hwmon\n");
    tree.put("class/hwmon/hwmon0/in1_input", "1\n");
    tree.put("class/hwmon/hwmon1/name", "iio-hwmon\n");
    tree.put("class/hwmon/hwmon1/in9_input", "9\n");
    tree.put("class/hwmon/hwmon2/name", "other\n");
    tree.put("class/hwmon/hwmon2/in5_input", "5\n");
    let read = |name: &str| {
        let device = HwmonDevice::Named(&["iio_hwmon"]);
        tree.hwmon().read(&mut Binding::new(Attribute { device, selector: file(name) }))
    };
    assert_eq!(read("in1_input").unwrap(), 1);
    assert_eq!(read("in9_input").unwrap(), 9);
    assert!(matches!(read("in5_input"), Err(HwmonError::Absent(_))));
}

#[test]
fn a_label_leads_to_its_input_and_a_channel_without_label_is_its_own_name() {
    let tree = Tree::new();
    let hwmon = "bus/i2c/devices/4-004c/hwmon/hwmon3";
    tree.put(&format!("{hwmon}/power1_label"), "pin\n");
    tree.put(&format!("{hwmon}/power1_input"), "450000000\n");
    tree.put(&format!("{hwmon}/fan1_input"), "8000\n");
    let read = |label: &str| tree.hwmon().read(&mut i2c(Selector::Label(label.to_owned())));
    assert_eq!(read("pin").unwrap(), 450_000_000);
    assert_eq!(read("fan1").unwrap(), 8000);
    assert!(matches!(read("vin"), Err(HwmonError::Absent(_))));
}

#[test]
fn text_that_is_no_number_is_quoted_with_its_file() {
    let tree = Tree::new();
    for text in ["", "hot\n", "12 13\n", " 12", "1.5", "0x10", "12\n\n", &"9".repeat(5000)] {
        tree.put("bus/i2c/devices/4-004c/hwmon/hwmon3/temp1_input", text);
        let error = tree.hwmon().read(&mut i2c(file("temp1_input"))).unwrap_err().to_string();
        assert!(error.contains("hwmon3/temp1_input: \""), "{error}");
        assert!(error.len() < 300, "a long text is cut: {}", error.len());
    }
}

#[test]
fn a_pwm_is_written_as_a_number() {
    let tree = Tree::new();
    tree.put("bus/i2c/devices/4-004c/hwmon/hwmon3/pwm2", "255\n");
    let mut binding = i2c(file("pwm2"));
    tree.hwmon().write(&mut binding, 80).unwrap();
    assert_eq!(tree.hwmon().read(&mut binding).unwrap(), 80);
}

#[test]
fn an_attribute_that_cannot_be_opened_says_why() {
    let tree = Tree::new();
    fs::create_dir_all(tree.0.path().join("bus/i2c/devices/4-004c/hwmon/hwmon3/temp1_input")).unwrap();
    let error = tree.hwmon().read(&mut i2c(file("temp1_input"))).unwrap_err().to_string();
    assert!(error.contains("temp1_input: Is a directory"), "{error}");
}

#[test]
fn text_that_is_no_whole_number_is_no_reading() {
    let tree = Tree::new();
    let path = "bus/i2c/devices/4-004c/hwmon/hwmon7/temp1_input";
    let long = "1".repeat(100_000);
    for text in
        ["", "\n", " 1", "1\n\n", "1 2", "1.5", "0x10", "1\0", "--1", "9223372036854775808", "\u{661}", &long]
    {
        tree.put(path, text);
        let error = tree.hwmon().read(&mut i2c(file("temp1_input"))).unwrap_err();
        assert!(matches!(error, HwmonError::NotANumber { .. }), "{text:?}: {error}");
        assert!(error.to_string().len() < 1000, "a line of the log");
    }
    tree.put(path, "-9223372036854775808\n");
    assert_eq!(tree.hwmon().read(&mut i2c(file("temp1_input"))).unwrap(), i64::MIN);
}
