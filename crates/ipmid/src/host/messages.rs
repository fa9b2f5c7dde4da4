//! The message flags and what stands behind each: receive message queue, event message buffer, watchdog's pre-timeout.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ipmi_wire::{
    CompletionCode, Lun, NetFn,
    command::host_message::{MessageFlags, ReceivedMessage},
    lan_message::{BMC, LanMessage},
};
use tokio::sync::{oneshot, watch};

/// Messages that wait for the host; the next is refused.
const MOST_MESSAGES: usize = 16;

/// Events that wait for the host; the next goes to the SEL alone. The specification's buffer has room for one, and the host would
/// miss all but the first of a burst.
const MOST_EVENTS: usize = 32;

/// A remote console's software ID, which channels do not tell (v2.0§5.5).
const REMOTE_CONSOLE: u8 = 0x81;

/// What waits for the host. Lives outside the bus connection.
#[derive(Debug, Default)]
pub(crate) struct HostMessages {
    state: Mutex<State>,
    /// Whether any flag is set.
    waiting: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    received: VecDeque<Received>,
    events: VecDeque<[u8; 16]>,
    pre_timeout: bool,
    questions: Vec<Question>,
    sequence: u8,
}

#[derive(Debug)]
struct Received {
    message: ReceivedMessage,
    /// The question that it is, of those that wait for an answer.
    question: Option<u8>,
}

/// A remote console that asks the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The channel of its session.
    pub(crate) channel: u8,
    /// The session's handle.
    pub(crate) handle: u8,
    /// What it may do, 1 to 5.
    pub(crate) privilege: u8,
}

/// A request that waits for the host's answer.
#[derive(Debug)]
struct Question {
    sequence: u8,
    asker: Asker,
    net_fn: NetFn,
    command: u8,
    answer: oneshot::Sender<Vec<u8>>,
}

impl State {
    fn flags(&self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(!self.received.is_empty(), MessageFlags::RECEIVE_QUEUE)
            | flag(!self.events.is_empty(), MessageFlags::EVENT_BUFFER)
            | flag(self.pre_timeout, MessageFlags::WATCHDOG_PRE_TIMEOUT)
    }
}

impl HostMessages {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells followers where that began or ended the waiting.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let result = change(&mut state);
        let waits = state.flags() != 0;
        drop(state);
        self.waiting.send_if_modified(|waiting| std::mem::replace(waiting, waits) != waits);
        result
    }

    /// Hears whether anything waits for the host.
    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.waiting.subscribe()
    }

    /// The flags.
    pub(crate) fn flags(&self) -> u8 {
        self.state().flags()
    }

    /// Throws away what stands behind the set bits.
    pub(crate) fn clear(&self, flags: u8) {
        self.change(|state| {
            if flags & MessageFlags::RECEIVE_QUEUE != 0 {
                state.received.clear();
                state.questions.clear();
            }
            if flags & MessageFlags::EVENT_BUFFER != 0 {
                state.events.clear();
            }
            state.pre_timeout &= flags & MessageFlags::WATCHDOG_PRE_TIMEOUT == 0;
        });
    }

    /// The watchdog is about to expire.
    pub(crate) fn watchdog_warns(&self) {
        self.change(|state| state.pre_timeout = true);
    }

    /// An event for the host; where there is no more room, the SEL still has it.
    pub(crate) fn add_event(&self, record: [u8; 16]) {
        self.change(|state| {
            if state.events.len() < MOST_EVENTS {
                state.events.push_back(record);
            }
        });
    }

    /// The oldest event.
    pub(crate) fn take_event(&self) -> Option<[u8; 16]> {
        self.change(|state| state.events.pop_front())
    }

    /// Whether the queue takes another message.
    pub(crate) fn has_room(&self) -> bool {
        self.state().received.len() < MOST_MESSAGES
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// [`CompletionCode::NODE_BUSY`] where it is full.
    pub(crate) fn receive(&self, message: ReceivedMessage) -> Result<(), CompletionCode> {
        self.change(|state| state.push(Received { message, question: None }))
    }

    /// The oldest message.
    pub(crate) fn take_message(&self) -> Option<ReceivedMessage> {
        self.change(|state| state.received.pop_front()).map(|received| received.message)
    }

    /// Asks the host on behalf of a session, and waits for its answer, completion code first.
    ///
    /// # Errors
    /// [`CompletionCode::NODE_BUSY`] where the queue is full; [`CompletionCode::RESPONSE_NOT_PROVIDED`] where the host threw its
    /// queue away. Dropping the future takes the question back.
    pub(crate) async fn ask(
        &self,
        asker: Asker,
        net_fn: NetFn,
        command: u8,
        data: &[u8],
    ) -> Result<Vec<u8>, CompletionCode> {
        let (answer, answered) = oneshot::channel();
        let sequence = self.change(|state| {
            state.sequence = (state.sequence + 1) & 0x3F;
            let sequence = state.sequence;
            let message = question_message(asker, net_fn, command, sequence, data);
            state.push(Received { message, question: Some(sequence) })?;
            state.questions.push(Question { sequence, asker, net_fn, command, answer });
            Ok::<u8, CompletionCode>(sequence)
        })?;
        let _withdraw = Withdraw { messages: self, sequence };
        answered.await.map_err(|_| CompletionCode::RESPONSE_NOT_PROVIDED)
    }

    /// Gives the host's answer to who asked; false where nobody did, or no longer waits.
    pub(crate) fn answer(&self, channel: u8, handle: u8, message: &LanMessage<'_>) -> bool {
        let mut state = self.state();
        let place = state.questions.iter().position(|question| {
            (question.asker.channel, question.asker.handle) == (channel, handle)
                && question.sequence == message.sequence
                && (question.net_fn.response(), question.command) == (message.net_fn, message.command)
        });
        let Some(place) = place else { return false };
        state.questions.swap_remove(place).answer.send(message.data.to_vec()).is_ok()
    }
}

