//! One object of several providers.

use bmc_dbus::names::inventory;
use zbus::OwnedVariant;

use super::*;

const PATH: &str = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";
/// Who says that it is there.
const PRESENCE: &str = "xyz.openbmc_project.Presence";
/// Who says what it is.
const MANAGER: &str = "xyz.openbmc_project.EntityManager";

fn presence(present: bool) -> Interfaces {
    let properties = HashMap::from([("Present".to_owned(), OwnedVariant::from(present))]);
    HashMap::from([(inventory::ITEM.to_owned(), properties)])
}

fn supply() -> Interfaces {
    let entity = HashMap::from([("EntityId".to_owned(), OwnedVariant::from(10_u64))]);
    let marker = (inventory::ITEM_POWER_SUPPLY.to_owned(), HashMap::new());
    HashMap::from([marker, (names::DECORATOR_IPMI.to_owned(), entity)])
}

fn loaded(items: &mut Items, provider: &str, interfaces: Option<Interfaces>) {
    // An object that no item is, so that the listing is not empty.
    let mut objects = HashMap::from([("/xyz/openbmc_project/inventory/other".to_owned(), HashMap::new())]);
    objects.extend(interfaces.map(|interfaces| (PATH.to_owned(), interfaces)));
    items.apply(Event::Loaded { provider: provider.into(), objects });
}

fn removed(items: &mut Items, provider: &str, interface: &str) {
    let (path, interfaces) = (PATH.to_owned(), vec![interface.to_owned()]);
    items.apply(Event::Removed { provider: provider.into(), path, interfaces });
}

/// The states of the item at [`PATH`]: `None` where there is no item, or nobody tells them.
fn states(items: &Items) -> Option<Option<u16>> {
    let item = items.all().find(|(path, ..)| *path == PATH);
    item.map(|(.., cell)| cell.read(Instant::now()))
}

fn both() -> Items {
    let mut items = Items::default();
    loaded(&mut items, PRESENCE, Some(presence(true)));
    loaded(&mut items, MANAGER, Some(supply()));
    assert_eq!(states(&items), Some(Some(1)));
    items
}

#[test]
fn an_item_is_available_while_any_of_its_providers_lives() {
    let mut items = both();
    items.apply(Event::Gone { provider: MANAGER.into() });
    assert_eq!(states(&items), Some(Some(1)));
    items.apply(Event::Gone { provider: PRESENCE.into() });
    assert_eq!(states(&items), Some(None));
}

#[test]
fn a_provider_that_returns_without_the_item_takes_only_its_own_part() {
    let mut items = both();
    loaded(&mut items, PRESENCE, None);
    assert_eq!(states(&items), Some(None), "it is a supply still, and nobody says whether it is there");
    loaded(&mut items, PRESENCE, Some(presence(true)));
    assert_eq!(states(&items), Some(Some(1)));
    loaded(&mut items, MANAGER, None);
    assert_eq!(states(&items), None, "nobody says what it is");
    loaded(&mut items, MANAGER, Some(supply()));
    assert_eq!(states(&items), Some(Some(1)), "that it is there was said before");
    loaded(&mut items, PRESENCE, None);
    loaded(&mut items, MANAGER, None);
    assert!(!items.objects.contains_key(PATH), "it was the last");
}

#[test]
fn what_one_provider_removes_or_changes_is_not_the_others() {
    let mut items = both();
    removed(&mut items, MANAGER, inventory::ITEM);
    assert_eq!(states(&items), Some(Some(1)), "it never had that");
    let properties = HashMap::from([("Present".to_owned(), OwnedVariant::from(false))]);
    let (path, interface) = (PATH.to_owned(), inventory::ITEM.to_owned());
    items.apply(Event::Changed { provider: "xyz.other".into(), path, interface, properties });
    assert_eq!(states(&items), Some(Some(1)), "a stranger");
    removed(&mut items, MANAGER, names::DECORATOR_IPMI);
    assert_eq!(items.all().find(|(path, ..)| *path == PATH).unwrap().2, None);
}

#[test]
fn an_object_that_is_no_item_yet_keeps_what_was_said_of_it_when_another_interface_goes() {
    let mut items = Items::default();
    let mut interfaces = presence(true);
    interfaces.insert("xyz.openbmc_project.Inventory.Decorator.Asset".to_owned(), HashMap::new());
    loaded(&mut items, PRESENCE, Some(interfaces));
    removed(&mut items, PRESENCE, "xyz.openbmc_project.Inventory.Decorator.Asset");
    assert_eq!(states(&items), None);
    loaded(&mut items, MANAGER, Some(supply()));
    assert_eq!(states(&items), Some(Some(1)));
}
