//! What is to be done about an event: all filters are held against it, and what they ask for is put together (v2.0§17.6).

use ipmi_wire::{pef::action, record::sel::SystemEvent};

use super::configuration::Configuration;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What changes the host's state: the most important of what is asked for.
    pub(crate) action: Option<u8>,
    /// The alert policies to follow, each with the first filter that asks for it.
    pub(crate) alerts: Vec<(u8, u8)>,
    /// The highest severity that a filter gives the event.
    pub(crate) severity: u8,
}

impl Decision {
    /// What is to be done about `event`; `None` where no filter that is in use finds it.
    pub(crate) fn of(configuration: &Configuration, event: &SystemEvent) -> Option<Self> {
        let mut decision = Self { action: None, alerts: Vec::new(), severity: 0 };
        let (mut wanted, mut found) = (0, false);
        for (number, filter) in
            configuration.filters().filter(|(_, filter)| filter.enabled && filter.matches(event))
        {
            found = true;
            let actions = filter.actions & configuration.actions;
            wanted |= actions;
            decision.severity = decision.severity.max(filter.severity);
            let is_new = decision.alerts.iter().all(|(policy, _)| *policy != filter.policy);
            if actions & action::ALERT != 0 && is_new {
                decision.alerts.push((filter.policy, number));
            }
        }
        decision.action = action::BY_PRIORITY.into_iter().find(|action| wanted & action != 0);
        found.then_some(decision)
    }

    /// All of it, as bits of [`action`].
    pub(crate) fn actions(&self) -> u8 {
        self.action.unwrap_or(0) | if self.alerts.is_empty() { 0 } else { action::ALERT }
    }
}

#[cfg(test)]
mod tests {
    use ipmi_wire::pef::{EventFilter, PefParameter};

    use super::*;

    const EVENT: SystemEvent = SystemEvent {
        timestamp: 1,
        generator: [0x20, 0],
        revision: 4,
        sensor_type: 1,
        sensor: 0x30,
        deasserted: false,
        event_type: 1,
        data: [0x59, 97, 95],
    };

    fn with(filters: &[(u8, u8, u8)]) -> Configuration {
        let mut configuration = Configuration::delivered(1);
        for (number, (actions, policy, severity)) in (1..).zip(filters.iter().copied()) {
            let filter = EventFilter { enabled: true, actions, policy, severity, ..EventFilter::default() };
            configuration.set(PefParameter::Filter(number, filter)).unwrap();
        }
        configuration
    }

    #[test]
    fn of_several_actions_the_most_important_is_done_and_every_policy_once() {
        let asked = [
            (action::RESET | action::ALERT, 2, 0x10),
            (action::POWER_CYCLE | action::ALERT, 1, 0x20),
            (action::ALERT, 2, 0x04),
        ];
        let decision = Decision::of(&with(&asked), &EVENT).unwrap();
        let expected =
            Decision { action: Some(action::POWER_CYCLE), alerts: vec![(2, 1), (1, 2)], severity: 0x20 };
        assert_eq!(decision, expected);
        assert_eq!(decision.actions(), action::POWER_CYCLE | action::ALERT);
    }

    #[test]
    fn what_the_action_control_forbids_is_not_done() {
        let mut configuration = with(&[(action::POWER_DOWN | action::RESET, 0, 0)]);
        configuration.set(PefParameter::ActionControl(action::RESET)).unwrap();
        assert_eq!(Decision::of(&configuration, &EVENT).unwrap().action, Some(action::RESET));
        configuration.set(PefParameter::ActionControl(0)).unwrap();
        assert_eq!(Decision::of(&configuration, &EVENT).unwrap().actions(), 0);
    }

    #[test]
    fn an_event_that_no_filter_in_use_finds_is_left_alone() {
        assert_eq!(Decision::of(&Configuration::delivered(1), &EVENT), None);
        let mut configuration = with(&[(action::RESET, 0, 0)]);
        configuration.set(PefParameter::FilterConfiguration(1, 0)).unwrap();
        assert_eq!(Decision::of(&configuration, &EVENT), None);
    }
}
