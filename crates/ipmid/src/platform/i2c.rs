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
