//! Event filters on a private bus, with a powerd and a LAN channel that write down what they are asked for.

use bmc_dbus::{
    alerts::Trap,
    names::{ipmi, power},
    pef::EventFilterProxy,
};
use ipmi_wire::{
    codec::Encode as _,
    command::pef::PostponeTimer,
    pef::{AlertPolicy, EventFilter, PefParameter, SendWhen, action, alert_status, control},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// What somebody was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Transition(String),
    Interrupt,
    Alert(u8, Trap),
}

struct Host(UnboundedSender<Asked>);

#[zbus::interface(name = "xyz.openbmc_project.State.Host")]
impl Host {
    #[zbus(property)]
    fn requested_host_transition(&self) -> String {
        String::new()
    }

    #[zbus(property)]
    fn set_requested_host_transition(&self, transition: String) {
        self.0.send(Asked::Transition(transition)).unwrap();
    }
}

struct Chassis(UnboundedSender<Asked>);

#[zbus::interface(name = "xyz.openbmc_project.State.Chassis")]
impl Chassis {
    #[zbus(property)]
    fn requested_power_transition(&self) -> String {
        String::new()
    }

    #[zbus(property)]
    fn set_requested_power_transition(&self, transition: String) {
        self.0.send(Asked::Transition(transition)).unwrap();
    }
}

struct Nmi(UnboundedSender<Asked>);

#[zbus::interface(name = "xyz.openbmc_project.Control.Host.NMI")]
impl Nmi {
    #[zbus(name = "NMI")]
    fn nmi(&self) {
        self.0.send(Asked::Interrupt).unwrap();
    }
}

/// Alerts to destination 1 arrive, others do not.
struct Channel(UnboundedSender<Asked>);

#[zbus::interface(name = "org.ferrite.Ipmi.Alerts")]
impl Channel {
    fn send(&self, destination: u8, trap: Trap) -> bool {
        self.0.send(Asked::Alert(destination, trap)).unwrap();
        destination == 1
    }
}

struct FilterStand {
    stand: Stand,
    filters: EventFilterProxy<'static>,
    asked: UnboundedReceiver<Asked>,
    others: Connection,
}

impl FilterStand {
    async fn new() -> Self {
        let stand = stand_for(20).await;
        let (asking, asked) = unbounded_channel();
        let others = connect(&stand.bus).await;
        let server = others.object_server();
        server.at(power::HOST_PATH, Host(asking.clone())).await.unwrap();
        server.at(power::NMI_PATH, Nmi(asking.clone())).await.unwrap();
        server.at(power::CHASSIS_PATH, Chassis(asking.clone())).await.unwrap();
        server.at(ipmi::channel_path("eth0"), Channel(asking)).await.unwrap();
        for name in [power::HOST_SERVICE, power::CHASSIS_SERVICE, "xyz.openbmc_project.Ipmi.Channel.eth0"] {
            others.request_name(name).await.unwrap();
        }
        let filters = EventFilterProxy::new(&stand.client).await.unwrap();
        let filter_stand = Self { stand, filters, asked, others };
        filter_stand.set(1, PefParameter::Control(control::ENABLE)).await;
        filter_stand
    }

    async fn set(&self, number: u8, parameter: PefParameter) {
        self.filters.set_parameter(number, &parameter.to_bytes()).await.unwrap();
    }

    /// Events of sensors of `sensor_type` lead to `actions`, and alerts by policy 1.
    async fn filter(&self, number: u8, sensor_type: u8, actions: u8) {
        let base = EventFilter { enabled: true, policy: 1, severity: 0x10, ..EventFilter::default() };
        self.set(6, PefParameter::Filter(number, EventFilter { actions, sensor_type, ..base })).await;
    }

    /// Something happens to a sensor of `sensor_type`.
    async fn happens(&self, sensor_type: u8) {
        self.log_proxy().await.report(&event(sensor_type)).await.unwrap();
    }

