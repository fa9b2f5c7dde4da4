use super::*;

const POLICY: Policy = Policy {
    failures: FailureLimits { unavailable: 2, broken: 4 },
    debounce: 1,
    settle: Duration::from_millis(1500),
    history: Depth { readings: 10, minutes: 0, hours: 0 },
};

/// A temperature of 0 to 100 °C with a critical threshold at 80 °C and 2 °C of hysteresis.
struct Bench {
    sensor: Sensor,
    start: Instant,
    ms: u64,
}

impl Bench {
    fn new() -> Self {
        let mut levels = LevelThresholds::new(Level::Critical, 2.0);
        levels.high.value = 80.0;
        let scale = Scale { divisor: 1000.0, offset: 0.0 };
        let sensor = Sensor::new(scale, Range { min: 0.0, max: 100.0 }, vec![levels], POLICY);
        Self { sensor, start: Instant::now(), ms: 0 }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.ms)
    }

    fn sample(&mut self, sample: Sample) -> Changes {
        self.ms += 1000;
        self.sensor.sample(Taken { at: self.now(), wall_ms: self.ms }, sample)
    }
}

fn alarm(asserted: bool, value: f64) -> AlarmChange {
    AlarmChange { level: Level::Critical, side: Side::High, asserted, value }
}

#[test]
fn the_first_reading_makes_a_sensor_available() {
    let mut bench = Bench::new();
    let changes = bench.sample(Sample::Raw(25_000));
    assert_eq!(changes, Changes { value: Some(25.0), available: Some(true), ..Changes::default() });
    assert!(bench.sample(Sample::Raw(25_005)).is_empty(), "less than the filter's step");
}

#[test]
fn failures_make_it_unavailable_then_broken_and_a_reading_heals_both() {
    let mut bench = Bench::new();
    bench.sample(Sample::Raw(25_000));
    assert!(bench.sample(Sample::Failed).is_empty());
    assert!(!bench.sensor.value().is_nan(), "one failure is let pass here");
    let changes = bench.sample(Sample::Failed);
    assert_eq!(changes.available, Some(false));
    assert!(changes.value.is_some_and(f64::is_nan));
    assert!(bench.sample(Sample::Failed).is_empty());
    assert_eq!(bench.sample(Sample::Failed).functional, Some(false));
    let healed = bench.sample(Sample::Raw(26_000));
    assert_eq!((healed.value, healed.available, healed.functional), (Some(26.0), Some(true), Some(true)));
}

#[test]
fn the_age_counts_from_the_last_good_reading() {
    let mut bench = Bench::new();
    assert_eq!(bench.sensor.age(bench.now()), None);
    bench.sample(Sample::Raw(25_000));
    bench.sample(Sample::Failed);
    bench.sample(Sample::Failed);
    assert_eq!(bench.sensor.age(bench.now()), Some(Duration::from_secs(2)));
}

#[test]
fn a_hanging_bus_makes_it_unavailable_at_once_and_keeps_its_alarm() {
    let mut bench = Bench::new();
    assert_eq!(bench.sample(Sample::Raw(90_000)).alarms, [alarm(true, 90.0)]);
    let changes = bench.sample(Sample::Hung);
    assert_eq!((changes.available, changes.alarms.len()), (Some(false), 0));
    assert_eq!(bench.sensor.alarms().collect::<Vec<_>>(), [(Level::Critical, Side::High)]);
}

#[test]
fn power_going_ends_alarms_and_late_samples_say_nothing() {
    let mut bench = Bench::new();
    bench.sample(Sample::Raw(90_000));
    let changes = bench.sensor.set_powered(bench.now(), false);
    assert_eq!(changes.available, Some(false));
    assert!(matches!(changes.alarms[..], [AlarmChange { asserted: false, .. }]));
    assert!(bench.sample(Sample::Raw(95_000)).is_empty());
    assert!(bench.sample(Sample::Failed).is_empty());
    assert!(bench.sensor.set_powered(bench.now(), true).is_empty());
    let changes = bench.sample(Sample::Raw(95_000));
    assert_eq!((changes.available, changes.alarms), (Some(true), vec![]), "it settles first");
    assert_eq!(bench.sample(Sample::Raw(95_000)).alarms, [alarm(true, 95.0)]);
}

#[test]
fn an_override_stands_again_when_power_comes_back() {
    let mut bench = Bench::new();
    bench.sensor.set_override(Taken { at: bench.now(), wall_ms: 0 }, 42.0);
    assert_eq!(bench.sensor.set_powered(bench.now(), false).available, Some(false));
    let changes = bench.sensor.set_powered(bench.now(), true);
    assert_eq!((changes.value, changes.available), (Some(42.0), Some(true)));
}

#[test]
fn a_threshold_that_is_moved_is_judged_at_once() {
    let mut bench = Bench::new();
    bench.sample(Sample::Raw(70_000));
    let set = |sensor: &mut Sensor, value| sensor.set_threshold(Level::Critical, Side::High, value).alarms;
    assert_eq!(set(&mut bench.sensor, 65.0), [alarm(true, 70.0)]);
    assert_eq!(set(&mut bench.sensor, f64::NAN), [alarm(false, 70.0)]);
}

#[test]
fn a_larger_hysteresis_holds_an_alarm_longer() {
    let mut bench = Bench::new();
    bench.sample(Sample::Raw(85_000));
    bench.sensor.set_hysteresis(Side::High, 20.0);
    assert_eq!(bench.sensor.hysteresis(Side::High), 20.0);
    assert!(bench.sample(Sample::Raw(61_000)).alarms.is_empty());
    assert_eq!(bench.sample(Sample::Raw(59_000)).alarms, [alarm(false, 59.0)]);
}

#[test]
fn an_override_stands_until_it_is_taken_away() {
    let mut bench = Bench::new();
    bench.sample(Sample::Raw(25_000));
    let taken = Taken { at: bench.now(), wall_ms: 0 };
    assert_eq!(bench.sensor.set_override(taken, 99.0).alarms, [alarm(true, 99.0)]);
    assert!(bench.sample(Sample::Raw(25_000)).is_empty());
    bench.sensor.set_override(taken, f64::NAN);
    assert_eq!(bench.sample(Sample::Raw(25_000)).value, Some(25.0));
}
