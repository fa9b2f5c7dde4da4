//! The checked-in board: it behaves, and the BMC's file names nothing that it lacks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed `unwrap` here is the test failing")]

use std::{fs, path::PathBuf};

use bmc_sim::{Board, BoardConfig, BoardState, Fault, Line, Request, Tree, control::Reply};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/boards/two-socket")
}

fn board() -> Board {
    Board::new(BoardConfig::read(&directory().join("sim.toml")).unwrap())
}

fn state(board: &mut Board) -> BoardState {
    match board.control(&Request::State) {
        Reply::State(state) => *state,
        other => panic!("{other:?}"),
    }
}

fn value(board: &mut Board, name: &str) -> f64 {
    state(board).sensor(name).unwrap_or_else(|| panic!("no {name}")).value
}

fn pass(board: &mut Board, seconds: f64) {
    let mut left = seconds;
    while left > 0.0 {
        board.step(0.05);
        left -= 0.05;
    }
}

fn fault(board: &mut Board, name: &str, fault: Option<Fault>) {
    let reply = board.control(&Request::Sensor { name: name.into(), fault, value: None });
    assert_eq!(reply, Reply::Ok(true));
}

fn power_button(board: &mut Board, seconds: f64) {
    board.drive(Line::PowerButton, false).unwrap();
    pass(board, seconds);
    board.drive(Line::PowerButton, true).unwrap();
}

#[test]
fn main_rails_and_fans_stop_with_the_host_and_standby_rails_stay() {
    let mut board = board();
    assert!(value(&mut board, "P12V") > 11.5 && value(&mut board, "Fan1") > 3000.0);
    let warm = value(&mut board, "CPU0_Temp");
    power_button(&mut board, 0.2);
    pass(&mut board, 60.0);
    assert!(!state(&mut board).power_ok);
    assert_eq!(value(&mut board, "P12V"), 0.0);
    assert_eq!(value(&mut board, "Fan1"), 0.0);
    assert!(value(&mut board, "P5V_STBY") > 4.9);
    assert!(value(&mut board, "CPU0_Temp") < warm - 5.0);
}

#[test]
fn load_heats_and_fans_cool() {
    let mut board = board();
    let idle = value(&mut board, "CPU0_Temp");
    board.control(&Request::Load { load: 1.0 });
    pass(&mut board, 60.0);
    let busy = value(&mut board, "CPU0_Temp");
    assert!(busy > idle + 10.0, "{idle} to {busy}");
    let dir = tempfile::tempdir().unwrap();
    let mut tree = Tree::create(dir.path(), &mut board).unwrap();
    for pwm in 1..=8 {
        let hwmon = tree.attribute(&board, "Fan1").unwrap();
        let file = dir.path().join("sys").join(hwmon).with_file_name(format!("pwm{pwm}"));
        fs::write(file, "255\n").unwrap();
    }
    tree.update(&mut board).unwrap();
    pass(&mut board, 60.0);
    assert!(value(&mut board, "Fan1") > 15_900.0);
    assert!(value(&mut board, "CPU0_Temp") < busy - 10.0);
}

#[test]
fn one_supply_carries_what_its_failed_neighbour_drops() {
    let mut board = board();
    let shared = value(&mut board, "PSU1_Pout");
    assert_eq!(board.control(&Request::Psu { name: "PSU2".into(), failed: true }), Reply::Ok(true));
    pass(&mut board, 0.1);
    assert!((value(&mut board, "PSU1_Pout") - 2.0 * shared).abs() < 1.0);
    assert_eq!(value(&mut board, "PSU2_Vout"), 0.0);
    assert!(value(&mut board, "PSU2_Vin") > 200.0);
    board.control(&Request::Psu { name: "PSU1".into(), failed: true });
    assert!(!state(&mut board).power_ok);
}

