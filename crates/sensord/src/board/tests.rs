use super::{spec::Entity, *};
use crate::{
    chip::{pmbus, temperature},
    sensor::{
        power::PowerState,
        quantity::Quantity,
        threshold::{Level, Side},
    },
};

const POLL: Duration = Duration::from_secs(1);

fn read(records: &str) -> Result<Vec<SensorSpec>, Located> {
    let text = format!("{{\n\"Name\": \"Main Board\",\n\"Probe\": \"TRUE\",\n\"Exposes\": [\n{records}\n]}}");
    parse(Path::new("board.json"), &text, POLL)
}

fn names(specs: &[SensorSpec]) -> Vec<&str> {
    specs.iter().map(|spec| spec.name.as_str()).collect()
}

#[test]
fn a_temperature_record_names_its_channels() {
    let specs = read(
        r#"{"Name": "Inlet Temp", "Name2": "CPU1-Temp", "Type": "TMP421", "Bus": 3, "Address": "0x4c", "PollRate": 0.5,
            "PowerState": "On", "EntityId": 55, "Colour": {"unknown": "fields are passed over"}}"#,
    )
    .unwrap();
    assert_eq!(names(&specs), ["Inlet_Temp", "CPU1_Temp"]);
    assert_eq!(specs[1].path(), "/xyz/openbmc_project/sensors/temperature/CPU1_Temp");
    assert_eq!(specs[1].place.to_string(), "temp3_input of I2C device 3-004c");
    assert_eq!((specs[0].poll, specs[0].power), (Duration::from_millis(500), PowerState::On));
    assert_eq!((specs[0].entity, specs[0].place.bus()), (Entity { id: 55, instance: 1 }, "i2c-3".to_owned()));
    assert_eq!(specs[0].board, "Main_Board");
}

#[test]
fn thresholds_go_to_the_channel_they_are_for() {
    let specs = read(
        r#"{"Name": "A", "Name1": "B", "Type": "TMP421", "Bus": 3, "Address": 76, "MinValue": 0, "MaxValue": 100, "Thresholds": [
            {"Direction": "greater than", "Severity": 1, "Value": 80},
            {"Direction": "less than", "Severity": 0, "Value": 5, "Hysteresis": 3, "Index": 1},
            {"Direction": "greater than", "Severity": 4, "Value": 95, "Label": "temp2"}]}"#,
    )
    .unwrap();
    let levels = |n: usize| specs[n].levels.iter().map(|level| level.level).collect::<Vec<_>>();
    assert_eq!(levels(0), [Level::Warning, Level::Critical]);
    assert_eq!(levels(1), [Level::HardShutdown]);
    let low = specs[0].levels[0].side(Side::Low);
    assert_eq!((low.value, low.hysteresis), (5.0, 3.0));
    let high = specs[0].levels[1].side(Side::High);
    assert_eq!((high.value, high.hysteresis), (80.0, 1.0), "1 % of the range where none is given");
}

#[test]
fn an_adc_channel_is_scaled_by_its_divider() {
    let specs = read(r#"{"Name": "P12V", "Type": "ADC", "Index": 3, "ScaleFactor": 0.125}"#).unwrap();
    assert_eq!(specs[0].place.to_string(), "in4_input of device iio_hwmon");
    assert_eq!(specs[0].scale.value(1500), 12.0);
    assert_eq!(specs[0].range.max, 14.4);
}

#[test]
fn a_fan_has_a_tach_and_with_a_connector_a_pwm() {
    let specs = read(
        r#"{"Name": "Fan 1", "Type": "AspeedFan", "Index": 0, "Connector": {"Name": "c", "Pwm": 2, "Tachs": [4, 5]}, "MaxValue": 16000},
           {"Name": "Fan 2", "Type": "I2CFan", "Bus": 1, "Address": 47, "Index": 1}"#,
    )
    .unwrap();
    assert_eq!(names(&specs), ["Fan_1", "Pwm_3", "Fan_2"]);
    assert_eq!(specs[0].place.to_string(), "fan5_input of device aspeed_tach or aspeed_pwm_tacho");
    assert_eq!(specs[1].place.to_string(), "pwm3 of device aspeed_tach or aspeed_pwm_tacho");
    assert_eq!((specs[1].quantity, specs[1].range.max), (Quantity::FanPwm, 100.0));
    assert_eq!(specs[2].place.to_string(), "fan2_input of I2C device 1-002f");
}

#[test]
fn a_power_supply_has_a_sensor_for_each_label() {
    let specs = read(
        r#"{"Name": "PSU1", "Type": "pmbus", "Bus": 7, "Address": "0x58", "Labels": ["vin", "pout1", "temp1", "fan1", "iin", "temp2"],
            "pout1_Name": "PSU1 Power Out", "pout1_Scale": 1000, "vin_Max": 264, "iin_Name": "", "temp2_Name": "PSU1 Hotspot",
            "Thresholds": [{"Label": "temp1", "Direction": "greater than", "Severity": 0, "Value": 60}]}"#,
    )
    .unwrap();
    assert_eq!(
        names(&specs),
        ["PSU1_Input_Voltage", "PSU1_Power_Out", "PSU1_Temperature", "PSU1_Fan_Speed_1", "PSU1_Hotspot"]
    );
    assert_eq!(specs[0].range.max, 264.0);
    assert_eq!(specs[1].scale.value(450_000), 450.0);
    assert_eq!(specs.iter().map(|spec| spec.levels.len()).collect::<Vec<_>>(), [0, 0, 1, 0, 0]);
    assert_eq!(specs[2].place.to_string(), "label `temp1` of I2C device 7-0058");
}

