//! The log, its clock and its limits, apart from any bus: what outlives a connection.
//!
//! Records go through one queue to one task, [`Log::write`], which takes what has gathered, writes it with one sync and answers.
//! What becomes of them is told on [`Log::news`], in the order of the log: this stream is the seam for whatever acts on events, which are
//! the signals on the bus and platform event filtering.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use bmc_daemon::StateFile;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

use crate::{
    clock::{Clock, SetTime, Step},
    kernel,
    record::clock_set,
    remarks::{Fullness, cleared},
    store::{NewRecord, Store, StoreError},
    storm::{Limits, Storms, Verdict},
};

/// Records on their way to the medium. Who adds more waits.
const QUEUE: usize = 1024;
/// Records that are written with one sync.
const BATCH: usize = 256;
/// Records that a listener may be late by; one that is later is told so.
const NEWS: usize = 1024;
/// How often the clock is looked at.
const CLOCK_CHECK: Duration = Duration::from_secs(5);

/// What becomes of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// A record is on the medium.
    Added {
        /// Its ID.
        id: u16,
        /// All of it, with ID and time.
        record: [u8; 16],
        /// It tells of something that happened; else a client put it there, or it tells what was done about such an event.
        happened: bool,
    },
    /// Something happened that is not in the log: it has no room, its medium fails, or the sensor is in a storm.
    Unlogged {
        /// The record that it would have been.
        record: [u8; 16],
    },
    /// Records were deleted.
    Erased,
}

/// What outlives restarts beside the records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kept {
    /// The time that a client set.
    pub(crate) time: Option<SetTime>,
    /// Minutes that the log's time is ahead of UTC.
    pub(crate) utc_offset: i16,
    /// State of the auxiliary logs, by type.
    pub(crate) auxiliary: BTreeMap<u8, Vec<u8>>,
}

/// The UTC offset that says that it is not known (v2.0§31.11a).
pub(crate) const UTC_OFFSET_UNKNOWN: i16 = 0x7FF;

struct Add {
    record: NewRecord,
    happened: bool,
    done: Option<oneshot::Sender<Result<u16, StoreError>>>,
}

/// The log.
pub(crate) struct Log {
    store: Mutex<Store>,
    clock: Mutex<Clock>,
    storms: Mutex<Storms>,
    fullness: Mutex<Fullness>,
    /// A storm began: the task that writes summaries has to look when.
    stormy: Notify,
    kept: Mutex<Kept>,
    file: StateFile<Kept>,
    adds: mpsc::Sender<Add>,
    news: broadcast::Sender<News>,
    receives: AtomicBool,
}