#[test]
fn a_supply_that_is_pulled_tells_its_line_and_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = board();
    let mut tree = Tree::create(dir.path(), &mut board).unwrap();
    let input = dir.path().join("sys").join(tree.attribute(&board, "PSU1_Vin").unwrap());
    let alarm = |name: &str| fs::read_to_string(input.with_file_name(name)).map(|text| text.trim() == "1");
    assert!(!state(&mut board).lines[&Line::Psu1Present], "active low");
    board.control(&Request::Psu { name: "PSU1".into(), failed: true });
    tree.update(&mut board).unwrap();
    assert!(alarm("in2_lcrit_alarm").unwrap() && !alarm("in1_lcrit_alarm").unwrap());
    board.control(&Request::PsuPresence { name: "PSU1".into(), present: false });
    tree.update(&mut board).unwrap();
    assert!(state(&mut board).lines[&Line::Psu1Present]);
    assert!(alarm("in2_lcrit_alarm").is_err() && fs::read_to_string(&input).is_err());
    board.control(&Request::PsuPresence { name: "PSU1".into(), present: true });
    board.control(&Request::Psu { name: "PSU1".into(), failed: false });
    board.control(&Request::Ac { present: false });
    tree.update(&mut board).unwrap();
    assert!(alarm("in1_lcrit_alarm").unwrap() && !alarm("in2_lcrit_alarm").unwrap());
}

#[test]
fn hands_move_the_lines_that_are_theirs_and_no_others() {
    let mut board = board();
    assert!(!state(&mut board).lines[&Line::Cpu2Present], "active low, and there from the start");
    let open = Request::Line { line: Line::ChassisIntrusion, active: true };
    assert_eq!(board.control(&open), Reply::Ok(true));
    assert!(state(&mut board).lines[&Line::ChassisIntrusion]);
    let refused = board.control(&Request::Line { line: Line::PowerOk, active: false });
    assert!(matches!(refused, Reply::Error(_)));
}

#[test]
fn without_mains_the_host_is_off_and_stays_off_until_the_button() {
    let mut board = board();
    board.control(&Request::Ac { present: false });
    assert!(!state(&mut board).power_ok);
    board.control(&Request::Ac { present: true });
    pass(&mut board, 5.0);
    assert!(!state(&mut board).power_ok);
    power_button(&mut board, 0.2);
    pass(&mut board, 5.0);
    assert!(state(&mut board).post_complete);
}

#[test]
fn every_fault_shows_in_the_tree_and_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = board();
    let mut tree = Tree::create(dir.path(), &mut board).unwrap();
    let device = dir.path().join("sys/bus/i2c/devices/2-004c/hwmon");
    let input = |number: u32| device.join(format!("hwmon{number}/temp1_input"));
    let number = fs::read_dir(&device).unwrap().next().unwrap().unwrap().file_name();
    let number: u32 = number.to_str().unwrap().strip_prefix("hwmon").unwrap().parse().unwrap();
    let read = |number| fs::read_to_string(input(number)).map(|text| text.trim().parse::<i64>().unwrap());
    assert!((20_000..90_000).contains(&read(number).unwrap()));

    fault(&mut board, "CPU0_Temp", Some(Fault::Fail));
    tree.update(&mut board).unwrap();
    assert_eq!(read(number).unwrap_err().raw_os_error(), Some(5), "EIO");

    fault(&mut board, "CPU0_Temp", Some(Fault::Stall));
    tree.update(&mut board).unwrap();
    let stalled = input(number);
    let reader = std::thread::spawn(move || fs::read(stalled));
    fault(&mut board, "CPU0_Temp", None);
    board.sample();
    tree.update(&mut board).unwrap();
    reader.join().unwrap().unwrap();
    assert!(read(number).is_ok());

    fault(&mut board, "CPU0_Temp", Some(Fault::Disappear));
    tree.update(&mut board).unwrap();
    assert_eq!(fs::read_dir(&device).unwrap().count(), 0);
    fault(&mut board, "CPU0_Temp", None);
    tree.update(&mut board).unwrap();
    let returned: Vec<_> = fs::read_dir(&device).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(returned.len(), 1);
    assert_ne!(returned, [format!("hwmon{number}").as_str()], "it comes back under another number");
}

#[test]
fn a_set_value_is_what_the_attribute_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = board();
    let mut tree = Tree::create(dir.path(), &mut board).unwrap();
    board.control(&Request::Sensor { name: "P12V".into(), fault: Some(Fault::Set), value: Some(10.0) });
    board.sample();
    tree.update(&mut board).unwrap();
    let file = dir.path().join("sys").join(tree.attribute(&board, "P12V").unwrap());
    assert_eq!(fs::read_to_string(file).unwrap(), "1250\n", "after the divider, in millivolts");
}

