//! What is there or not, whole or not: power supplies, processors, openings of the chassis. It outlives the bus.
//!
//! Lines and alarms come in, and [`View`] is what follows of them. An item is shown on the bus when all that it stands on was looked
//! at once: before that it would claim what nobody knows.

mod alarms;
mod lines;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bmc_daemon::StateFile;
use bmc_dbus::names::{chassis, inventory, sensors};
use bmc_hw::{gpio::Source, hwmon::SysfsHwmon};
use tokio::sync::{Mutex as Turn, mpsc, watch};

use crate::{
    board::{ItemKind, ItemSpec},
    publisher::Publisher,
};

/// Findings that may wait; beyond that the threads do.
const QUEUE: usize = 16;

/// Names of the detectors that saw the chassis open and that somebody has to re-arm.
pub(crate) type Tripped = BTreeSet<String>;

/// All items of the board.
#[derive(Debug)]
pub(crate) struct Items {
    all: Vec<Item>,
    /// What detectors saw outlives restarts and power cuts: whoever opens the chassis can pull the plug.
    tripped: Turn<Arc<StateFile<Tripped>>>,
    /// How many are known well enough to be shown.
    known: watch::Sender<usize>,
}

/// An item: what it is and how it is.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) spec: ItemSpec,
    state: Mutex<State>,
}

/// What was seen of an item. Pure.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Whether its line is active.
    active: Option<bool>,
    /// Whether its alarms were looked at.
    looked: bool,
    health: Health,
    /// A detector saw the chassis open.
    tripped: bool,
}

/// What the alarms of a power supply say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Health {
    /// It does not give what it should.
    pub(crate) broken: bool,
    /// Nothing comes in.
    pub(crate) input_lost: bool,
}

/// What the bus is told of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) present: bool,
    pub(crate) health: Health,
    pub(crate) open: bool,
}

/// Something that was seen of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The level of its line, as "yes" or "no".
    Line(bool),
    /// Its alarms; `None` where it does not answer.
    Alarms(Option<Health>),
    /// Somebody re-armed it.
    Rearmed,
}

impl State {
    fn see(&mut self, seen: Seen, kind: &ItemKind) {
        match seen {
            Seen::Line(active) => {
                if let ItemKind::Intrusion { manual } = kind {
                    let opens = active && self.active != Some(true);
                    self.tripped = opens || self.tripped && (*manual || active);
                }
                self.active = Some(active);
                // Of what is not there nothing is broken, and what comes next may be another.
                if !active {
                    self.health = Health::default();
                }
            }
            Seen::Alarms(health) => {
                self.looked = true;
                if self.active != Some(false) {
                    self.health = health.unwrap_or(self.health);
                }
            }
            Seen::Rearmed => self.tripped = false,
        }
    }

    fn view(&self, spec: &ItemSpec) -> Option<View> {
        let is_supply = matches!(spec.kind, ItemKind::PowerSupply { .. });
        let known = (spec.line.is_none() || self.active.is_some()) && (!is_supply || self.looked);
        let present = self.active.unwrap_or(true);
        known.then_some(View { present, health: self.health, open: self.tripped })
    }
}

fn is_manual(spec: &ItemSpec) -> bool {
    matches!(spec.kind, ItemKind::Intrusion { manual: true })
}

impl Item {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it; `None` before all was looked at.
    pub(crate) fn view(&self) -> Option<View> {
        self.state().view(&self.spec)
    }

    /// Whether somebody has to re-arm it.
    pub(crate) fn is_manual(&self) -> bool {
        is_manual(&self.spec)
    }
}

impl Items {
    /// The items of `specs`, of which nothing is known yet but what stands in `file`. Where it cannot be read the chassis may have been
    /// opened: somebody has to look.
    pub(crate) fn new(specs: Vec<ItemSpec>, file: StateFile<Tripped>) -> Arc<Self> {
        let kept = file.load().map(Option::unwrap_or_default);
        if let Err(error) = &kept {
            tracing::warn!("{error}\nevery detector with manual re-arming counts as tripped");
        }
        let item = |spec: ItemSpec| {
            let tripped = is_manual(&spec) && kept.as_ref().map_or(true, |names| names.contains(&spec.name));
            Item { spec, state: Mutex::new(State { tripped, ..State::default() }) }
        };
        let all = specs.into_iter().map(item).collect();
        Arc::new(Self { all, tripped: Turn::new(Arc::new(file)), known: watch::Sender::new(0) })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Item] {
        &self.all
    }

