//! Tasks of one kind.
//!
//! tokio compiles its scheduling of a task, and the task's start at the place where it starts, anew for each type of future. Boxed, all
//! futures with one output are one type.

use std::pin::Pin;

use tokio::task::{JoinHandle, JoinSet};

/// A task's future.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// [`tokio::spawn`] of a boxed future.
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    spawn_boxed(Box::pin(task))
}

/// Apart, so that what is compiled for each future is no more than its way into the box.
#[inline(never)]
fn spawn_boxed<T: Send + 'static>(task: Boxed<T>) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// Tasks that end when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<()>);

impl Tasks {
    /// Starts one more.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.start(Box::pin(task));
    }

    #[inline(never)]
    fn start(&mut self, task: Boxed<()>) {
        self.0.spawn(task);
    }
}
