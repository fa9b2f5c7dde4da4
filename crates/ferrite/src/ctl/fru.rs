//! `ferrite ctl fru`.

use std::{collections::BTreeMap, fs, path::Path};

use bmc_dbus::{
    inventory::FruProxy,
    names::{inventory, ipmi},
};
use futures_util::FutureExt as _;
use ipmi_wire::record::fru::{Area, AreaKind, Fru};
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, IPMID},
    present,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "fru",
    help: "\
Shows and changes the FRU information: what chassis, boards and products say of themselves.

usage: ferrite ctl fru [list] [--json]
       ferrite ctl fru show ID [--json]
       ferrite ctl fru edit ID AREA.FIELD=TEXT... [--force]
       ferrite ctl fru dump ID FILE
       ferrite ctl fru write ID FILE [--force]

  list   the devices (default)
  show   all fields of one
  edit   changes fields: chassis.part_number, chassis.serial_number, board.manufacturer, board.name,
         board.serial_number, board.part_number, board.fru_file_id, product.manufacturer, product.name,
         product.part_number, product.version, product.serial_number, product.asset_tag,
         product.fru_file_id, and custom1, custom2, ... of each area
  dump   saves the device's bytes in FILE
  write  replaces the device's bytes by those of FILE

An image with a wrong checksum or length is refused: --force writes it all the same (and has edit start from
nothing where the device holds no FRU information).
",
    flags: &["force"],
    values: &[],
    run: |line| Box::pin(run(line)),
};

/// One device.
#[derive(Debug, Serialize)]
struct Device {
    id: u8,
    name: String,
    manufacturer: String,
    model: String,
    part_number: String,
    serial_number: String,
    #[serde(skip)]
    path: String,
}

/// What a device says: fields by area. `chassis_type` and `language` as numbers, `made` as a day.
#[derive(Debug, Serialize)]
struct Content {
    id: u8,
    name: String,
    areas: BTreeMap<&'static str, Vec<(String, String)>>,
    internal_bytes: usize,
    multi_records: usize,
}

async fn run(line: Line) -> Result<Output, Failure> {
    let words = line.words();
    let connection = bus::connect().await?;
    match words[..] {
        [] | ["list"] => present(&line, &devices(&connection).await?, |list| render(list)).map(Output::from),
        ["show", id] => {
            let (device, proxy) = find(&connection, id).await?;
            let fru = parse(&device, &read(&proxy).await?)?;
            present(&line, &content(&device, &fru), render_content).map(Output::from)
        }
        ["edit", id, ref changes @ ..] if !changes.is_empty() => {
            let (device, proxy) = find(&connection, id).await?;
            let image = read(&proxy).await?;
            let mut fru = match parse(&device, &image) {
                Err(_) if line.has("force") => Fru::default(),
                other => other?,
            };
            changes.iter().try_for_each(|change| apply(&mut fru, change))?;
            let image = fru.build(image.len()).map_err(|error| Failure::Failed(error.to_string()))?;
            write(&proxy, &image, false).await?;
            present(&line, &content(&device, &fru), render_content).map(Output::from)
        }
        ["dump", id, file] => {
            let (device, proxy) = find(&connection, id).await?;
            let image = read(&proxy).await?;
            fs::write(file, &image).map_err(|error| Failure::Failed(format!("{file}: {error}")))?;
            Ok(Output::from(format!("{} bytes of fru {} in {file}\n", image.len(), device.id)))
        }
        ["write", id, file] => {
            let (device, proxy) = find(&connection, id).await?;
            let image = load(Path::new(file))?;
            write(&proxy, &image, line.has("force")).await?;
            Ok(Output::from(format!("{} bytes written to fru {}\n", image.len(), device.id)))
        }
        _ => Err(line.misunderstood("fru")),
    }
}

fn load(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
}

/// `area.field=text`.
fn apply(fru: &mut Fru, change: &str) -> Result<(), Failure> {
    let wrong = || Failure::Usage(format!("`{change}` is not AREA.FIELD=TEXT"));
    let (place, text) = change.split_once('=').ok_or_else(wrong)?;
    let (area, field) = place.split_once('.').ok_or_else(wrong)?;
    let kind = AreaKind::ALL.into_iter().find(|kind| kind.name() == area).ok_or_else(wrong)?;
    let set = fru.area_mut(kind).and_then(|area| area.set_field(field, text));
    set.map_err(|error| Failure::Failed(format!("`{change}`: {error}")))
}

async fn devices(connection: &Connection) -> Result<Vec<Device>, Failure> {
    let found = bus::objects(connection, ipmi::SERVICE, inventory::ROOT, inventory::FRU).await;
    let device = |(path, properties): (String, bus::Properties)| {
        let text = |name: &str| properties.text(name).unwrap_or_default();
        Some(Device {
            id: u8::try_from(properties.number("Id")?).ok()?,
            name: text("PrettyName"),
            manufacturer: text("Manufacturer"),
            model: text("Model"),
            part_number: text("PartNumber"),
            serial_number: text("SerialNumber"),
            path,
        })
    };
    let found = found.map_err(|error| IPMID.failure(error))?;
    let mut devices: Vec<Device> = found.into_iter().filter_map(device).collect();
    devices.sort_by_key(|device| device.id);
    Ok(devices)
}

