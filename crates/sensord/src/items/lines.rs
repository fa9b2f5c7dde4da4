//! The lines that items stand on.

use std::{convert::Infallible, time::Duration};

use bmc_hw::gpio::{GpioError, LineEvent, Lines, Source};

use super::{Items, Seen};
use crate::publisher::Publisher;

/// How long until lines that are not there are looked for again.
const RETRY: Duration = Duration::from_secs(2);

/// Follows the lines until it is dropped. While they cannot be had, items stay as they were last seen.
pub(super) async fn watch(items: &Items, publisher: &Publisher, source: &Source) -> Infallible {
    let lines = items.all().iter().filter_map(|item| item.spec.line.as_ref());
    let mut names: Vec<String> = lines.map(|line| line.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return std::future::pending().await;
    }
    let mut told = String::new();
    loop {
        let error = match Lines::open(source, &names, &[]).await {
            Ok(lines) => {
                tracing::info!("watching {} gpio lines", names.len());
                told.clear();
                follow(items, publisher, lines).await
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if text != told {
            tracing::warn!("{text}\ntrying again every {RETRY:?}");
            told = text;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Takes levels until there are none any more.
async fn follow(items: &Items, publisher: &Publisher, mut lines: Lines) -> GpioError {
    loop {
        match lines.next().await {
            Ok(event) => take(items, publisher, &event).await,
            Err(error) if error.is_lost() => return error,
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

async fn take(items: &Items, publisher: &Publisher, event: &LineEvent) {
    for (index, item) in items.all().iter().enumerate() {
        if let Some(line) = item.spec.line.as_ref().filter(|line| line.name == event.line) {
            items.see(index, Seen::Line(event.high != line.active_low), publisher).await;
        }
    }
}
