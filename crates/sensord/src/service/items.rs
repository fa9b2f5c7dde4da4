//! Power supplies, processors and openings of the chassis, as OpenBMC has them.

use std::{convert::Infallible, sync::Arc};

use bmc_dbus::{
    Serve as _,
    names::{chassis, inventory},
};
use zbus::{Connection, fdo::ObjectManager, interface};

use super::Refusal;
use crate::{
    board::ItemKind,
    items::{self, Items, View},
    station::Station,
};

/// An item, for the interfaces that show it.
#[derive(Debug, Clone)]
struct Shown {
    items: Arc<Items>,
    station: Arc<Station>,
    index: usize,
}

impl Shown {
    #[allow(clippy::indexing_slicing, reason = "made of the items' own indices only")]
    fn item(&self) -> &items::Item {
        &self.items.all()[self.index]
    }

    /// Items are served when they are known, and never become unknown.
    fn view(&self) -> View {
        let unknown = View { present: true, health: items::Health::default(), open: false };
        self.item().view().unwrap_or(unknown)
    }
}

/// Puts each item on `connection` as it becomes known.
pub(crate) async fn serve(
    connection: &Connection,
    items: &Arc<Items>,
    station: &Arc<Station>,
) -> zbus::Result<Infallible> {
    let server = connection.object_server();
    server.serve(inventory::ROOT, ObjectManager).await?;
    server.serve(chassis::ROOT, ObjectManager).await?;
    let mut known = items.known();
    let mut served = vec![false; items.all().len()];
    loop {
        known.mark_unchanged();
        for (index, served) in served.iter_mut().enumerate() {
            let shown = Shown { items: Arc::clone(items), station: Arc::clone(station), index };
            if !*served && shown.item().view().is_some() {
                *served = true;
                serve_item(connection, shown).await?;
            }
        }
        if known.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What says of which kind it is comes last: before it the others mean nothing to a reader.
async fn serve_item(connection: &Connection, shown: Shown) -> zbus::Result<()> {
    let (server, path) = (connection.object_server(), shown.item().spec.path.clone());
    let path = path.as_str();
    server.serve(path, Ipmi(shown.clone())).await?;
    if !matches!(shown.item().spec.kind, ItemKind::Intrusion { .. }) {
        server.serve(path, Item(shown.clone())).await?;
    }
    match shown.item().spec.kind {
        ItemKind::PowerSupply { .. } => {
            server.serve(path, OperationalStatus(shown.clone())).await?;
            server.serve(path, PowerSystemInputs(shown)).await?;
            server.serve(path, PowerSupply).await?;
        }
        ItemKind::Cpu => _ = server.serve(path, Cpu).await?,
        ItemKind::Intrusion { .. } => drop(server.serve(path, Intrusion(shown)).await?),
    }
    Ok(())
}

struct Item(Shown);

#[interface(name = "xyz.openbmc_project.Inventory.Item")]
impl Item {
    #[zbus(property(emits_changed_signal = "const"))]
    fn pretty_name(&self) -> &str {
        &self.0.item().spec.name
    }

    #[zbus(property)]
    fn present(&self) -> bool {
        self.0.view().present
    }
}

struct OperationalStatus(Shown);

#[interface(name = "xyz.openbmc_project.State.Decorator.OperationalStatus")]
impl OperationalStatus {
    #[zbus(property)]
    fn functional(&self) -> bool {
        !self.0.view().health.broken
    }
}

struct PowerSystemInputs(Shown);

#[interface(name = "xyz.openbmc_project.State.Decorator.PowerSystemInputs")]
impl PowerSystemInputs {
    #[zbus(property)]
    fn status(&self) -> &'static str {
        self.0.view().inputs()
    }
}

struct PowerSupply;

#[interface(name = "xyz.openbmc_project.Inventory.Item.PowerSupply")]
impl PowerSupply {}

struct Cpu;

#[interface(name = "xyz.openbmc_project.Inventory.Item.Cpu")]
impl Cpu {}

struct Ipmi(Shown);

#[interface(name = "xyz.openbmc_project.Inventory.Decorator.Ipmi")]
impl Ipmi {
    #[zbus(property(emits_changed_signal = "const"))]
    fn entity_id(&self) -> u64 {
        u64::from(self.0.item().spec.entity.id)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn entity_instance(&self) -> u64 {
        u64::from(self.0.item().spec.entity.instance)
    }
}

struct Intrusion(Shown);

#[interface(name = "xyz.openbmc_project.Chassis.Intrusion")]
impl Intrusion {
    #[zbus(property)]
    fn status(&self) -> &'static str {
        self.0.view().intrusion()
    }

    /// Re-arms a detector that does not do so by itself; what it sees nobody can set.
    #[zbus(property)]
    async fn set_status(&self, status: String) -> Result<(), Refusal> {
        if !self.0.item().is_manual() || !status.ends_with("Normal") {
            let text = "only a detector with manual re-arming can be set, to Normal";
            return Err(Refusal::InvalidArgument(text.to_owned()));
        }
        self.0.items.rearm(self.0.index, &self.0.station.publisher).await;
        Ok(())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn rearm(&self) -> &'static str {
        if self.0.item().is_manual() {
            "xyz.openbmc_project.Chassis.Intrusion.RearmMode.Manual"
        } else {
            "xyz.openbmc_project.Chassis.Intrusion.RearmMode.Automatic"
        }
    }
}
