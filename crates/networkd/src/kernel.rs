//! What the kernel told so far.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{Address, AddressKey, DefaultRoute, Event, Link, Neighbour, NeighbourKey};

/// Links, addresses, default routes and neighbours. The kernel bounds each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) links: BTreeMap<u32, Link>,
    pub(crate) addresses: BTreeMap<AddressKey, Address>,
    /// Best metric first.
    pub(crate) routes: BTreeSet<DefaultRoute>,
    pub(crate) neighbours: BTreeMap<NeighbourKey, Neighbour>,
}

impl Kernel {
    /// Takes one event in. `true` means that more may have changed than the kernel tells, and that a dump is due: IPv4 routes leave
    /// without a word when their link goes down or their source address goes away.
    pub(crate) fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Link(index, link) => {
                let went_down = !link.enabled && self.links.get(&index).is_some_and(|old| old.enabled);
                self.links.insert(index, link);
                return went_down;
            }
            Event::LinkGone(index) => {
                self.links.remove(&index);
                return true;
            }
            Event::Address(key, address) => {
                self.addresses.insert(key, address);
            }
            Event::AddressGone(key) => return self.addresses.remove(&key).is_some(),
            Event::Route { route, replace } => {
                if replace {
                    let same_kind = |old: &DefaultRoute| {
                        old.metric == route.metric && old.gateway.is_ipv4() == route.gateway.is_ipv4()
                    };
                    self.routes.retain(|old| !same_kind(old));
                }
                self.routes.insert(route);
            }
            Event::RouteGone(route) => {
                self.routes.remove(&route);
            }
            Event::Neighbour(key, neighbour) => {
                self.neighbours.insert(key, neighbour);
            }
            Event::NeighbourGone(key) => {
                self.neighbours.remove(&key);
            }
            Event::Done | Event::Interrupted | Event::Failed(_) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(metric: u32, gateway: &str) -> DefaultRoute {
        DefaultRoute { metric, link: 2, gateway: gateway.parse().unwrap() }
    }

    #[test]
    fn a_replaced_route_makes_way_for_its_successor_of_the_same_family_and_metric() {
        let mut kernel = Kernel::default();
        for old in [route(100, "10.0.0.1"), route(200, "10.0.0.2"), route(100, "fe80::1")] {
            kernel.apply(Event::Route { route: old, replace: false });
        }
        kernel.apply(Event::Route { route: route(100, "10.0.0.9"), replace: true });
        let left: Vec<_> = kernel.routes.into_iter().collect();
        assert_eq!(left, [route(100, "10.0.0.9"), route(100, "fe80::1"), route(200, "10.0.0.2")]);
    }

    #[test]
    fn what_the_kernel_does_not_announce_calls_for_a_dump() {
        let link = |enabled| Link {
            name: "eth0".into(),
            ethernet: true,
            enabled,
            carrier: true,
            mac: None,
            mtu: 1500,
            vlan: None,
        };
        let mut kernel = Kernel::default();
        assert!(!kernel.apply(Event::Link(2, link(true))));
        assert!(kernel.apply(Event::Link(2, link(false))));
        assert!(!kernel.apply(Event::Link(2, link(false))), "once");
        let key = (2, "10.0.0.5".parse().unwrap(), 24);
        kernel.apply(Event::Address(key, Address { flags: 0x80, protocol: 0 }));
        assert!(kernel.apply(Event::AddressGone(key)));
    }
}
