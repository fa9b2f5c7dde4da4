//! The PEF configuration parameters: what is kept of them, what they are now.

use std::collections::BTreeMap;

use ipmi_wire::{
    codec::{Decode, Encode},
    command::{app::Guid, sol_configuration::Progress},
    pef::{AlertPolicy, EventFilter, GuidOfTraps, PefParameter, StringKey, action},
};
use serde::{Deserialize, Serialize};

/// Entries of the event filter table.
pub(crate) const FILTERS: u8 = 32;
/// Entries of the alert policy table.
const POLICIES: u8 = 32;
/// Alert strings, beside the volatile one.
const STRINGS: u8 = 8;
/// A block of an alert string, and how many it has.
const BLOCK: usize = 16;
const BLOCKS: usize = 4;

/// What can be done about an event.
pub(crate) const ACTIONS: u8 =
    action::ALERT | action::POWER_DOWN | action::RESET | action::POWER_CYCLE | action::DIAGNOSTIC_INTERRUPT;

/// Why a parameter cannot be read or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such parameter")]
    Unknown,
    #[error(
        "there is no such entry: {FILTERS} filters, {POLICIES} policies, {STRINGS} strings of {BLOCKS} blocks"
    )]
    NoEntry,
    #[error("the parameter can only be read")]
    ReadOnly,
    #[error("somebody else is changing the parameters")]
    InProgress,
    #[error("these bytes are no value of the parameter: {0}")]
    Value(ipmi_wire::CompletionCode),
    #[error("a filter can ask for {ACTIONS:#04x} alone of all actions")]
    Action,
}

/// What outlives restarts. Tables hold the entries that somebody set, as IPMI writes them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kept {
    control: u8,
    actions: Option<u8>,
    filters: BTreeMap<u8, Vec<u8>>,
    policies: BTreeMap<u8, Vec<u8>>,
    guid: Option<[u8; 16]>,
    string_keys: BTreeMap<u8, Vec<u8>>,
    strings: BTreeMap<u8, Vec<u8>>,
    /// ID of the last record that system software looked at.
    pub(crate) last_by_software: u16,
}

/// An alert string.
type Text = [u8; BLOCK * BLOCKS];

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    in_progress: bool,
    /// Bits as in [`ipmi_wire::pef::control`].
    pub(crate) control: u8,
    /// The actions that can be done at all, bits as in [`action`].
    pub(crate) actions: u8,
    filters: Vec<EventFilter>,
    unused: AlertPolicy,
    policies: Vec<AlertPolicy>,
    pub(crate) guid: GuidOfTraps,
    /// Of the strings, the volatile one first.
    keys: Vec<StringKey>,
    strings: Vec<Text>,
}

/// An entry of a table that is counted from 1.
fn entry<T>(table: &mut [T], number: u8) -> Result<&mut T, Refusal> {
    usize::from(number).checked_sub(1).and_then(|place| table.get_mut(place)).ok_or(Refusal::NoEntry)
}

impl Configuration {
    /// As delivered: nothing is filtered. An entry of the alert policy table that is not in use names `lan_channel`, since clients
    /// look up the destinations of whatever channel it names.
    pub(crate) fn delivered(lan_channel: u8) -> Self {
        let unused = AlertPolicy { channel: lan_channel, ..AlertPolicy::default() };
        Self {
            in_progress: false,
            control: 0,
            actions: ACTIONS,
            filters: vec![EventFilter::default(); FILTERS.into()],
            unused,
            policies: vec![unused; POLICIES.into()],
            guid: GuidOfTraps::System,
            keys: vec![StringKey::default(); usize::from(STRINGS) + 1],
            strings: vec![[0; BLOCK * BLOCKS]; usize::from(STRINGS) + 1],
        }
    }

