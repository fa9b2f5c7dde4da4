use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const BOOT: &str = "this one";
const ONCE_PXE: [u8; 5] = [0x80, 0x04, 0, 0, 0];
const ALWAYS_DISK: [u8; 5] = [0xC0, 0x08, 0, 0, 0];

/// Parameters with a virtual clock.
struct Story {
    now: Instant,
    options: BootOptions,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        Self { now, options: BootOptions::new(now, Stored::default(), BOOT) }
    }

    fn with(data: [u8; 5]) -> Self {
        let mut story = Self::new();
        story.set(5, &data).unwrap();
        story
    }

    fn set(&mut self, parameter: u8, data: &[u8]) -> Result<(), CompletionCode> {
        self.options.set(self.now, parameter, false, data)
    }

    fn get(&self, parameter: u8) -> Vec<u8> {
        self.options.get(parameter, 0).unwrap().1
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.options.next_timeout().filter(|due| *due <= end) {
            self.options.handle_timeout(due);
        }
        self.now = end;
    }

    fn hear(&mut self, notice: Notice) {
        self.options.hear(self.now, notice);
    }

    fn holds(&self) -> bool {
        self.get(5)[0] & 0x80 != 0
    }
}

#[test]
fn every_parameter_is_stored_and_told_again() {
    let mut story = Story::new();
    let initiator = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let cases: [(u8, &[u8]); 7] =
        [(1, &[7]), (2, &[3]), (3, &[0x1F]), (5, &ONCE_PXE), (6, &initiator), (96, &[1]), (127, &[0; 24])];
    for (parameter, data) in cases {
        story.set(parameter, data).unwrap();
    }
    for (parameter, data) in cases {
        assert_eq!(story.get(parameter), data, "parameter {parameter}");
    }
    let stored = story.options.settled().unwrap().clone();
    let text = serde_json::to_string(&stored).unwrap();
    let again = BootOptions::new(story.now, serde_json::from_str(&text).unwrap(), BOOT);
    assert_eq!(again.settled(), Some(&stored));
}

#[test]
fn what_is_no_parameter_or_has_another_length_is_refused() {
    let mut story = Story::new();
    for parameter in [8, 95] {
        assert_eq!(story.set(parameter, &[0]), Err(NOT_SUPPORTED));
        assert_eq!(story.options.get(parameter, 0), Err(NOT_SUPPORTED));
    }
    assert_eq!(story.options.get(96, 0), Err(NOT_SUPPORTED), "the vendor's, never set");
    assert_eq!(story.set(96, &[]), Err(NOT_SUPPORTED));
    for (parameter, length) in
        [(0, 2), (1, 2), (3, 2), (4, 1), (5, 4), (5, 6), (6, 8), (7, 1), (7, 18), (96, 25)]
    {
        let refused = story.set(parameter, &vec![0; length]);
        assert_eq!(refused, Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID), "parameter {parameter}");
    }
}

#[test]
fn flags_for_the_next_boot_lapse_after_a_minute_that_each_chassis_control_begins_anew() {
    let mut story = Story::with(ONCE_PXE);
    story.pass(59 * SECOND);
    assert!(story.holds());
    story.hear(Notice::Requested);
    story.pass(59 * SECOND);
    assert!(story.holds());
    story.pass(SECOND);
    assert_eq!(story.get(5), [0x00, 0x04, 0, 0, 0], "only the mark goes");
}

#[test]
fn parameter_3_keeps_flags_from_lapsing_each_cause_by_its_bit() {
    for (keep, notice) in [
        (0x01, Notice::On(RestartCause::PowerButton)),
        (0x02, Notice::Reset(RestartCause::ResetButton)),
        (0x02, Notice::Restarted),
        (0x04, Notice::Reset(RestartCause::WatchdogTimer)),
        (0x04, Notice::On(RestartCause::WatchdogTimer)),
    ] {
        let mut story = Story::with(ONCE_PXE);
        story.set(3, &[keep]).unwrap();
        story.hear(notice);
        assert!(story.holds(), "{keep:02X}h {notice:?}");
        story.set(3, &[!keep & 0x1F]).unwrap();
        story.hear(notice);
        assert!(!story.holds(), "{keep:02X}h {notice:?}");
    }
    let mut story = Story::with(ONCE_PXE);
    story.set(3, &[0x08]).unwrap();
    story.pass(3600 * SECOND);
    assert!(story.holds());
}

#[test]
fn a_restart_that_a_client_asked_for_leaves_the_flags_to_the_firmware() {
    let mut story = Story::with(ONCE_PXE);
    for notice in
        [Notice::Off, Notice::On(RestartCause::RemoteCommand), Notice::Reset(RestartCause::RemoteCommand)]
    {
        story.hear(notice);
        assert!(story.holds(), "{notice:?}");
    }
    story.set(5, &[0; 5]).unwrap();
    assert!(!story.holds(), "the firmware took them");
}

#[test]
fn a_persistent_override_does_not_lapse_and_returns_after_one_for_the_next_boot() {
    let mut story = Story::with(ALWAYS_DISK);
    story.pass(3600 * SECOND);
    story.hear(Notice::Restarted);
    assert_eq!(story.get(5), ALWAYS_DISK);
    story.set(5, &ONCE_PXE).unwrap();
    assert_eq!(story.get(5), ONCE_PXE);
    story.pass(60 * SECOND);
    assert_eq!(story.get(5), ALWAYS_DISK);
    story.set(5, &[0x80, 0, 0, 0, 0]).unwrap();
    story.pass(60 * SECOND);
    assert!(!story.holds(), "no override ended both");
}

