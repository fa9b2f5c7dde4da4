//! Sensor numbers that stay: a client that keeps records in a cache must find the same sensor behind the same number.

use std::collections::{BTreeMap, HashSet};

use ipmi_wire::record::event::number;
use serde::{Deserialize, Serialize};

/// A sensor's address at the BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// LUN, 0 to 3.
    pub lun: u8,
    /// Number, 0 to FEh.
    pub number: u8,
}

/// In which order LUNs fill up. LUN 2 is the host's message queue for clients that bridge; a sensor there is better than none,
/// so it comes last, past 750 sensors.
const LUNS: [u8; 4] = [0, 1, 3, 2];
/// FFh is reserved.
const LAST_NUMBER: u8 = 0xFE;

impl Address {
    /// Whether a sensor of the board may have it: reserved ones, and those of the BMC's own discrete sensors, are not for them.
    fn is_for_the_board(self) -> bool {
        self.lun < 4 && self.number <= LAST_NUMBER && (self.lun != 0 || self.number < number::FIRST)
    }
}

/// Which path has which address, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers {
    by_path: BTreeMap<String, Address>,
}

impl Numbers {
    /// The address of `path`.
    pub fn get(&self, path: &str) -> Option<Address> {
        self.by_path.get(path).copied()
    }

    /// Gives an address to every one of `present` that has none; whether any was given.
    ///
    /// Addresses of sensors that are not there now stay theirs, until no other is left.
    pub fn assign<'a>(&mut self, present: impl Iterator<Item = &'a str> + Clone) -> bool {
        let new: Vec<&str> = present.clone().filter(|path| !self.by_path.contains_key(*path)).collect();
        if new.is_empty() {
            return false;
        }
        if new.len() > self.free().len() {
            let present: HashSet<&str> = present.collect();
            self.by_path.retain(|path, _| present.contains(path.as_str()));
        }
        for (path, address) in new.into_iter().zip(self.free()) {
            self.by_path.insert(path.to_owned(), address);
        }
        true
    }

    /// All addresses that nobody has, in the order in which they are given.
    fn free(&self) -> Vec<Address> {
        let taken: HashSet<Address> = self.by_path.values().copied().collect();
        LUNS.into_iter()
            // 0 is allowed, and some clients take it for "none": it comes last.
            .flat_map(|lun| (1..=LAST_NUMBER).chain([0]).map(move |number| Address { lun, number }))
            .filter(|address| address.is_for_the_board() && !taken.contains(address))
            .collect()
    }

    /// Drops what a damaged file could hold: reserved numbers, and addresses used twice.
    #[must_use]
    pub fn checked(mut self) -> Self {
        let mut seen = HashSet::new();
        self.by_path.retain(|_, address| address.is_for_the_board() && seen.insert(*address));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("/s/temperature/T{index}")).collect()
    }

    fn assign(numbers: &mut Numbers, paths: &[String]) -> bool {
        numbers.assign(paths.iter().map(String::as_str))
    }

    #[test]
    fn a_thousand_sensors_have_addresses_of_their_own_and_none_is_ffh() {
        let (mut numbers, paths) = (Numbers::default(), paths(1000));
        assert!(assign(&mut numbers, &paths));
        let all: HashSet<_> = paths.iter().map(|path| numbers.get(path).unwrap()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|address| address.number != 0xFF && address.lun < 4));
        assert!(paths.iter().take(750).all(|path| numbers.get(path).unwrap().lun != 2));
    }

    #[test]
    fn numbers_stay_when_sensors_come_and_go() {
        let (mut numbers, paths) = (Numbers::default(), paths(10));
        assign(&mut numbers, &paths[5..]);
        let before = numbers.get(&paths[7]);
        assert!(assign(&mut numbers, &paths[..2]));
        assert!(!assign(&mut numbers, &paths[5..]));
        assert_eq!(numbers.get(&paths[7]), before);
    }

    #[test]
    fn numbers_of_sensors_long_gone_are_given_away_when_none_is_left() {
        let mut numbers = Numbers::default();
        assign(&mut numbers, &paths(1020));
        let new = ["/s/fan_tach/F1".to_owned()];
        assert!(assign(&mut numbers, &new));
        assert!(numbers.get(&new[0]).is_some());
    }

    #[test]
    fn a_file_with_one_address_for_two_sensors_is_mended() {
        let text = r#"{"/a":{"lun":0,"number":1},"/b":{"lun":0,"number":1},"/c":{"lun":0,"number":255}}"#;
        let mut numbers: Numbers = serde_json::from_str::<Numbers>(text).unwrap().checked();
        assert!(numbers.assign(["/a", "/b", "/c"].into_iter()));
        let all: HashSet<_> = ["/a", "/b", "/c"].map(|path| numbers.get(path).unwrap()).into();
        assert_eq!(all.len(), 3);
    }
}