    /// Changes whenever one more is known.
    pub(crate) fn known(&self) -> watch::Receiver<usize> {
        self.known.subscribe()
    }

    /// A client re-arms a detector.
    pub(crate) async fn rearm(&self, index: usize, publisher: &Publisher) {
        self.see(index, Seen::Rearmed, publisher).await;
    }

    /// Takes what was seen of an item, and tells the bus what changed by it.
    async fn see(&self, index: usize, seen: Seen, publisher: &Publisher) {
        let Some(item) = self.all.get(index) else { return };
        let (before, after, latched) = {
            let mut state = item.state();
            let (before, was) = (state.view(&item.spec), state.tripped);
            state.see(seen, &item.spec.kind);
            (before, state.view(&item.spec), was != state.tripped && item.is_manual())
        };
        // What is told is not forgotten.
        if latched && let Err(error) = self.keep_tripped().await {
            tracing::error!("{}: a restart forgets this: {error}", item.spec.path);
        }
        match (before, after) {
            (None, Some(view)) => {
                tracing::info!("{}: {view:?}", item.spec.path);
                self.known.send_modify(|known| *known += 1);
            }
            (Some(before), Some(after)) if before != after => {
                tracing::warn!("{}: {before:?} became {after:?}", item.spec.path);
                announce(item, before, after, publisher).await;
            }
            _ => {}
        }
    }

    /// Writes which detectors are tripped; it is on the medium when this returns.
    async fn keep_tripped(&self) -> anyhow::Result<()> {
        let file = self.tripped.lock().await;
        let tripped = self.all.iter().filter(|item| item.is_manual() && item.state().tripped);
        let names: Tripped = tripped.map(|item| item.spec.name.clone()).collect();
        let file = Arc::clone(&file);
        // Syncing takes as long as flash takes; the readings go on meanwhile.
        Ok(tokio::task::spawn_blocking(move || file.store(&names)).await??)
    }
}

/// Tells the bus what differs.
async fn announce(item: &Item, before: View, after: View, publisher: &Publisher) {
    let path = item.spec.path.as_str();
    if before.present != after.present {
        publisher.property(path, inventory::ITEM, "Present", after.present.into()).await;
    }
    if before.health.broken != after.health.broken {
        let functional = !after.health.broken;
        publisher.property(path, sensors::OPERATIONAL_STATUS, "Functional", functional.into()).await;
    }
    if before.health.input_lost != after.health.input_lost {
        let status = after.inputs();
        publisher.property(path, inventory::POWER_SYSTEM_INPUTS, "Status", status.into()).await;
    }
    if before.open != after.open {
        publisher.property(path, chassis::INTRUSION, "Status", after.intrusion().into()).await;
    }
}

impl View {
    /// The `Status` of `PowerSystemInputs`.
    pub(crate) fn inputs(self) -> &'static str {
        if self.health.input_lost {
            "xyz.openbmc_project.State.Decorator.PowerSystemInputs.Status.Fault"
        } else {
            "xyz.openbmc_project.State.Decorator.PowerSystemInputs.Status.Good"
        }
    }

    /// The `Status` of `Chassis.Intrusion`.
    pub(crate) fn intrusion(self) -> &'static str {
        if self.open {
            "xyz.openbmc_project.Chassis.Intrusion.Status.HardwareIntrusion"
        } else {
            "xyz.openbmc_project.Chassis.Intrusion.Status.Normal"
        }
    }
}

/// What the watchers of power supplies found: which item, and what its alarms say.
pub(crate) type Findings = mpsc::Receiver<(usize, Option<Health>)>;

/// Starts a thread for each bus that power supplies are on.
///
/// # Errors
/// Where a thread cannot be started.
pub(crate) fn start(items: &Items, hwmon: &SysfsHwmon) -> io::Result<Findings> {
    let (findings, found) = mpsc::channel(QUEUE);
    alarms::start(items, hwmon, &findings)?;
    Ok(found)
}