/// The other end of the queue, for [`Log::write`].
pub(crate) struct Queue(mpsc::Receiver<Add>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// The log in `store`, with its settings in `file`; a system's clock before `earliest` counts as not set.
    pub(crate) fn new(
        store: Store,
        file: StateFile<Kept>,
        earliest: u32,
        limits: Limits,
    ) -> (Arc<Self>, Queue) {
        let kept = file.load().unwrap_or_else(|error| {
            tracing::warn!("the log's settings are as delivered: {error}");
            None
        });
        let kept = kept.unwrap_or_default();
        let set = kept.time.as_ref().filter(|set| set.boot == kernel::boot_id()).map(|set| set.at_start);
        let (adds, queue) = mpsc::channel(QUEUE);
        let log = Self {
            fullness: Mutex::new(Fullness::of(store.records().len(), store.free())),
            store: Mutex::new(store),
            clock: Mutex::new(Clock::new(earliest, set, kernel::clocks())),
            storms: Mutex::new(Storms::new(limits)),
            stormy: Notify::new(),
            kept: Mutex::new(kept),
            file,
            adds,
            news: broadcast::channel(NEWS).0,
            receives: AtomicBool::new(true),
        };
        (Arc::new(log), Queue(queue))
    }

    /// The records, to look at.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Everything that becomes of the log from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// The log's time.
    pub(crate) fn time(&self) -> u32 {
        lock(&self.clock).time(kernel::clocks())
    }

    /// Whether events of the BMC's own sensors are logged (v2.0§29.1).
    pub(crate) fn receives(&self) -> &AtomicBool {
        &self.receives
    }

    /// Adds a client's record, whatever it is; it is on the medium when this returns. Nothing acts on it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn add(&self, record: NewRecord) -> Result<u16, StoreError> {
        self.add_and_wait(record, false).await
    }

    async fn add_and_wait(&self, record: NewRecord, happened: bool) -> Result<u16, StoreError> {
        let (done, answer) = oneshot::channel();
        let ends = || StoreError::Io(std::io::ErrorKind::BrokenPipe.into());
        self.adds.send(Add { record, happened, done: Some(done) }).await.map_err(|_| ends())?;
        answer.await.map_err(|_| ends())?
    }

    /// Logs what was done about an event.
    pub(crate) async fn note(&self, record: NewRecord) {
        // The queue closes with the daemon alone.
        let _ = self.adds.send(Add { record, happened: false, done: None }).await;
    }

    /// Adds an event, unless its sensor is in a storm: then it is counted, and this returns 0.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn report(&self, record: NewRecord) -> Result<u16, StoreError> {
        match self.judge(record) {
            Verdict::Log(record) => self.add_and_wait(record, true).await,
            Verdict::Begins(record) => self.add_and_wait(record, true).await.map(|_| 0),
            Verdict::Withheld => Ok(0),
        }
    }

    /// As `record` would be in the log, to those who act on events.
    fn tell_unlogged(&self, record: &NewRecord) {
        self.tell(News::Unlogged { record: record.numbered(0) });
    }

    /// As [`Log::report`], without waiting for the medium; a failure goes to the journal.
    pub(crate) async fn submit(&self, record: NewRecord) {
        if let Verdict::Log(record) | Verdict::Begins(record) = self.judge(record) {
            // The queue closes with the daemon alone.
            let _ = self.adds.send(Add { record, happened: true, done: None }).await;
        }
    }

    fn judge(&self, record: NewRecord) -> Verdict {
        let happened = record.clone();
        let verdict = lock(&self.storms).judge(Instant::now(), record);
        if matches!(verdict, Verdict::Withheld) {
            self.tell_unlogged(&happened);
        } else {
            self.stormy.notify_one();
        }
        verdict
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn delete(&self, id: u16) -> Result<u16, StoreError> {
        let id = self.store().delete(self.time(), id)?;
        self.tell(News::Erased);
        Ok(id)
    }

    /// Deletes all records.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        self.store().clear(self.time())?;
        self.tell(News::Erased);
        Ok(())
    }

    /// Deletes all records, and logs that somebody did so.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn clear_and_say_so(&self) -> Result<(), StoreError> {
        self.clear()?;
        self.add_and_wait(cleared(self.time()), true).await.map(drop)
    }

    fn tell(&self, news: News) {
        // Without listeners nobody needs to know.
        let _ = self.news.send(news);
    }

    /// What outlives restarts.
    pub(crate) fn kept(&self) -> Kept {
        lock(&self.kept).clone()
    }

    /// Changes what outlives restarts.
    ///
    /// # Errors
    /// The file's, as text.
    pub(crate) fn keep(&self, change: impl FnOnce(&mut Kept)) -> Result<(), String> {
        let mut kept = lock(&self.kept);
        let mut new = kept.clone();
        change(&mut new);
        self.file.store(&new).map_err(|error| error.to_string())?;
        *kept = new;
        Ok(())
    }

    /// Sets the log's time and logs that it jumped, where it did.
    ///
    /// # Errors
    /// The file's, as text; the time is set all the same.
    pub(crate) async fn set_time(&self, seconds: u32) -> Result<(), String> {
        let (at_start, step) = lock(&self.clock).set(kernel::clocks(), seconds);
        self.log_step(step).await;
        self.keep(|kept| kept.time = Some(SetTime { boot: kernel::boot_id(), at_start }))
    }

    async fn log_step(&self, step: Option<Step>) {
        for record in step.into_iter().flat_map(clock_set) {
            self.submit(record).await;
        }
    }

    /// Writes what is added, until the daemon ends.
    pub(crate) async fn write(&self, mut queue: Queue) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.0.recv_many(&mut batch, BATCH).await > 0 {
            self.write_batch(std::mem::take(&mut batch));
        }
    }

    fn write_batch(&self, mut batch: Vec<Add>) {
        self.remark(&mut batch);
        let happened: Vec<_> = batch.iter().map(|add| add.happened.then(|| add.record.numbered(0))).collect();
        let (records, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|add| (add.record, add.done)).unzip();
        let now = self.time();
        let (result, news) = {
            let mut store = self.store();
            let result = store.add_all(now, records);
            let ids = result.as_deref().unwrap_or_default().iter().copied();
            // None of them is there where the medium fails.
            let ids = ids.chain(std::iter::repeat(None));
            let news: Vec<_> =
                ids.zip(happened).filter_map(|(id, happened)| news(&store, id, happened)).collect();
            (result, news)
        };
        news.into_iter().for_each(|news| self.tell(news));
        match result {
            Ok(ids) => answers.into_iter().zip(ids).for_each(|(answer, id)| {
                reply(answer, id.ok_or(StoreError::Full));
            }),
            Err(error) => {
                let kind = error.kind();
                tracing::error!("{} events are lost: the log file: {error}", answers.len());
                answers.into_iter().for_each(|answer| reply(answer, Err(StoreError::Io(kind.into()))));
            }
        }
    }

    /// Puts what the log has to say of its own size into what is about to be written.
    fn remark(&self, batch: &mut Vec<Add>) {
        let (used, free) = {
            let store = self.store();
            (store.records().len(), store.free())
        };
        let remarks = lock(&self.fullness).remarks(used, free, batch.len(), self.time());
        for (place, record) in remarks {
            batch.insert(place.min(batch.len()), Add { record, happened: true, done: None });
        }
    }

    /// Looks at the clock and writes the summaries of storms, until the daemon ends.
    pub(crate) async fn tend(&self) {
        let mut check = tokio::time::interval(CLOCK_CHECK);
        loop {
            let next = lock(&self.storms).next();
            tokio::select! {
                _ = check.tick() => {
                    let step = lock(&self.clock).observe(kernel::clocks());
                    self.log_step(step).await;
                }
                () = self.stormy.notified() => {}
                () = until(next) => self.summarise().await,
            }
        }
    }

    async fn summarise(&self) {
        let records = lock(&self.storms).summaries(Instant::now(), self.time());
        for record in records {
            let _ = self.adds.send(Add { record, happened: true, done: None }).await;
        }
    }

    /// Logs what storms still withhold: the daemon ends.
    pub(crate) fn end(&self) {
        let records = lock(&self.storms).end(self.time());
        let adds = records.into_iter().map(|record| Add { record, happened: false, done: None });
        self.write_batch(adds.collect());
    }
}

/// What became of a record that was to be added; `happened` is what it said, if something happened.
fn news(store: &Store, id: Option<u16>, happened: Option<[u8; 16]>) -> Option<News> {
    match id {
        Some(id) => Some(News::Added { id, record: store.get(id)?.2.record, happened: happened.is_some() }),
        None => happened.map(|record| News::Unlogged { record }),
    }
}

fn reply(answer: Option<oneshot::Sender<Result<u16, StoreError>>>, result: Result<u16, StoreError>) {
    match answer {
        // Who asked may have gone.
        Some(answer) => drop(answer.send(result)),
        None => {
            if let Err(StoreError::Full) = result {
                tracing::debug!("an event is lost: the log is full");
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
