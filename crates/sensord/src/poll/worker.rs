//! One thread a bus: a device that hangs hangs this thread and nothing else.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use tokio::sync::{Notify, oneshot};

use crate::{
    sensor::{Sample, Taken},
    source::Source,
    station,
};

/// Jobs that wait behind a read that hangs: one batch of reads and a few fan settings. More are refused.
const QUEUE: usize = 4;
/// The threads call read(2) and ioctl(2), and little else.
const STACK: usize = 64 * 1024;

/// What a worker is asked to do; sensors are numbered within the bus.
#[derive(Debug)]
pub(super) enum Job {
    /// Read these, one after the other.
    Read(Vec<usize>),
    /// Write an attribute, read it back, and say how it went.
    Write { member: usize, value: i64, done: oneshot::Sender<Result<(), String>> },
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A member of a bus was read, or could not be (then with the reason).
    Sampled { bus: usize, member: usize, taken: Taken, sample: Sample, why: Option<String> },
    /// A [`Job::Read`] is done.
    Finished { bus: usize },
}

/// Outcomes on their way to the poll loop. Bounded: a bus has one batch under way, and a write adds one sample.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    waiting: Mutex<Vec<Outcome>>,
    ready: Notify,
}

/// The sending end of a worker's queue.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    jobs: SyncSender<Job>,
}

impl Outcomes {
    fn push(&self, outcome: Outcome) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    /// Everything that has come so far.
    pub(super) fn take(&self) -> Vec<Outcome> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a batch is done. Samples of an unfinished batch wake nobody: wakeups cost power.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }
}

impl Worker {
    /// Starts the thread of bus number `bus`.
    ///
    /// It ends when its queue is dropped and the read under way, if any, comes back.
    pub(super) fn start(
        name: &str,
        bus: usize,
        members: Vec<Box<dyn Source>>,
        outcomes: Arc<Outcomes>,
    ) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = Thread { bus, members, outcomes };
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK)
            .spawn(move || thread.run(&queue))?;
        Ok(Self { jobs })
    }

    /// Hands over a job, or gives it back where the queue is full.
    pub(super) fn give(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}

struct Thread {
    bus: usize,
    members: Vec<Box<dyn Source>>,
    outcomes: Arc<Outcomes>,
}

impl Thread {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Read(members) => {
                    members.into_iter().for_each(|member| self.read(member));
                    self.outcomes.push(Outcome::Finished { bus: self.bus });
                }
                Job::Write { member, value, done } => {
                    let result = self.write(member, value);
                    self.read(member);
                    // Who asked may have given up waiting.
                    let _ = done.send(result);
                }
            }
            self.outcomes.ready.notify_one();
        }
    }

    fn read(&mut self, member: usize) {
        let Some(source) = self.members.get_mut(member) else { return };
        let (sample, why) = match source.read() {
            Ok(raw) => (Sample::Raw(raw), None),
            Err(error) => (Sample::Failed, Some(error.to_string())),
        };
        self.outcomes.push(Outcome::Sampled { bus: self.bus, member, taken: station::now(), sample, why });
    }

    fn write(&mut self, member: usize, value: i64) -> Result<(), String> {
        let source = self.members.get_mut(member).ok_or("no such attribute")?;
        source.write(value).map_err(|error| error.to_string())
    }
}