/// Watches lines and alarms until it is dropped.
pub(crate) async fn run(
    items: &Items,
    publisher: &Publisher,
    source: &Source,
    mut findings: Findings,
) -> Infallible {
    let watch_alarms = async {
        while let Some((index, health)) = findings.recv().await {
            items.see(index, Seen::Alarms(health), publisher).await;
        }
        std::future::pending::<Infallible>().await
    };
    tokio::join!(watch_alarms, lines::watch(items, publisher, source)).0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bmc_hw::hwmon::HwmonDevice;

    use super::*;
    use crate::board::parse_items;

    fn item(record: &str) -> ItemSpec {
        let text = format!("{{\"Name\": \"B\", \"Exposes\": [{record}]}}");
        parse_items(std::path::Path::new("b"), &text, Duration::from_secs(1)).unwrap().remove(0)
    }

    fn detector(rearm: &str) -> ItemSpec {
        item(&format!(
            r#"{{"Name": "Lid", "Type": "ChassisIntrusionSensor", "Class": "Gpio", "GpioPolarity": "High", "Rearm": "{rearm}"}}"#
        ))
    }

    fn supply() -> ItemSpec {
        let supply = item(
            r#"{"Name": "PSU1", "Type": "pmbus", "Bus": 7, "Address": 88, "Presence": {"PinName": "p", "Polarity": "Low"}}"#,
        );
        assert!(matches!(
            &supply.kind,
            ItemKind::PowerSupply { device: HwmonDevice::I2c { bus: 7, .. }, .. }
        ));
        supply
    }

    fn views(spec: &ItemSpec, seen: &[Seen]) -> Vec<Option<View>> {
        let mut state = State::default();
        let mut views = Vec::new();
        for seen in seen {
            state.see(*seen, &spec.kind);
            views.push(state.view(spec));
        }
        views
    }

    #[test]
    fn a_supply_is_shown_when_line_and_alarms_were_seen_and_has_no_fault_while_it_is_out() {
        let broken = Health { broken: true, input_lost: false };
        let seen = [
            Seen::Line(true),
            Seen::Alarms(None),
            Seen::Alarms(Some(broken)),
            Seen::Alarms(None),
            Seen::Line(false),
        ];
        let shown = |present, health| Some(View { present, health, open: false });
        let fine = Health::default();
        let expected =
            [None, shown(true, fine), shown(true, broken), shown(true, broken), shown(false, fine)];
        assert_eq!(views(&supply(), &seen), expected);
    }

    #[test]
    fn a_supply_that_replaces_a_broken_one_is_whole_until_its_own_alarms_say_otherwise() {
        let broken = Seen::Alarms(Some(Health { broken: true, input_lost: true }));
        let seen = [
            Seen::Line(true),
            broken,
            Seen::Line(false),
            // The thread looks on.
            broken,
            Seen::Line(true),
            Seen::Alarms(None),
            broken,
        ];
        let views = views(&supply(), &seen).into_iter().flatten();
        let shown: Vec<_> = views.map(|view| (view.present, view.health.broken)).collect();
        let (whole, failed, out) = ((true, false), (true, true), (false, false));
        assert_eq!(shown, [failed, out, out, whole, whole, failed]);
    }

    #[test]
    fn a_detector_forgets_by_itself_or_when_it_is_re_armed() {
        let open = |views: Vec<Option<View>>| views.iter().map(|view| view.unwrap().open).collect::<Vec<_>>();
        let seen = [Seen::Line(false), Seen::Line(true), Seen::Line(false), Seen::Rearmed];
        assert_eq!(open(views(&detector("Automatic"), &seen)), [false, true, false, false]);
        assert_eq!(open(views(&detector("Manual"), &seen)), [false, true, true, false]);
        let again = [Seen::Line(true), Seen::Rearmed, Seen::Line(true), Seen::Line(false), Seen::Line(true)];
        assert_eq!(open(views(&detector("Manual"), &again)), [true, false, false, false, true]);
    }
}