#[test]
fn a_list_of_boards_is_taken_and_records_of_other_daemons_are_passed_over() {
    let text = r#"[{"Name": "A", "Exposes": [{"Name": "FRU", "Type": "EEPROM", "Bus": "anything"}]},
                   {"Name": "B", "Exposes": [{"Name": "T", "Type": "TMP75", "Bus": 1, "Address": 72}]}]"#;
    let specs = parse(Path::new("b.json"), text, POLL).unwrap();
    assert_eq!((names(&specs), specs[0].board.as_str()), (vec!["T"], "B"));
}

/// The record begins on line 5, and what is wrong with it is on line 6.
fn refused(wrong: &str) -> String {
    read(&format!("{{\"Name\": \"T\", \"Type\": \"TMP75\", \"Bus\": 1, \"Address\": 72,\n{wrong}}}"))
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_wrong_is_named_with_file_line_record_and_field() {
    let threshold = |text: &str| {
        format!(r#""Thresholds": [{{"Direction": "less than", "Severity": 1, "Value": 1, {text}}}]"#)
    };
    let cases = [
        (r#""PollRate": 0"#.to_owned(), "record `T`: PollRate: 0 is not within"),
        (r#""PollRate": "fast""#.to_owned(), "record `T`: PollRate: invalid type"),
        (r#""PowerState": "Sometimes""#.to_owned(), "record `T`: PowerState: unknown variant `Sometimes`"),
        (r#""MaxValue": -200"#.to_owned(), "record `T`: MaxValue: range -128 to -200 is empty"),
        (r#""EntityId": 4000"#.to_owned(), "record `T`: EntityId: 4000 is no whole number"),
        (r#""Name1": 5"#.to_owned(), "record `T`: Name1: invalid type"),
        (threshold(r#""Severity": 7"#), "record `T`: threshold 1: Severity: 7 is none of"),
        (threshold(r#""Direction": "up""#), "record `T`: threshold 1: Direction: `up` is neither"),
        (threshold(r#""Value": "warm""#), "record `T`: threshold 1: Value: invalid type"),
        (threshold(r#""Hysteresis": -1"#), "record `T`: threshold 1: Hysteresis: -1 is not within"),
    ];
    for (wrong, expected) in cases {
        let error = refused(&wrong);
        assert!(error.starts_with("board.json:6: ") && error.contains(expected), "{wrong}: {error}");
    }
}

#[test]
fn what_is_missing_is_named_at_the_record() {
    for (records, expected) in [
        (r#"{"Name": "T", "Type": "TMP75", "Bus": 1}"#, "board.json:5: record `T`: Address: is missing"),
        (r#"{"Name": "T", "Type": "ADC"}"#, "board.json:5: record `T`: Index: is missing"),
        (r#"{"Type": "ADC"}"#, "board.json:5: record: Name: is missing"),
        (r#"{"Name": "T"}"#, "board.json:5: record `T`: Type: is missing"),
    ] {
        assert_eq!(read(records).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_template_that_was_not_filled_in_is_explained() {
    let error =
        read(r#"{"Name": "T", "Type": "TMP75", "Bus": "$bus", "Address": 72}"#).unwrap_err().to_string();
    assert!(error.contains("Bus: \"$bus\"") && error.contains("hint: templates"), "{error}");
}

#[test]
fn a_name_given_twice_is_refused_after_it_became_a_path() {
    let record = |name: &str| format!(r#"{{"Name": "{name}", "Type": "TMP75", "Bus": 1, "Address": 72}}"#);
    let error = read(&format!("{},\n{}", record("CPU Temp"), record("CPU-Temp"))).unwrap_err().to_string();
    assert!(error.contains("board.json:6: ") && error.contains("record `CPU Temp`"), "{error}");
}

#[test]
fn a_threshold_that_guards_no_label_is_refused() {
    let supply = |threshold: &str| {
        read(&format!(
            r#"{{"Name": "P", "Type": "pmbus", "Bus": 1, "Address": 88, "Labels": ["vin", "pin"], "Thresholds": [
                {{"Direction": "less than", "Severity": 1, "Value": 1 {threshold}}}]}}"#
        ))
        .unwrap_err()
        .to_string()
    };
    assert!(
        supply(r#", "Label": "vout1""#)
            .contains("board.json:6: record `P`: threshold 1: Label: the record has no")
    );
    assert!(supply("").contains("Label: is missing"));
}

#[test]
fn text_that_is_no_json_is_refused_with_its_line() {
    let error = parse(Path::new("board.json"), "{\n\"Name\": \"x\",\n oops }", POLL).unwrap_err().to_string();
    assert!(error.starts_with("board.json:3: "), "{error}");
}

#[test]
fn a_record_that_wants_no_driver_names_registers_and_commands() {
    let specs = read(
        r#"{"Name": "Inlet", "Name1": "CPU", "Type": "TMP421", "Driver": "i2c-dev", "Bus": 5, "Address": "0x4c"},
           {"Name": "P", "Type": "pmbus", "Driver": "i2c-dev", "Bus": 7, "Address": "0x58", "PEC": true, "Labels": ["vin", "vout1", "temp2"],
            "temp2_Name": "P Hotspot"},
           {"Name": "VR", "Name1": "VR2", "Type": "MAX34451", "Driver": "i2c-dev", "Bus": 7, "Address": "0x4e",
            "Labels": ["vout1", "iout2", "temp1"], "temp1_Page": 16, "iout2_Coefficients": [5, 0, -1]}"#,
    )
    .unwrap();
    let places: Vec<_> = specs.iter().map(|spec| spec.place.to_string()).collect();
    assert_eq!(
        places,
        [
            "register 0x00 of 5-004c",
            "register 0x01 of 5-004c",
            "command 0x88 of 7-0058",
            "command 0x8b of 7-0058",
            "command 0x8e of 7-0058",
            "command 0x8b on page 0 of 7-004e",
            "command 0x8c on page 1 of 7-004e",
            "command 0x8d on page 16 of 7-004e",
        ]
    );
    assert_eq!((specs[0].place.bus(), specs[7].place.bus()), ("i2c-5".to_owned(), "i2c-7".to_owned()));
}

#[test]
fn a_record_that_cannot_do_without_its_driver_is_refused_at_the_field() {
    let record = |kind: &str, rest: &str| {
        let text = format!(
            "{{\"Name\": \"T\", \"Type\": \"{kind}\", \"Bus\": 1, \"Address\": 72, \"Index\": 0,\n{rest}}}"
        );
        read(&text).unwrap_err().to_string()
    };
    let driver = "\"Driver\": \"i2c-dev\"";
    for (kind, rest, expected) in [
        ("TMP75", "\"Driver\": \"lm75\"", "Driver: `lm75` is not `i2c-dev`"),
        ("ADC", driver, "Driver: type `ADC` cannot be read without its driver"),
        ("SI7020", driver, "Driver: type `SI7020` cannot be read without its driver"),
        ("MP2975", driver, "Driver: type `MP2975` cannot be read without its driver"),
        ("TMP75", "\"Driver\": \"i2c-dev\", \"Name1\": \"X\"", "Name1: TMP75 has 1 channels"),
        (
            "pmbus",
            "\"Driver\": \"i2c-dev\", \"Labels\": [\"vmon\"]",
            "Labels: PMBus has no command for `vmon`",
        ),
        (
            "pmbus",
            "\"Driver\": \"i2c-dev\", \"vout1_Page\": 32",
            "vout1_Page: 32 is no whole number from 0 to 31",
        ),
        ("pmbus", "\"Driver\": \"i2c-dev\", \"vin_Coefficients\": [0, 1, 2]", "vin_Coefficients: m is 0"),
        (
            "pmbus",
            "\"Driver\": \"i2c-dev\", \"vin_Coefficients\": [1, 1]",
            "vin_Coefficients: invalid length 2",
        ),
        ("pmbus", "\"Driver\": \"i2c-dev\", \"PEC\": 1", "PEC: invalid type"),
    ] {
        let error = record(kind, rest);
        let start = format!("board.json:6: record `T`: {expected}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn every_part_that_needs_no_driver_is_a_type_of_the_board_file_and_is_there_once() {
    let temperatures = temperature::PARTS.iter().flat_map(|part| part.types);
    let power = pmbus::PARTS.iter().flat_map(|part| part.types);
    assert!(temperatures.clone().all(|name| types::kind(name) == Some(types::Kind::I2cTemperature)));
    assert!(power.clone().all(|name| types::kind(name) == Some(types::Kind::Pmbus)));
    let mut names: Vec<_> = temperatures.chain(power).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