    async fn log_proxy(&self) -> EventLogProxy<'static> {
        EventLogProxy::new(&self.stand.client).await.unwrap()
    }

    async fn asked(&mut self) -> Asked {
        let asked = tokio::time::timeout(Duration::from_secs(60), self.asked.recv()).await;
        asked.expect("something is asked for").unwrap()
    }

    /// That nobody was asked for anything shows in what they are asked for next, by an event of its own.
    async fn asked_nothing_so_far(&mut self) {
        self.filter(32, 0xC0, action::DIAGNOSTIC_INTERRUPT).await;
        self.happens(0xC0).await;
        assert_eq!(self.asked().await, Asked::Interrupt);
    }

    /// Waits until the BMC has looked at the record.
    async fn dealt_with(&self, id: u16) {
        while self.filters.last_processed().await.unwrap().1 != id {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn restart(&mut self) {
        self.stand.server.clone().close().await.unwrap();
        let (log, server) = start(&self.stand.bus, self.stand.dir.path(), 20).await;
        (self.stand.log, self.stand.server) = (log, server);
    }
}

fn event(sensor_type: u8) -> [u8; 16] {
    [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, sensor_type, 0x30, 0x6F, 0x01, 0xFF, 0xFF]
}

fn transition(of: &str, to: &str) -> Asked {
    Asked::Transition(format!("xyz.openbmc_project.State.{of}.Transition.{to}"))
}

#[tokio::test]
async fn each_action_is_asked_of_powerd_and_is_an_event_itself_where_that_is_wanted() {
    let mut stand = FilterStand::new().await;
    let actions = [
        (action::POWER_DOWN, transition("Chassis", "Off")),
        (action::POWER_CYCLE, transition("Host", "Reboot")),
        (action::RESET, transition("Host", "ForceWarmReboot")),
        (action::DIAGNOSTIC_INTERRUPT, Asked::Interrupt),
    ];
    for (sensor_type, (action, _)) in (1..).zip(&actions) {
        stand.filter(sensor_type, sensor_type, *action).await;
    }
    for (sensor_type, (_, asked)) in (1..).zip(actions) {
        stand.happens(sensor_type).await;
        assert_eq!(stand.asked().await, asked);
    }
    has_records(&stand.stand.log, 4).await;
    stand.set(1, PefParameter::Control(control::ENABLE | control::EVENTS)).await;
    stand.happens(1).await;
    assert_eq!(stand.asked().await, transition("Chassis", "Off"));
    has_records(&stand.stand.log, 6).await;
    let last = stand.stand.log.store().get(0xFFFF).unwrap().2.record;
    assert_eq!(last[7..], [0x20, 0, 4, 0x12, last[11], 0x6F, 0xC4, action::POWER_DOWN, 0xFF]);
}

#[tokio::test]
async fn what_a_client_puts_into_the_log_and_what_no_filter_finds_leads_to_nothing() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::POWER_DOWN).await;
    stand.log_proxy().await.add(&event(1)).await.unwrap();
    stand.happens(2).await;
    stand.asked_nothing_so_far().await;
    stand.set(1, PefParameter::Control(0)).await;
    stand.happens(1).await;
    has_records(&stand.stand.log, 4).await;
    // Off means that what happened meanwhile is not made up for.
    stand.filters.postpone(PostponeTimer::OFF).await.unwrap();
    stand.dealt_with(4).await;
    stand.set(1, PefParameter::Control(control::ENABLE)).await;
    stand.restart().await;
    stand.asked_nothing_so_far().await;
}

#[tokio::test]
async fn a_postponed_event_waits_unless_software_has_looked_at_it() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::RESET).await;
    assert_eq!(stand.filters.postpone(200).await.unwrap(), 200);
    stand.happens(1).await;
    stand.happens(1).await;
    has_records(&stand.stand.log, 2).await;
    let left = stand.filters.postpone(PostponeTimer::ASK).await.unwrap();
    assert!((1..=200).contains(&left), "{left}");
    // Software deals with the first; the second comes to the filters when the timer is off.
    stand.filters.set_last_processed(false, 1).await.unwrap();
    stand.filters.postpone(1).await.unwrap();
    assert_eq!(stand.asked().await, transition("Host", "ForceWarmReboot"));
    stand.asked_nothing_so_far().await;
    assert_eq!(stand.filters.last_processed().await.unwrap(), (1, 3));
}

#[tokio::test]
async fn filtering_that_is_switched_off_for_now_makes_up_for_nothing() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::RESET).await;
    assert_eq!(stand.filters.postpone(PostponeTimer::DISABLED).await.unwrap(), PostponeTimer::DISABLED);
    stand.happens(1).await;
    stand.dealt_with(1).await;
    assert_eq!(stand.filters.postpone(PostponeTimer::OFF).await.unwrap(), PostponeTimer::OFF);
    stand.asked_nothing_so_far().await;
}

#[tokio::test]
async fn what_the_log_holds_when_seld_starts_is_not_acted_on() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::RESET).await;
    stand.happens(1).await;
    assert_eq!(stand.asked().await, transition("Host", "ForceWarmReboot"));
    stand.filters.postpone(200).await.unwrap();
    stand.happens(1).await;
    stand.log_proxy().await.add(&event(1)).await.unwrap();
    stand.restart().await;
    assert_eq!(stand.filters.postpone(PostponeTimer::ASK).await.unwrap(), PostponeTimer::OFF);
    assert_eq!(stand.filters.last_processed().await.unwrap().1, 3);
    stand.asked_nothing_so_far().await;
    assert_eq!(stand.filters.parameter(2, 0, 0).await.unwrap(), [0x2F], "parameters are kept");
    stand.happens(1).await;
    assert_eq!(stand.asked().await, transition("Host", "ForceWarmReboot"));
}

