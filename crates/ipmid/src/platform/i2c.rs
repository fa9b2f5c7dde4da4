//! I2C transfers for Master Write-Read, one at a time.

use std::{path::PathBuf, sync::Arc};

use bmc_hw::i2c::{I2c, I2cError};
use tokio::sync::Semaphore;

/// What a transfer came to; `None` where another one is under way.
pub(crate) type Outcome = Option<Result<Vec<u8>, I2cError>>;

/// The buses, with one worker: a bus that is stuck holds one thread, not one for each request.
pub struct Transfers {
    buses: Arc<dyn I2c>,
    worker: Arc<Semaphore>,
}

impl Transfers {
    pub(crate) fn new(buses: Arc<dyn I2c>) -> Self {
        Self { buses, worker: Arc::new(Semaphore::new(1)) }
    }

    /// As [`I2c::transfer`], on the worker. It goes on there where the caller stops waiting.
    pub(crate) async fn transfer(&self, device: PathBuf, address: u8, write: Vec<u8>, count: u8) -> Outcome {
        let permit = Arc::clone(&self.worker).try_acquire_owned().ok()?;
        let buses = Arc::clone(&self.buses);
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            buses.transfer(&device, address, &write, count)
        });
        Some(work.await.unwrap_or_else(|error| Err(I2cError::Failed(error.to_string()))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    /// A bus that answers when the test says so.
    struct Stuck(Mutex<mpsc::Receiver<()>>);

    impl I2c for Stuck {
        fn transfer(&self, _: &std::path::Path, _: u8, _: &[u8], _: u8) -> Result<Vec<u8>, I2cError> {
            self.0.lock().unwrap().recv().unwrap();
            Err(I2cError::Timeout)
        }
    }

    #[tokio::test]
    async fn while_a_bus_is_stuck_the_next_transfer_is_refused() {
        let (free, wait) = mpsc::channel();
        let transfers = Transfers::new(Arc::new(Stuck(Mutex::new(wait))));
        let transfer = || transfers.transfer("/dev/i2c-1".into(), 0x50, vec![], 1);
        let next = async {
            tokio::task::yield_now().await;
            assert_eq!(transfer().await, None);
            free.send(()).unwrap();
        };
        let (first, ()) = tokio::join!(transfer(), next);
        assert_eq!(first, Some(Err(I2cError::Timeout)));
    }
}
