//! FRU devices on the bus: what each is, for inventory readers, and its bytes, for `ferrite ctl fru`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bmc_dbus::{Serve as _, names::inventory as names};
use ipmi_wire::record::fru::{Area, AreaKind, Fru};
use zbus::{Connection, fdo, object_server::ObjectServer};

use super::FruFiles;
use crate::platform::{PlatformError, inventory::Inventory as _};

/// How often devices are looked for: a riser card comes and goes with its EEPROM.
const LOOK: Duration = Duration::from_secs(5);

/// Keeps one object for each device that is there, until the connection fails.
///
/// # Errors
/// Where an object cannot be served.
pub async fn publish(connection: &Connection, frus: &Arc<FruFiles>) -> zbus::Result<()> {
    let objects = connection.object_server();
    objects.serve(names::ROOT, fdo::ObjectManager).await?;
    let mut served = BTreeMap::new();
    let mut look = tokio::time::interval(LOOK);
    let mut content_changed = true;
    loop {
        frus.look().await;
        refresh(objects, frus, &mut served, content_changed).await?;
        content_changed = tokio::select! {
            () = frus.changed() => true,
            _ = look.tick() => false,
        };
    }
}

/// Objects by path: the device's ID and what it said.
type Served = BTreeMap<String, (u8, Asset)>;

async fn refresh(
    objects: &ObjectServer,
    frus: &Arc<FruFiles>,
    served: &mut Served,
    content_changed: bool,
) -> zbus::Result<()> {
    let mut wanted = Served::new();
    for device in frus.list() {
        let path = path(&device.name, device.id);
        let known = served.get(&path).filter(|(id, _)| !content_changed && *id == device.id);
        let asset = match known {
            Some((_, asset)) => asset.clone(),
            None => asset(&device.name, frus.image(device.id).await),
        };
        wanted.insert(path, (device.id, asset));
    }
    for (path, (_, asset)) in served.iter().filter(|(path, _)| !wanted.contains_key(*path)) {
        tracing::info!("fru {path} is gone");
        objects.remove::<Item, _>(path.as_str()).await?;
        objects.remove::<Device, _>(path.as_str()).await?;
        if *asset != Asset::default() {
            objects.remove::<Asset, _>(path.as_str()).await?;
        }
    }
    for (path, (id, asset)) in &wanted {
        let before = served.get(path);
        if before.is_none() {
            objects.serve(path.as_str(), Item { name: asset.name.clone() }).await?;
            objects.serve(path.as_str(), Device { id: *id, frus: Arc::clone(frus) }).await?;
        }
        if before.is_some_and(|(_, earlier)| earlier != asset) {
            objects.remove::<Asset, _>(path.as_str()).await?;
        }
        if before.is_none_or(|(_, earlier)| earlier != asset) {
            objects.serve(path.as_str(), asset.clone()).await?;
        }
    }
    *served = wanted;
    Ok(())
}

/// A path of its name, with `_` for what a path may not have.
fn path(name: &str, id: u8) -> String {
    let element: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if element.is_empty() {
        format!("{}/fru{id}", names::BOARDS)
    } else {
        format!("{}/{element}", names::BOARDS)
    }
}

/// What an image says; nothing where it is no FRU information.
fn asset(name: &str, image: Result<Vec<u8>, PlatformError>) -> Asset {
    let named = Asset { name: name.to_owned(), ..Asset::default() };
    let parsed = image
        .map_err(|error| error.to_string())
        .and_then(|image| Fru::parse(&image).map_err(|error| error.to_string()));
    match parsed {
        Ok(fru) => Asset::of(named, &fru),
        Err(error) => {
            tracing::warn!("fru `{name}`: {error}");
            named
        }
    }
}

/// `xyz.openbmc_project.Inventory.Item`.
struct Item {
    name: String,
}

#[zbus::interface(name = "xyz.openbmc_project.Inventory.Item")]
impl Item {
    #[zbus(property(emits_changed_signal = "const"))]
    fn pretty_name(&self) -> &str {
        &self.name
    }

    #[zbus(property)]
    fn present(&self) -> bool {
        true
    }
}

/// `xyz.openbmc_project.Inventory.Decorator.Asset`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asset {
    name: String,
    manufacturer: String,
    model: String,
    part_number: String,
    serial_number: String,
    build_date: String,
}

impl Asset {
    /// The board's word counts; where it has none, the product's, then the chassis'.
    fn of(named: Self, fru: &Fru) -> Self {
        let areas = [AreaKind::Board, AreaKind::Product, AreaKind::Chassis].map(|kind| fru.area(kind));
        let first = |field: &str| {
            let mut said = areas.iter().flatten().filter_map(|area| area.field(field));
            said.find(|text| !text.trim().is_empty()).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        Self {
            manufacturer: first("manufacturer"),
            model: first("name"),
            part_number: first("part_number"),
            serial_number: first("serial_number"),
            build_date: fru.area(AreaKind::Board).and_then(Area::made_on).unwrap_or_default(),
            ..named
        }
    }
}

#[zbus::interface(name = "xyz.openbmc_project.Inventory.Decorator.Asset")]
impl Asset {
    #[zbus(property(emits_changed_signal = "const"))]
    fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn model(&self) -> &str {
        &self.model
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn part_number(&self) -> &str {
        &self.part_number
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn serial_number(&self) -> &str {
        &self.serial_number
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn build_date(&self) -> &str {
        &self.build_date
    }
}

/// `org.ferrite.Fru`.
struct Device {
    id: u8,
    frus: Arc<FruFiles>,
}

#[zbus::interface(name = "org.ferrite.Fru")]
impl Device {
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> u8 {
        self.id
    }

    async fn read(&self) -> fdo::Result<Vec<u8>> {
        self.frus.image(self.id).await.map_err(failure)
    }

    async fn write(&self, image: Vec<u8>, force: bool) -> fdo::Result<()> {
        self.frus.replace(self.id, image, force).await.map_err(failure)?;
        tracing::info!("fru {}: replaced over the bus{}", self.id, if force { ", by force" } else { "" });
        Ok(())
    }
}

fn failure(error: PlatformError) -> fdo::Error {
    match error {
        PlatformError::Refused(reason) => fdo::Error::InvalidArgs(reason),
        PlatformError::WriteProtected => fdo::Error::AccessDenied("the device is write-protected".to_owned()),
        other => fdo::Error::Failed(other.to_string()),
    }
}