#[tokio::test]
async fn a_storm_of_a_sensor_does_not_hide_what_a_filter_looks_for() {
    let mut stand = FilterStand::new().await;
    let critical =
        EventFilter { enabled: true, actions: action::POWER_DOWN, offsets: 1 << 9, ..EventFilter::default() };
    stand.set(6, PefParameter::Filter(1, critical)).await;
    let crossing =
        |ended: u8, offset: u8| [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 0x30, ended | 1, offset, 0xFF, 0xFF];
    let log = stand.log_proxy().await;
    for number in 0..20 {
        log.report(&crossing(0x80 * (number % 2), 7)).await.unwrap();
    }
    assert_eq!(log.report(&crossing(0, 9)).await.unwrap(), 0, "the log has enough of this sensor");
    assert_eq!(stand.asked().await, transition("Chassis", "Off"));
    log.report(&crossing(0, 9)).await.unwrap();
    stand.asked_nothing_so_far().await;
}

#[tokio::test]
async fn powerd_is_waited_for_and_alerts_do_not_wait_for_it() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::POWER_DOWN | action::ALERT).await;
    let entry =
        AlertPolicy { policy: 1, enabled: true, channel: 1, destination: 1, ..AlertPolicy::default() };
    stand.set(9, PefParameter::Policy(1, entry)).await;
    stand.others.release_name(power::CHASSIS_SERVICE).await.unwrap();
    stand.happens(1).await;
    assert!(matches!(stand.asked().await, Asked::Alert(1, _)));
    stand.others.request_name(power::CHASSIS_SERVICE).await.unwrap();
    assert_eq!(stand.asked().await, transition("Chassis", "Off"));
}

#[tokio::test]
async fn an_event_that_the_log_has_no_room_for_is_acted_on() {
    let mut stand = FilterStand::new().await;
    for _ in 0..20 {
        stand.log_proxy().await.add(&event(9)).await.unwrap();
    }
    stand.filter(1, 1, action::POWER_DOWN).await;
    stand.log_proxy().await.report(&event(1)).await.unwrap_err();
    assert_eq!(stand.asked().await, transition("Chassis", "Off"));
    assert_eq!(stand.filters.last_processed().await.unwrap().1, 0);
}

#[tokio::test]
async fn an_alert_goes_to_the_destinations_of_its_policy_until_one_has_it() {
    let mut stand = FilterStand::new().await;
    stand.filter(1, 1, action::ALERT).await;
    let entry = AlertPolicy { policy: 1, enabled: true, channel: 1, ..AlertPolicy::default() };
    let when = SendWhen::NotYetThenStop;
    let entries = [
        AlertPolicy { destination: 2, string: 3, ..entry },
        AlertPolicy { policy: 2, destination: 4, ..entry },
        AlertPolicy { destination: 1, when, ..entry },
        AlertPolicy { destination: 3, when, ..entry },
    ];
    for (number, entry) in (1..).zip(entries) {
        stand.set(9, PefParameter::Policy(number, entry)).await;
    }
    stand.set(13, PefParameter::StringBlock(3, 1, *b"door is open\0\0\0\0")).await;
    stand.happens(1).await;
    let Asked::Alert(2, first) = stand.asked().await else { panic!("not to destination 2") };
    assert_eq!(
        (first.severity, first.text.as_str(), &first.record[10..]),
        (0x10, "door is open", &event(1)[10..])
    );
    let Asked::Alert(1, second) = stand.asked().await else { panic!("not to destination 1") };
    assert_eq!((second.text.as_str(), &second.guid[..]), ("", &[][..]));
    stand.asked_nothing_so_far().await;
}

#[tokio::test]
async fn an_alert_of_a_client_is_sent_and_its_end_is_told() {
    let mut stand = FilterStand::new().await;
    assert_eq!(stand.filters.alert_status().await.unwrap(), alert_status::NONE);
    for (destination, status) in [(1, alert_status::DONE), (5, alert_status::NOT_ACKNOWLEDGED)] {
        stand.filters.alert(1, destination, 0, &[]).await.unwrap();
        assert!(matches!(stand.asked().await, Asked::Alert(told, _) if told == destination));
        while stand.filters.alert_status().await.unwrap() == alert_status::PENDING {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(stand.filters.alert_status().await.unwrap(), status);
    }
    stand.filters.forget_alert_status().await.unwrap();
    assert_eq!(stand.filters.alert_status().await.unwrap(), alert_status::NONE);
    let event = [0x20, 4, 1, 0x30, 0x01, 0x59, 97, 95];
    stand.filters.alert(1, 1, 0, &event).await.unwrap();
    let Asked::Alert(1, trap) = stand.asked().await else { panic!("not to destination 1") };
    assert_eq!(trap.record[7..], [0x20, 0, 4, 1, 0x30, 0x01, 0x59, 97, 95]);
    let wrong = stand.filters.alert(1, 1, 0, &[0x20]).await.unwrap_err();
    assert!(wrong.to_string().contains("InvalidValue"), "{wrong}");
}
