//! The threads that read the buses. A bus is in one thread's hands at a time; as long as reads are quick, one thread serves all buses and
//! is woken once a round. A device that hangs keeps the thread that reads it, and others take up the remaining buses.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
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

/// What is to be done on a bus; sensors are numbered within the bus.
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
    /// A thread has taken up a job of this bus.
    Begun { bus: usize, at: Instant },
    /// A member of a bus was read, or could not be (then with the reason).
    Sampled { bus: usize, member: usize, taken: Taken, sample: Sample, why: Option<String> },
    /// A [`Job::Read`] is done.
    Finished { bus: usize },
}

/// The sensors of a bus.
type Members = Vec<Box<dyn Source>>;

/// The threads; they end when this is dropped and the reads under way, if any, come back.
#[derive(Debug)]
pub(super) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// There may be work, or nothing will ever come again.
    work: Condvar,
    /// By bus. The lock is never waited for: the queue gives a bus to one thread at a time.
    members: Vec<Mutex<Members>>,
    /// Bounded: a bus has one batch under way, and a write adds one sample.
    outcomes: Mutex<Vec<Outcome>>,
    done: Notify,
}

/// Which bus waits for a thread.
#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<VecDeque<Job>>,
    /// Buses with jobs that no thread has taken up.
    waiting: VecDeque<usize>,
    /// Whether a thread has the bus.
    taken: Vec<bool>,
    threads: usize,
    /// How many threads sleep, and how many of them have been called and are not awake yet.
    idle: usize,
    called: usize,
    closed: bool,
}

impl Workers {
    /// Workers for buses of these members, with a first thread.
    pub(super) fn start(buses: Vec<Members>) -> io::Result<Self> {
        let queue = Queue {
            jobs: buses.iter().map(|_| VecDeque::new()).collect(),
            taken: vec![false; buses.len()],
            ..Queue::default()
        };
        let workers = Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(queue),
                work: Condvar::new(),
                members: buses.into_iter().map(Mutex::new).collect(),
                outcomes: Mutex::default(),
                done: Notify::new(),
            }),
        };
        workers.spawn(&mut workers.shared.queue())?;
        Ok(workers)
    }

    /// Queues a job for a bus, or gives it back where too much waits. [`Workers::hurry`] has it done.
    pub(super) fn give(&self, bus: usize, job: Job) -> Result<(), Job> {
        self.shared.queue().give(bus, job)
    }

    /// Puts one more thread to work where a bus waits; whether one does.
    pub(super) fn hurry(&self) -> bool {
        let mut queue = self.shared.queue();
        if queue.waiting.is_empty() {
            return false;
        }
        if queue.idle > queue.called {
            queue.called += 1;
            // Without the lock, for which whom it wakes would have to sleep again.
            drop(queue);
            self.shared.work.notify_one();
        } else if queue.threads < queue.jobs.len()
            && let Err(error) = self.spawn(&mut queue)
        {
            tracing::warn!("cannot start another thread, so buses wait for one that is slow: {error}");
        }
        true
    }

    /// Whether a bus waits for a thread.
    pub(super) fn are_behind(&self) -> bool {
        !self.shared.queue().waiting.is_empty()
    }

    /// Everything that has come so far.
    pub(super) fn take(&self) -> Vec<Outcome> {
        mem::take(&mut *lock(&self.shared.outcomes))
    }

    /// Waits until a thread finds nothing more to do. Samples before that wake nobody: wakeups cost power.
    pub(super) async fn done(&self) {
        self.shared.done.notified().await;
    }

    fn spawn(&self, queue: &mut Queue) -> io::Result<()> {
        let shared = self.shared.clone();
        std::thread::Builder::new()
            .name("bus-reader".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.run())?;
        queue.threads += 1;
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.work.notify_all();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Queue {
    fn give(&mut self, bus: usize, job: Job) -> Result<(), Job> {
        let Some(jobs) = self.jobs.get_mut(bus) else { return Err(job) };
        if jobs.len() >= QUEUE {
            return Err(job);
        }
        jobs.push_back(job);
        if jobs.len() == 1 && !self.taken[bus] {
            self.waiting.push_back(bus);
        }
        Ok(())
    }

    /// The next job, and the bus that is the caller's until it is returned.
    fn take(&mut self) -> Option<(usize, Job)> {
        let bus = self.waiting.pop_front()?;
        let job = self.jobs[bus].pop_front()?;
        self.taken[bus] = true;
        Some((bus, job))
    }

    fn give_back(&mut self, bus: usize) {
        self.taken[bus] = false;
        if !self.jobs[bus].is_empty() {
            self.waiting.push_back(bus);
        }
    }
}

/// Nothing that holds a lock here can fail halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// A thread's life.
    fn run(&self) {
        while let Some((bus, job)) = self.next() {
            self.push(Outcome::Begun { bus, at: Instant::now() });
            self.work_on(bus, job);
            let mut queue = self.queue();
            queue.give_back(bus);
            if queue.waiting.is_empty() {
                self.done.notify_one();
            }
        }
    }

    /// Waits for a job; `None` at the end.
    fn next(&self) -> Option<(usize, Job)> {
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(next) = queue.take() {
                return Some(next);
            }
            queue.idle += 1;
            let sleeps = |queue: &mut Queue| queue.called == 0 && !queue.closed;
            queue = self.work.wait_while(queue, sleeps).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
            queue.called = queue.called.saturating_sub(1);
        }
    }

    fn work_on(&self, bus: usize, job: Job) {
        let mut sources = lock(&self.members[bus]);
        match job {
            Job::Read(members) => {
                members.into_iter().for_each(|member| self.read(bus, member, &mut sources));
                self.push(Outcome::Finished { bus });
            }
            Job::Write { member, value, done } => {
                let result = write(&mut sources, member, value);
                self.read(bus, member, &mut sources);
                // Who asked may have given up waiting.
                let _ = done.send(result);
            }
        }
    }

    fn read(&self, bus: usize, member: usize, sources: &mut Members) {
        let Some(source) = sources.get_mut(member) else { return };
        let (sample, why) = match source.read() {
            Ok(raw) => (Sample::Raw(raw), None),
            Err(error) => (Sample::Failed, Some(error.to_string())),
        };
        self.push(Outcome::Sampled { bus, member, taken: station::now(), sample, why });
    }

    fn push(&self, outcome: Outcome) {
        lock(&self.outcomes).push(outcome);
    }
}