async fn find(connection: &Connection, id: &str) -> Result<(Device, FruProxy<'static>), Failure> {
    let number: u8 = id.parse().map_err(|_| Failure::Usage(format!("`{id}` is not a FRU device ID")))?;
    let device = devices(connection).await?.into_iter().find(|device| device.id == number);
    let hint = "hint: ferrite ctl fru lists those that there are";
    let device = device.ok_or_else(|| Failure::Failed(format!("there is no fru {number}\n{hint}")))?;
    let proxy = FruProxy::builder(connection).path(device.path.clone()).build().boxed().await;
    Ok((device, proxy.map_err(|error| IPMID.failure(error))?))
}

async fn read(proxy: &FruProxy<'_>) -> Result<Vec<u8>, Failure> {
    proxy.read().boxed().await.map_err(|error| IPMID.failure(error))
}

async fn write(proxy: &FruProxy<'_>, image: &[u8], force: bool) -> Result<(), Failure> {
    proxy.write(image, force).boxed().await.map_err(|error| IPMID.failure(error))
}

fn parse(device: &Device, image: &[u8]) -> Result<Fru, Failure> {
    Fru::parse(image)
        .map_err(|error| Failure::Failed(format!("fru {} holds no FRU information: {error}", device.id)))
}

fn content(device: &Device, fru: &Fru) -> Content {
    let fields = |area: &Area| {
        let unicode = area.is_unicode();
        let named = area.fields.iter().enumerate();
        let mut fields = match area.kind {
            AreaKind::Chassis => vec![("chassis_type".to_owned(), area.code.to_string())],
            AreaKind::Board | AreaKind::Product => vec![("language".to_owned(), area.code.to_string())],
        };
        fields.extend(area.made_on().map(|day| ("made".to_owned(), day)));
        fields.extend(named.map(|(index, field)| (area.kind.field_name(index), field.text(unicode))));
        (area.kind.name(), fields)
    };
    Content {
        id: device.id,
        name: device.name.clone(),
        areas: fru.areas.iter().map(fields).collect(),
        internal_bytes: fru.internal.as_ref().map_or(0, Vec::len),
        multi_records: fru.records.len(),
    }
}

fn render(devices: &[Device]) -> String {
    const HEADER: [(&str, Align); 6] = [
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("MANUFACTURER", Align::Left),
        ("MODEL", Align::Left),
        ("PART", Align::Left),
        ("SERIAL", Align::Left),
    ];
    let row = |device: &Device| {
        let Device { id, name, manufacturer, model, part_number, serial_number, .. } = device;
        let texts = [name, manufacturer, model, part_number, serial_number];
        std::iter::once(id.to_string()).chain(texts.into_iter().cloned()).collect()
    };
    table::render(&HEADER, &devices.iter().map(row).collect::<Vec<_>>())
}

fn render_content(content: &Content) -> String {
    let mut text = format!("fru {} ({})\n", content.id, content.name);
    for (area, fields) in &content.areas {
        for (name, value) in fields {
            text.push_str(format!("{:<26} {value}", format!("{area}.{name}")).trim_end());
            text.push('\n');
        }
    }
    if content.internal_bytes > 0 {
        text.push_str(&format!("internal use               {} bytes\n", content.internal_bytes));
    }
    if content.multi_records > 0 {
        text.push_str(&format!("multi-records              {}\n", content.multi_records));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_area_and_field() {
        let mut fru = Fru::default();
        apply(&mut fru, "product.asset_tag=rack 7 = left").unwrap();
        assert_eq!(fru.area(AreaKind::Product).unwrap().field("asset_tag").unwrap(), "rack 7 = left");
        for wrong in ["product.asset_tag", "asset_tag=x", "rack.name=x"] {
            assert!(matches!(apply(&mut fru, wrong), Err(Failure::Usage(_))), "{wrong}");
        }
        assert!(matches!(apply(&mut fru, "board.colour=red"), Err(Failure::Failed(_))));
    }

    #[test]
    fn fields_are_shown_as_they_are_edited() {
        let mut fru = Fru::default();
        apply(&mut fru, "chassis.serial_number=C1").unwrap();
        let device = Device {
            id: 0,
            name: "Mainboard".into(),
            manufacturer: String::new(),
            model: String::new(),
            part_number: String::new(),
            serial_number: "C1".into(),
            path: String::new(),
        };
        let shown = render_content(&content(&device, &fru));
        let expected = "fru 0 (Mainboard)\nchassis.chassis_type       0\nchassis.part_number\nchassis.serial_number      C1\n";
        assert_eq!(shown, expected);
        let list = render(&[device]);
        let cells: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(cells, ["0", "Mainboard", "C1"]);
    }
}