    /// The filters, with their numbers.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (u8, &EventFilter)> {
        (1..).zip(&self.filters)
    }

    /// The policies in use that are of `policy`, in their order.
    pub(crate) fn policies(&self, policy: u8) -> Vec<AlertPolicy> {
        let wanted = |entry: &&AlertPolicy| entry.enabled && entry.policy == policy;
        self.policies.iter().filter(wanted).copied().collect()
    }

    /// The alert string of an entry, for an event that `filter` found; empty where there is none.
    pub(crate) fn text(&self, policy: &AlertPolicy, filter: u8) -> String {
        let place = if policy.string_by_event {
            let key = StringKey { filter, set: policy.string };
            self.keys.iter().position(|known| *known == key && filter != 0)
        } else {
            Some(usize::from(policy.string)).filter(|number| *number != 0)
        };
        place.map_or_else(String::new, |place| self.string(place))
    }

    /// An alert string by its number, as text.
    pub(crate) fn string(&self, number: usize) -> String {
        let bytes = self.strings.get(number).map_or(&[][..], |text| &text[..]);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::NoEntry`].
    pub(crate) fn get(&self, number: u8, set: u8, block: u8) -> Result<PefParameter, Refusal> {
        use PefParameter as P;
        let from_one = usize::from(set).wrapping_sub(1);
        let filter = || self.filters.get(from_one).ok_or(Refusal::NoEntry);
        Ok(match number {
            0 if self.in_progress => P::SetInProgress(Progress::InProgress),
            0 => P::SetInProgress(Progress::Complete),
            1 => P::Control(self.control),
            2 => P::ActionControl(self.actions),
            5 => P::FilterCount(FILTERS),
            6 => P::Filter(set, *filter()?),
            7 => P::FilterConfiguration(set, filter()?.configuration()),
            8 => P::PolicyCount(POLICIES),
            9 => P::Policy(set, *self.policies.get(from_one).ok_or(Refusal::NoEntry)?),
            10 => P::SystemGuid(self.guid),
            11 => P::StringCount(STRINGS),
            12 => P::StringKey(set, *self.keys.get(usize::from(set)).ok_or(Refusal::NoEntry)?),
            13 => {
                let text = self.strings.get(usize::from(set)).ok_or(Refusal::NoEntry)?;
                let (blocks, _) = text.as_chunks::<BLOCK>();
                let place = usize::from(block).checked_sub(1);
                let bytes = place.and_then(|place| blocks.get(place)).ok_or(Refusal::NoEntry)?;
                P::StringBlock(set, block, *bytes)
            }
            _ => return Err(Refusal::Unknown),
        })
    }

    /// Changes a parameter.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub(crate) fn set(&mut self, parameter: PefParameter) -> Result<(), Refusal> {
        use PefParameter as P;
        match parameter {
            P::SetInProgress(Progress::InProgress) if self.in_progress => return Err(Refusal::InProgress),
            P::SetInProgress(progress) => self.in_progress = progress == Progress::InProgress,
            P::Control(control) => self.control = control & CONTROL,
            P::ActionControl(actions) => self.actions = actions & ACTIONS,
            P::Filter(_, filter) if filter.actions & !ACTIONS != 0 => return Err(Refusal::Action),
            P::Filter(number, filter) => *entry(&mut self.filters, number)? = filter,
            P::FilterConfiguration(number, byte) => {
                entry(&mut self.filters, number)?.set_configuration(byte);
            }
            P::Policy(number, policy) => *entry(&mut self.policies, number)? = policy,
            P::SystemGuid(guid) => self.guid = guid,
            P::StringKey(number, key) => {
                *self.keys.get_mut(usize::from(number)).ok_or(Refusal::NoEntry)? = key;
            }
            P::StringBlock(number, block, bytes) => {
                let text = self.strings.get_mut(usize::from(number)).ok_or(Refusal::NoEntry)?;
                *entry(text.as_chunks_mut::<BLOCK>().0, block)? = bytes;
            }
            P::FilterCount(_) | P::PolicyCount(_) | P::StringCount(_) => return Err(Refusal::ReadOnly),
        }
        Ok(())
    }

    /// What is kept of it. The volatile string is not.
    pub(crate) fn keep(&self, kept: &mut Kept) {
        fn changed<T: Encode + PartialEq>(table: &[T], unused: &T) -> BTreeMap<u8, Vec<u8>> {
            let entries = (1..).zip(table).filter(|(_, entry)| *entry != unused);
            entries.map(|(number, entry)| (number, entry.to_bytes())).collect()
        }
        kept.control = self.control;
        kept.actions = Some(self.actions);
        kept.filters = changed(&self.filters, &EventFilter::default());
        kept.policies = changed(&self.policies, &self.unused);
        kept.guid = match self.guid {
            GuidOfTraps::System => None,
            GuidOfTraps::Own(guid) => Some(guid.0),
        };
        let keys = (0..).zip(&self.keys).skip(1).filter(|(_, key)| **key != StringKey::default());
        kept.string_keys = keys.map(|(number, key)| (number, vec![key.filter, key.set])).collect();
        let strings = (0..).zip(&self.strings).skip(1).filter(|(_, text)| text[0] != 0);
        kept.strings = strings.map(|(number, text)| (number, text.to_vec())).collect();
    }

    /// What was kept.
    ///
    /// # Errors
    /// What cannot be meant.
    pub(crate) fn of(kept: &Kept, lan_channel: u8) -> Result<Self, Refusal> {
        fn table<T: Decode>(kept: &BTreeMap<u8, Vec<u8>>, table: &mut [T]) -> Result<(), Refusal> {
            for (number, bytes) in kept {
                *entry(table, *number)? = T::from_bytes(bytes).map_err(Refusal::Value)?;
            }
            Ok(())
        }
        let mut new = Self {
            control: kept.control & CONTROL,
            actions: kept.actions.unwrap_or(ACTIONS) & ACTIONS,
            ..Self::delivered(lan_channel)
        };
        table(&kept.filters, &mut new.filters)?;
        table(&kept.policies, &mut new.policies)?;
        new.guid = kept.guid.map_or(GuidOfTraps::System, |guid| GuidOfTraps::Own(Guid(guid)));
        for (number, bytes) in &kept.string_keys {
            let bytes = [&[*number][..], bytes].concat();
            new.set(PefParameter::read(12, &bytes).map_err(Refusal::Value)?)?;
        }
        for (number, text) in &kept.strings {
            let place = new.strings.get_mut(usize::from(*number)).ok_or(Refusal::NoEntry)?;
            *place = text.as_slice().try_into().map_err(|_| Refusal::NoEntry)?;
        }
        Ok(new)
    }
}

/// The bits of the PEF control that do something here: there are no startup delays.
const CONTROL: u8 = ipmi_wire::pef::control::ENABLE | ipmi_wire::pef::control::EVENTS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_there_again_after_a_restart_but_for_the_volatile_string() {
        let mut configuration = Configuration::delivered(1);
        let filter = EventFilter { enabled: true, actions: action::RESET, ..EventFilter::default() };
        let policy = AlertPolicy { policy: 3, enabled: true, ..AlertPolicy::default() };
        let parameters = [
            PefParameter::Control(3),
            PefParameter::ActionControl(action::RESET),
            PefParameter::Filter(32, filter),
            PefParameter::Policy(1, policy),
            PefParameter::SystemGuid(GuidOfTraps::Own(Guid([9; 16]))),
            PefParameter::StringKey(8, StringKey { filter: 1, set: 2 }),
            PefParameter::StringBlock(8, 4, [b'x'; 16]),
        ];
        for parameter in parameters {
            configuration.set(parameter).unwrap();
        }
        configuration.set(PefParameter::StringBlock(1, 1, *b"seen\0\0\0\0\0\0\0\0\0\0\0\0")).unwrap();
        let mut kept = Kept::default();
        configuration.keep(&mut kept);
        let mut again = Configuration::of(&kept, 1).unwrap();
        // A string without a beginning is no string.
        configuration.set(PefParameter::StringBlock(8, 4, [0; 16])).unwrap();
        assert_eq!(again, configuration);
        again.set(PefParameter::StringBlock(0, 1, [b'v'; 16])).unwrap();
        again.keep(&mut kept);
        assert_eq!(Configuration::of(&kept, 1).unwrap(), configuration);
    }

    #[test]
    fn every_parameter_is_read_as_it_was_set_and_no_other_changes() {
        let filter = EventFilter { sensor: 7, ..EventFilter::default() };
        let policy = AlertPolicy { policy: 3, channel: 2, ..AlertPolicy::default() };
        let values = [
            (0, 0, 0, PefParameter::SetInProgress(Progress::InProgress)),
            (1, 0, 0, PefParameter::Control(1)),
            (2, 0, 0, PefParameter::ActionControl(action::RESET)),
            (6, 2, 0, PefParameter::Filter(2, filter)),
            (7, 3, 0, PefParameter::FilterConfiguration(3, 0x80)),
            (9, 4, 0, PefParameter::Policy(4, policy)),
            (10, 0, 0, PefParameter::SystemGuid(GuidOfTraps::Own(Guid([5; 16])))),
            (12, 5, 0, PefParameter::StringKey(5, StringKey { filter: 1, set: 2 })),
            (13, 6, 2, PefParameter::StringBlock(6, 2, [b'y'; 16])),
        ];
        let told = |from: &Configuration| {
            values.map(|(number, set, block, _)| from.get(number, set, block).unwrap())
        };
        for (place, (.., value)) in values.iter().enumerate() {
            let mut configuration = Configuration::delivered(1);
            let mut expected = told(&configuration);
            assert_ne!(expected[place], *value);
            expected[place] = *value;
            configuration.set(*value).unwrap();
            assert_eq!(told(&configuration), expected);
        }
        for number in PefParameter::READ_ONLY {
            let mut configuration = Configuration::delivered(1);
            let value = configuration.get(number, 0, 0).unwrap();
            assert_eq!(configuration.set(value), Err(Refusal::ReadOnly));
        }
        assert_eq!(Configuration::delivered(1).get(3, 0, 0), Err(Refusal::Unknown));
    }

    #[test]
    fn entries_that_are_not_there_are_refused() {
        let mut configuration = Configuration::delivered(1);
        for (number, set, block) in
            [(6, 0, 0), (6, 33, 0), (9, 0, 0), (9, 33, 0), (12, 9, 0), (13, 1, 0), (13, 1, 5)]
        {
            assert_eq!(
                configuration.get(number, set, block),
                Err(Refusal::NoEntry),
                "{number} {set} {block}"
            );
        }
        let filter = EventFilter::default();
        assert_eq!(configuration.set(PefParameter::Filter(0, filter)), Err(Refusal::NoEntry));
        let oem = EventFilter { actions: action::OEM, ..filter };
        assert_eq!(configuration.set(PefParameter::Filter(1, oem)), Err(Refusal::Action));
    }

    #[test]
    fn a_change_that_is_going_on_is_not_begun_again() {
        let mut configuration = Configuration::delivered(1);
        let begin = PefParameter::SetInProgress(Progress::InProgress);
        configuration.set(begin).unwrap();
        assert_eq!(configuration.set(begin), Err(Refusal::InProgress));
        configuration.set(PefParameter::SetInProgress(Progress::Commit)).unwrap();
        assert_eq!(configuration.get(0, 0, 0), Ok(PefParameter::SetInProgress(Progress::Complete)));
    }

    #[test]
    fn an_alert_string_is_found_by_number_or_by_filter_and_set() {
        let mut configuration = Configuration::delivered(1);
        configuration.set(PefParameter::StringKey(2, StringKey { filter: 5, set: 1 })).unwrap();
        configuration.set(PefParameter::StringBlock(2, 1, *b"too hot for long")).unwrap();
        configuration
            .set(PefParameter::StringBlock(2, 2, [b'.', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
            .unwrap();
        let by_number = AlertPolicy { string: 2, ..AlertPolicy::default() };
        let by_event = AlertPolicy { string: 1, string_by_event: true, ..AlertPolicy::default() };
        assert_eq!(configuration.text(&by_number, 9), "too hot for long.");
        assert_eq!(configuration.text(&by_event, 5), "too hot for long.");
        assert_eq!(configuration.text(&by_event, 6), "");
        assert_eq!(configuration.text(&AlertPolicy::default(), 5), "");
    }
}