fn write(sources: &mut Members, member: usize, value: i64) -> Result<(), String> {
    let source = sources.get_mut(member).ok_or("no such attribute")?;
    source.write(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        thread::ThreadId,
    };

    use super::*;
    use crate::source::SourceError;

    /// A sensor that says which thread reads it, and waits for leave where it has a gate.
    struct Told {
        by: Sender<ThreadId>,
        gate: Option<Receiver<()>>,
    }

    impl Source for Told {
        fn read(&mut self) -> Result<i64, SourceError> {
            if let Some(gate) = &self.gate {
                let _ = gate.recv();
            }
            let _ = self.by.send(std::thread::current().id());
            Ok(1)
        }

        fn write(&mut self, _: i64) -> Result<(), SourceError> {
            Ok(())
        }
    }

    fn finished(outcomes: &[Outcome]) -> Vec<usize> {
        let bus = |outcome: &Outcome| match outcome {
            Outcome::Finished { bus } => Some(*bus),
            Outcome::Begun { .. } | Outcome::Sampled { .. } => None,
        };
        outcomes.iter().filter_map(bus).collect()
    }

    #[tokio::test]
    async fn one_thread_reads_all_buses_and_is_done_once_while_they_are_quick() {
        let (by, threads) = channel();
        let bus = || vec![Box::new(Told { by: by.clone(), gate: None }) as Box<dyn Source>];
        let workers = Workers::start(vec![bus(), bus(), bus()]).unwrap();
        // One that has just started takes what is there without being called.
        while workers.shared.queue().idle == 0 {
            tokio::task::yield_now().await;
        }
        (0..3).for_each(|bus| workers.give(bus, Job::Read(vec![0])).unwrap());
        assert!(workers.hurry());
        workers.done().await;
        assert_eq!(finished(&workers.take()), [0, 1, 2]);
        let first = threads.recv().unwrap();
        assert_eq!((threads.recv().unwrap(), threads.recv().unwrap()), (first, first));
        assert!(!workers.are_behind() && !workers.hurry());
    }

    #[tokio::test]
    async fn a_bus_that_hangs_keeps_its_thread_and_the_next_one_reads_the_others() {
        let (by, _threads) = channel();
        let (open, gate) = channel();
        let hangs: Members = vec![Box::new(Told { by: by.clone(), gate: Some(gate) })];
        let quick: Members = vec![Box::new(Told { by, gate: None })];
        let workers = Workers::start(vec![hangs, quick]).unwrap();
        (0..2).for_each(|bus| workers.give(bus, Job::Read(vec![0])).unwrap());
        while workers.hurry() {
            tokio::task::yield_now().await;
        }
        workers.done().await;
        assert_eq!(finished(&workers.take()), [1]);
        open.send(()).unwrap();
        workers.done().await;
        assert_eq!(finished(&workers.take()), [0]);
    }

    #[tokio::test]
    async fn jobs_of_a_bus_that_hangs_are_refused_beyond_a_few_and_done_in_their_order() {
        let (by, _threads) = channel();
        let (open, gate) = channel();
        let workers = Workers::start(vec![vec![Box::new(Told { by, gate: Some(gate) })]]).unwrap();
        workers.give(0, Job::Read(vec![0])).unwrap();
        while workers.hurry() {
            tokio::task::yield_now().await;
        }
        let mut results = Vec::new();
        for value in 0..QUEUE {
            let (done, result) = oneshot::channel();
            workers.give(0, Job::Write { member: value % 2, value: 0, done }).unwrap();
            results.push(result);
        }
        assert!(workers.give(0, Job::Read(vec![0])).is_err());
        (0..=QUEUE).for_each(|_| open.send(()).unwrap());
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.await.unwrap().is_ok(), number % 2 == 0);
        }
    }
}
