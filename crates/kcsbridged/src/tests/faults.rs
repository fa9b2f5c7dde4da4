//! A host that leaves the protocol: aborts, wrong phases, overruns, resets. Whatever it did, its next request gets its own answer.

use proptest::prelude::*;

use super::{
    registers::{
        ABORTED_BY_COMMAND, BUFFER, ERROR, ILLEGAL_CONTROL_CODE, LENGTH_ERROR, READ_BYTE, WRITE_END,
        WRITE_START,
    },
    *,
};

/// Takes 200 ms to be answered.
const SLOW: [u8; 5] = [0x18, 0x30, 20, 0xAA, 0xBB];
/// Those of a request of five bytes, with WRITE_START and WRITE_END.
const STEPS: usize = 7;

#[tokio::test(start_paused = true)]
async fn an_abort_at_every_step_of_writing_leaves_nothing_behind() {
    for steps in 0..=STEPS {
        let board = Board::new();
        board.host.write_steps(&SLOW, steps);
        assert_eq!(board.host.abort(), ABORTED_BY_COMMAND, "after {steps} steps");
        board.works(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_while_the_answer_is_waited_for_keeps_it_from_the_next_request() {
    // Before the answer came, as it comes, and after.
    for milliseconds in [0, 1, 100, 199, 200, 201, 300] {
        let board = Board::new();
        board.host.write_steps(&SLOW, STEPS);
        sleep(Duration::from_millis(milliseconds)).await;
        board.host.abort();
        // The next is slower than what is left of the first.
        let answer = board.host.ask(&[0x18, 0x31, 30, 0xCC]).await.unwrap();
        assert_eq!(answer, [0x1C, 0x31, 0, 30, 0xCC], "after {milliseconds} ms");
        sleep(Duration::from_millis(500)).await;
        board.works(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_between_abort_and_next_request_goes_nowhere() {
    let board = Board::new();
    board.host.write_steps(&SLOW, STEPS);
    sleep(Duration::from_millis(50)).await;
    board.host.abort();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(board.count(Counter::Abort), 1, "the driver would not take it");
    board.works(1).await;
}

#[tokio::test(start_paused = true)]
async fn an_abort_at_every_byte_of_reading_leaves_nothing_behind() {
    for bytes in 1..=6 {
        let board = Board::new();
        board.host.write_steps(&SLOW, STEPS);
        board.host.read_up_to(bytes).await.unwrap();
        assert_eq!(board.host.abort(), ABORTED_BY_COMMAND);
        board.works(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_reset_at_any_step_begins_anew_without_an_abort() {
    for steps in 0..=STEPS {
        let board = Board::new();
        board.host.write_steps(&SLOW, steps);
        sleep(Duration::from_millis(20)).await;
        board.works(1).await;
    }
    for bytes in 1..=6 {
        let board = Board::new();
        board.host.write_steps(&SLOW, STEPS);
        board.host.read_up_to(bytes).await.unwrap();
        board.works(1).await;
    }
}

/// What a host does wrong, in words and in deed.
type Wrong = (&'static str, fn(&Host));

#[tokio::test(start_paused = true)]
async fn what_has_no_place_in_a_phase_is_an_error_that_an_abort_ends() {
    let wrong: [Wrong; 5] = [
        ("a byte without a start", |host| host.data(0x18)),
        ("an end without a start", |host| host.command(WRITE_END)),
        ("an end without a byte", |host| {
            host.command(WRITE_START);
            host.command(WRITE_END);
        }),
        ("a read without a response", |host| host.data(READ_BYTE)),
        ("a byte while the answer is waited for", |host| {
            host.write_steps(&SLOW, STEPS);
            host.data(0x18);
        }),
    ];
    for (what, act) in wrong {
        let board = Board::new();
        act(&board.host);
        assert_eq!(board.host.state(), ERROR, "{what}");
        board.host.abort();
        board.works(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_control_code_is_told_by_its_status() {
    let board = Board::new();
    board.host.command(0x55);
    assert_eq!(board.host.abort(), ILLEGAL_CONTROL_CODE);
    board.works(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_byte_in_the_place_of_a_read_is_an_error_that_an_abort_ends() {
    let board = Board::new();
    board.host.write_steps(&SLOW, STEPS);
    board.host.read_up_to(2).await.unwrap();
    board.host.data(0x00);
    assert_eq!(board.host.state(), ERROR);
    board.host.abort();
    board.works(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_overruns_the_buffer_is_told_by_its_status_and_one_that_fills_it_is_answered() {
    let board = Board::new();
    let mut longest = vec![0u8; BUFFER];
    (longest[0], longest[1]) = (0x18, 0x33);
    // Its answer is one byte too long.
    assert_eq!(board.host.ask(&longest).await.unwrap(), [0x1C, 0x33, 0xCA]);
    longest.push(0);
    board.host.write_steps(&longest, usize::MAX);
    assert_eq!(board.host.state(), ERROR);
    assert_eq!(board.host.abort(), LENGTH_ERROR);
    board.works(1).await;
    assert_eq!(board.count(Counter::Request), 2, "what was cut never was a request");
}

#[tokio::test(start_paused = true)]
async fn a_forced_abort_ends_what_is_under_way_and_no_more() {
    let board = Board::new();
    board.host.write_steps(&SLOW, STEPS);
    sleep(Duration::from_millis(20)).await;
    board.channel.abort().unwrap();
    assert_eq!(board.host.state(), ERROR);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(board.host.state(), ERROR, "the answer is not written into the error");
    board.host.abort();
    board.works(1).await;
    assert_eq!((board.count(Counter::Response), board.count(Counter::Abort)), (1, 1));
}

/// What a host may do to the registers, sensible or not.
#[derive(Debug, Clone)]
enum Step {
    Command(u8),
    Data(u8),
    Read,
    Write(usize),
    Wait(u64),
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop_oneof![0x60u8..0x70, any::<u8>()].prop_map(Step::Command),
        any::<u8>().prop_map(Step::Data),
        Just(Step::Read),
        (0..=STEPS).prop_map(Step::Write),
        (0u64..400).prop_map(Step::Wait),
        Just(Step::Abort),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_the_host_did_its_next_request_gets_its_own_answer(steps in prop::collection::vec(step(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let board = Board::new();
            for step in steps {
                match step {
                    Step::Command(code) => board.host.command(code),
                    Step::Data(byte) => board.host.data(byte),
                    Step::Read => drop(board.host.read()),
                    Step::Write(steps) => board.host.write_steps(&SLOW, steps),
                    Step::Wait(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
                    Step::Abort => drop(board.host.abort()),
                }
            }
            board.works(0x5A).await;
        });
    }
}
