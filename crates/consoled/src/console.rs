//! A console: the ring, the way to the UART, and who reads.
//!
//! Lives as long as the process; a restart of the bus does not touch it. Output goes UART -> [`Console::output`] -> ring -> each reader at
//! its own pace. Input goes the other way through one bounded queue of whole messages, so that a host that does not listen holds up
//! who types, and nobody who reads.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot, watch};

use crate::{
    carrier::Carrier,
    keep::Keep,
    ring::{Place, Ring},
};

/// Messages that wait for the UART, each of at most [`MESSAGE`] bytes.
const INPUT: usize = 32;
/// Bytes of one message: what one writer sent in one piece, which no other writer's gets into.
pub(crate) const MESSAGE: usize = 1024;
/// Breaks of the host that wait for the bus.
const BREAKS: usize = 16;

/// What goes to the host.
#[derive(Debug)]
pub(crate) enum Input {
    Bytes(Vec<u8>),
    Break(oneshot::Sender<Result<(), Refusal>>),
    Baud(u32, oneshot::Sender<Result<(), Refusal>>),
}

/// Why the UART does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the UART is not there")]
    Absent,
    #[error("the UART refuses: {0}")]
    Refused(String),
    #[error("the UART takes no input: the host holds it up")]
    HeldUp,
}

/// There are as many readers as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {0} readers already, and no more may be")]
pub(crate) struct TooManyReaders(usize);

/// What the UART is just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Uart {
    pub(crate) present: bool,
    /// Bits per second; 0 where it never was there.
    pub(crate) baud: u32,
}

/// A console.
#[derive(Debug)]
pub(crate) struct Console {
    ring: Mutex<Ring>,
    keep: Option<Keep>,
    /// The ring's end, for who waits for more.
    grown: watch::Sender<u64>,
    input: mpsc::Sender<Input>,
    uart: watch::Sender<Uart>,
    breaks: broadcast::Sender<()>,
    /// DCD and DSR towards the host.
    pub(crate) carrier: Arc<Carrier>,
    slots: Arc<Semaphore>,
    slot_count: usize,
    readers: AtomicU32,
    lost: AtomicU64,
}

/// A reader's seat; free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
    console: Arc<Console>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.console.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Console {
    /// A console of this ring, and the queue of what goes to its UART.
    pub(crate) fn new(ring: Ring, keep: Option<Keep>, readers: usize) -> (Arc<Self>, mpsc::Receiver<Input>) {
        let (input, queue) = mpsc::channel(INPUT);
        let console = Self {
            grown: watch::Sender::new(ring.end()),
            ring: Mutex::new(ring),
            keep,
            input,
            uart: watch::Sender::default(),
            breaks: broadcast::Sender::new(BREAKS),
            carrier: Arc::default(),
            slots: Arc::new(Semaphore::new(readers)),
            slot_count: readers,
            readers: AtomicU32::new(0),
            lost: AtomicU64::new(0),
        };
        (Arc::new(console), queue)
    }

    /// The ring. Held for a copy of a few kilobytes at most, never across a wait.
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host printed `bytes`.
    pub(crate) fn output(&self, bytes: &[u8]) {
        let end = {
            let mut ring = self.ring();
            // The copy first: what a reader has seen is there after a crash, so that its position still means the same byte.
            if let Some(keep) = &self.keep
                && let Err(error) = keep.write(ring.end(), bytes)
            {
                tracing::debug!("the ring's copy: {error}");
            }
            ring.write(bytes);
            ring.end()
        };
        self.grown.send_replace(end);
    }

    /// The ring's end, for who waits for it to move.
    pub(crate) fn growth(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Notes how far the log is.
    pub(crate) fn logged(&self, position: u64) {
        if let Some(keep) = &self.keep
            && let Err(error) = keep.logged(position)
        {
            tracing::debug!("the ring's copy: {error}");
        }
    }

    /// The host sent a break.
    pub(crate) fn host_break(&self) {
        // Nobody may be listening.
        let _ = self.breaks.send(());
    }

    /// Breaks of the host from now on.
    pub(crate) fn breaks(&self) -> broadcast::Receiver<()> {
        self.breaks.subscribe()
    }

    /// What the UART is, and changes of it.
    pub(crate) fn uart(&self) -> watch::Receiver<Uart> {
        self.uart.subscribe()
    }

    /// The UART came, went or changed its rate.
    pub(crate) fn set_uart(&self, change: impl FnOnce(&mut Uart)) {
        self.uart.send_if_modified(|uart| {
            let before = *uart;
            change(uart);
            *uart != before
        });
    }

    /// Queues what a writer sent; waits while the queue is full.
    pub(crate) async fn input(&self, bytes: Vec<u8>) {
        // The queue is closed only where the daemon ends.
        let _ = self.input.send(Input::Bytes(bytes)).await;
    }

    /// Sends a break, after what is queued.
    pub(crate) async fn send_break(&self) -> Result<(), Refusal> {
        self.order(Input::Break).await
    }

    /// Changes the UART's rate, after what is queued.
    pub(crate) async fn set_baud(&self, baud: u32) -> Result<(), Refusal> {
        self.order(|done| Input::Baud(baud, done)).await
    }

    /// Queues an order and waits until it is done, but not for a host that takes nothing.
    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<(), Refusal>>) -> Input,
    ) -> Result<(), Refusal> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let (done, answer) = oneshot::channel();
        let all = async {
            let _ = self.input.send(order(done)).await;
            answer.await.unwrap_or(Err(Refusal::Absent))
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap_or(Err(Refusal::HeldUp))
    }

    /// A seat for one more reader.
    pub(crate) fn seat(self: &Arc<Self>) -> Result<Seat, TooManyReaders> {
        let permit =
            Arc::clone(&self.slots).try_acquire_owned().map_err(|_| TooManyReaders(self.slot_count))?;
        self.readers.fetch_add(1, Ordering::Relaxed);
        Ok(Seat { _permit: permit, console: Arc::clone(self) })
    }

    /// How many readers there are.
    pub(crate) fn readers(&self) -> u32 {
        self.readers.load(Ordering::Relaxed)
    }

    /// Bytes that slow readers lost, in all.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes at most `most` bytes for a reader into `out`; how many it lost before them.
    pub(crate) fn take(&self, place: &mut Place, most: usize, out: &mut Vec<u8>) -> u64 {
        let ring = self.ring();
        let lost = ring.catch_up(place);
        ring.read(place, most, out);
        drop(ring);
        self.lost.fetch_add(lost, Ordering::Relaxed);
        lost
    }
}