#[test]
fn every_sensor_of_the_boards_file_exists_in_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = board();
    Tree::create(dir.path(), &mut board).unwrap();
    let text = fs::read_to_string(directory().join("board.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut wanted = 0;
    for record in file["Exposes"].as_array().unwrap() {
        for (name, attribute) in attributes(dir.path(), record) {
            assert!(attribute.exists(), "{name}: there is no {}", attribute.display());
            let board_says = state(&mut board).sensor(&name).unwrap_or_else(|| panic!("no {name}")).raw;
            assert_eq!(fs::read_to_string(&attribute).unwrap(), format!("{board_says}\n"), "{name}");
            wanted += 1;
        }
    }
    assert_eq!(wanted, state(&mut board).sensors.len(), "the file names every sensor of the board");
}

/// Sensor names of a record and where sensord looks for them.
fn attributes(dir: &std::path::Path, record: &serde_json::Value) -> Vec<(String, PathBuf)> {
    let text =
        |field: &str| record[field].as_str().unwrap_or_else(|| panic!("{field} of {record}")).to_owned();
    let platform = |driver: &str, file: String| {
        let class = fs::read_dir(dir.join("sys/class/hwmon")).unwrap();
        let hwmon = class
            .map(|entry| entry.unwrap().path())
            .find(|path| fs::read_to_string(path.join("name")).unwrap().trim() == driver);
        vec![(text("Name"), hwmon.unwrap().join(file))]
    };
    let index = || record["Index"].as_u64().unwrap() + 1;
    match text("Type").as_str() {
        "ADC" => platform("iio_hwmon", format!("in{}_input", index())),
        "AspeedFan" => platform("aspeed_tach", format!("fan{}_input", index())),
        "pmbus" => {
            let labels = record["Labels"].as_array().unwrap();
            labels
                .iter()
                .map(|label| {
                    let label = label.as_str().unwrap();
                    (text(&format!("{label}_Name")), labelled(&i2c(dir, record), label))
                })
                .collect()
        }
        // Lines, not attributes.
        "XeonCPU" | "ChassisIntrusionSensor" => Vec::new(),
        _ => {
            let names = ["Name", "Name1"].into_iter().zip(["temp1", "temp2"]);
            names
                .filter(|(field, _)| record.get(field).is_some())
                .map(|(field, stem)| (text(field), i2c(dir, record).join(format!("{stem}_input"))))
                .collect()
        }
    }
}

fn i2c(dir: &std::path::Path, record: &serde_json::Value) -> PathBuf {
    let address = record["Address"].as_str().unwrap().strip_prefix("0x").unwrap();
    let device = format!("{}-{address:0>4}", record["Bus"]);
    let hwmon = dir.join("sys/bus/i2c/devices").join(device).join("hwmon");
    fs::read_dir(&hwmon)
        .unwrap_or_else(|e| panic!("{}: {e}", hwmon.display()))
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn labelled(hwmon: &std::path::Path, label: &str) -> PathBuf {
    let entries = fs::read_dir(hwmon).unwrap().map(|entry| entry.unwrap().path());
    let mut labels = entries.filter(|path| path.to_str().unwrap().ends_with("_label"));
    match labels.find(|path| fs::read_to_string(path).unwrap().trim() == label) {
        Some(path) => PathBuf::from(path.to_str().unwrap().replace("_label", "_input")),
        None => hwmon.join(format!("{label}_input")),
    }
}

#[test]
fn a_wrong_board_file_is_refused_with_file_line_and_field() {
    let head = "name = \"x\"\nwatts = { standby = 1.0, idle = 1.0, full = 1.0 }\n";
    let device = "[[device]]\ndriver = \"tmp75\"\nbus = 1\naddress = 0x48\n";
    let channel = "[[device.channel]]\nname = \"A\"\nattribute = \"temp1\"\n";
    let model = "temperature = { idle = 1.0, load = 1.0, seconds = 1.0 }\n";
    for (text, line, word) in [
        (format!("{head}colour = 1\n"), 3, "colour"),
        (format!("{head}{device}{channel}"), 8, "exactly one"),
        (format!("{head}{device}{channel}voltage = {{ nominal = 1.0 }}\n"), 8, "attribute"),
        (format!("{head}{device}{channel}{model}{channel}{model}"), 12, "twice"),
        (
            format!("{head}{device}{channel}temperature = {{ idle = 1.0, load = 1.0, seconds = 0.0 }}\n"),
            8,
            "seconds",
        ),
        (format!("{head}[[device]]\ndriver = \"x\"\n{channel}{model}"), 4, "platform"),
        (format!("{head}load = \"much\"\n"), 3, "field `load`"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sim.toml");
        fs::write(&path, &text).unwrap();
        let error = BoardConfig::read(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("sim.toml:{line}: ")) && error.contains(word), "{error}\n{text}");
    }
}