impl State {
    fn push(&mut self, received: Received) -> Result<(), CompletionCode> {
        if self.received.len() >= MOST_MESSAGES {
            return Err(CompletionCode::NODE_BUSY);
        }
        self.received.push_back(received);
        Ok(())
    }
}

/// A session's request as the host reads it: the session's handle, then the message (v2.0§22.6, table 22-9).
fn question_message(asker: Asker, net_fn: NetFn, command: u8, sequence: u8, data: &[u8]) -> ReceivedMessage {
    let message = LanMessage {
        to: BMC,
        to_lun: Lun::SMS,
        net_fn,
        from: REMOTE_CONSOLE,
        from_lun: Lun::BMC,
        sequence,
        command,
        data,
    };
    let mut bytes = vec![asker.handle];
    message.emit(&mut bytes);
    ReceivedMessage { channel: asker.channel, privilege: asker.privilege, message: bytes }
}

/// Takes a question back whose asker no longer waits.
struct Withdraw<'a> {
    messages: &'a HostMessages,
    sequence: u8,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.messages.change(|state| {
            state.questions.retain(|question| question.sequence != self.sequence);
            state.received.retain(|received| received.question != Some(self.sequence));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: Asker = Asker { channel: 1, handle: 9, privilege: 4 };

    #[test]
    fn each_flag_stands_for_what_waits_and_goes_with_it() {
        let messages = HostMessages::default();
        let waiting = messages.subscribe();
        messages.add_event([1; 16]);
        messages.watchdog_warns();
        assert_eq!((messages.flags(), *waiting.borrow()), (0x0A, true));
        assert_eq!(messages.take_event(), Some([1; 16]));
        assert_eq!(messages.flags(), 0x08);
        messages.clear(0x08);
        assert_eq!((messages.flags(), *waiting.borrow()), (0, false));
        assert_eq!(messages.take_event(), None);
    }

    #[test]
    fn a_burst_of_events_keeps_its_beginning() {
        let messages = HostMessages::default();
        for number in 0..100 {
            messages.add_event([number; 16]);
        }
        let taken = std::iter::from_fn(|| messages.take_event()).map(|event| event[0]).collect::<Vec<_>>();
        assert_eq!(taken, (0..32).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_hosts_answer_goes_to_the_session_that_asked() {
        let messages = HostMessages::default();
        let host = async {
            tokio::task::yield_now().await;
            let received = messages.take_message().unwrap();
            assert_eq!((received.channel, received.privilege, received.message[0]), (1, 4, 9));
            let request = LanMessage::parse(&received.message[1..]).unwrap();
            let response = request.response(&[0, 0xAB]);
            assert!(!messages.answer(1, 8, &response), "another session");
            assert!(!messages.answer(1, 9, &LanMessage { sequence: 63, ..response }), "another request");
            assert!(messages.answer(1, 9, &response));
            assert!(!messages.answer(1, 9, &response), "answered already");
        };
        let (answer, ()) = tokio::join!(messages.ask(ASKER, NetFn::APP, 1, &[7]), host);
        assert_eq!(answer, Ok(vec![0, 0xAB]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_is_given_up_leaves_the_queue() {
        let messages = HostMessages::default();
        let patience = tokio::time::Duration::from_secs(1);
        let ask = tokio::time::timeout(patience, messages.ask(ASKER, NetFn::APP, 1, &[]));
        assert!(ask.await.is_err());
        assert_eq!(messages.flags(), 0);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_cleared_one_ends_the_waiting() {
        let messages = HostMessages::default();
        let message = ReceivedMessage { channel: 0, privilege: 0, message: vec![] };
        while messages.has_room() {
            messages.receive(message.clone()).unwrap();
        }
        assert_eq!(messages.ask(ASKER, NetFn::APP, 1, &[]).await, Err(CompletionCode::NODE_BUSY));
        messages.clear(0x01);
        let clear = async {
            tokio::task::yield_now().await;
            messages.clear(0x01);
        };
        let (answer, ()) = tokio::join!(messages.ask(ASKER, NetFn::APP, 1, &[]), clear);
        assert_eq!(answer, Err(CompletionCode::RESPONSE_NOT_PROVIDED));
    }
}
