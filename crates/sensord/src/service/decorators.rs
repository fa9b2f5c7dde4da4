//! What OpenBMC decorates every sensor with.

use zbus::interface;

use super::View;

/// Where entity-manager has boards.
const BOARDS: &str = "/xyz/openbmc_project/inventory/system/board";

#[derive(Debug)]
pub(super) struct Availability(pub(super) View);

#[interface(name = "xyz.openbmc_project.State.Decorator.Availability")]
impl Availability {
    #[zbus(property)]
    fn available(&self) -> bool {
        self.0.handle().state().available()
    }
}

#[derive(Debug)]
pub(super) struct OperationalStatus(pub(super) View);

#[interface(name = "xyz.openbmc_project.State.Decorator.OperationalStatus")]
impl OperationalStatus {
    #[zbus(property)]
    fn functional(&self) -> bool {
        self.0.handle().state().functional()
    }
}

#[derive(Debug)]
pub(super) struct Associations(pub(super) View);

#[interface(name = "xyz.openbmc_project.Association.Definitions")]
impl Associations {
    #[zbus(property(emits_changed_signal = "const"))]
    fn associations(&self) -> Vec<(String, String, String)> {
        let board = format!("{BOARDS}/{}", self.0.handle().spec.board);
        [("chassis", "all_sensors"), ("inventory", "sensors")]
            .map(|(forward, reverse)| (forward.to_owned(), reverse.to_owned(), board.clone()))
            .to_vec()
    }
}

#[derive(Debug)]
pub(super) struct Ipmi(pub(super) View);

#[interface(name = "xyz.openbmc_project.Inventory.Decorator.Ipmi")]
impl Ipmi {
    #[zbus(property(emits_changed_signal = "const"))]
    fn entity_id(&self) -> u64 {
        u64::from(self.0.handle().spec.entity.id)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn entity_instance(&self) -> u64 {
        u64::from(self.0.handle().spec.entity.instance)
    }
}