#[test]
fn openbmcs_one_time_setting_holds_until_somebody_ends_it() {
    let mut story = Story::new();
    story.options.change(Slot::Once, |once| {
        once.say(Source::Http, Mode::Regular);
        once.change(|flags| flags.with_valid(true));
    });
    story.pass(3600 * SECOND);
    story.hear(Notice::Restarted);
    assert_eq!(story.get(5), [0xA0, 0x04, 0, 0, 0]);
    assert_eq!(story.options.slot(Slot::Once).source(), Source::Http);
    story.set(5, &[0x80, 0x14, 0, 0, 0]).unwrap();
    let once = story.options.slot(Slot::Once);
    assert_eq!((once.source(), once.mode()), (Source::ExternalMedia, Mode::Regular));
}

#[test]
fn a_change_in_progress_is_one_clients_and_ends_with_it_or_with_the_hosts_restart() {
    let mut story = Story::new();
    story.set(0, &[1]).unwrap();
    assert_eq!(story.set(0, &[1]), Err(SET_IN_PROGRESS));
    assert_eq!(story.get(0), [1]);
    story.set(1, &[9]).unwrap();
    assert!(story.options.settled().is_none(), "not on flash yet");
    assert_eq!(story.get(1), [9]);
    story.set(0, &[2]).unwrap();
    assert!(story.options.settled().is_some(), "committed");
    story.options.saved();
    assert_eq!((story.options.settled().is_none(), story.get(0)), (true, vec![1]));
    story.set(0, &[0]).unwrap();
    assert_eq!((story.options.settled().is_some(), story.get(0)), (true, vec![0]));
    assert_eq!(story.set(0, &[3]), Err(CompletionCode::INVALID_DATA_FIELD));
    for notice in [Notice::Off, Notice::Restarted, Notice::Reset(RestartCause::RemoteCommand)] {
        story.set(0, &[1]).unwrap();
        story.hear(notice);
        assert_eq!(story.get(0), [0]);
    }
    story.set(0, &[1]).unwrap();
    story.pass(60 * SECOND);
    assert_eq!(story.get(0), [0], "its client is gone");
}

#[test]
fn acknowledgements_are_written_bit_by_bit_and_forgotten_with_powerd() {
    let mut story = Story::new();
    story.set(4, &[0xFF, 0xFF]).unwrap();
    assert_eq!(story.get(4), [0, 0x1F]);
    story.set(4, &[0x05, 0x04]).unwrap();
    assert_eq!(story.get(4), [0, 0x1E]);
    let again = BootOptions::new(story.now, story.options.settled().unwrap().clone(), BOOT);
    assert_eq!(again.get(4, 0).unwrap().1, [0, 0]);
}

#[test]
fn the_mailbox_has_five_blocks_of_sixteen_bytes() {
    let mut story = Story::new();
    story.set(7, &[&[4][..], &[0xAB; 16]].concat()).unwrap();
    assert_eq!(story.options.get(7, 4).unwrap().1, [&[4][..], &[0xAB; 16]].concat());
    story.set(7, &[4, 1, 2]).unwrap();
    assert_eq!(story.options.get(7, 4).unwrap().1[..4], [4, 1, 2, 0]);
    assert_eq!(story.set(7, &[5, 1]), Err(CompletionCode::PARAMETER_OUT_OF_RANGE));
    assert_eq!(story.options.get(7, 5), Err(CompletionCode::PARAMETER_OUT_OF_RANGE));
}

#[test]
fn the_mark_is_set_with_and_without_data() {
    let mut story = Story::new();
    story.options.set(story.now, 1, true, &[5]).unwrap();
    assert_eq!(story.options.get(1, 0), Ok((true, vec![5])));
    story.options.set(story.now, 1, false, &[]).unwrap();
    assert_eq!(story.options.get(1, 0), Ok((false, vec![5])));
}

#[test]
fn flags_for_the_next_boot_outlive_powerd_and_not_the_bmc() {
    let story = Story::with(ONCE_PXE);
    let stored = story.options.settled().unwrap().clone();
    let mut again = Story { now: story.now, options: BootOptions::new(story.now, stored.clone(), BOOT) };
    again.pass(59 * SECOND);
    assert!(again.holds());
    again.pass(SECOND);
    assert!(!again.holds());
    let other = Story { now: story.now, options: BootOptions::new(story.now, stored, "another") };
    assert!(!other.holds());
}

proptest! {
    #[test]
    fn no_request_panics_or_makes_the_store_grow_without_bound(
        requests in prop::collection::vec((any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..200),
    ) {
        let mut story = Story::new();
        for (parameter, invalid, data) in requests {
            let _ = story.options.set(story.now, parameter & 0x7F, invalid, &data);
            let _ = story.options.get(parameter, u8::try_from(data.len()).unwrap());
        }
        prop_assert!(serde_json::to_vec(&story.options.stored).unwrap().len() < 8192);
    }
}
