//! The lines that items stand on.

use std::{convert::Infallible, time::Duration};

use bmc_hw::gpio::{GpioError, LineEvent, Lines, Source};
use futures_util::future::join_all;

use super::{Items, Seen};
use crate::publisher::Publisher;

/// How long until lines that are not there are looked for again.
const RETRY: Duration = Duration::from_secs(2);

/// Follows the lines until it is dropped. Each by itself, so that one that is misspelt or late hides no item but its own. While one
/// cannot be had, its items stay as they were last seen.
pub(super) async fn watch(items: &Items, publisher: &Publisher, source: &Source) -> Infallible {
    let lines = items.all().iter().filter_map(|item| item.spec.line.as_ref());
    let mut names: Vec<&str> = lines.map(|line| line.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    join_all(names.into_iter().map(|name| watch_line(items, publisher, source, name))).await;
    // There are none.
    std::future::pending().await
}

async fn watch_line(items: &Items, publisher: &Publisher, source: &Source, name: &str) -> Infallible {
    let mut told = String::new();
    loop {
        let error = match Lines::open(source, &[name.to_owned()], &[]).await {
            Ok(lines) => {
                tracing::info!("watching gpio line `{name}`");
                told.clear();
                follow(items, publisher, lines).await
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if text != told {
            tracing::warn!("gpio line `{name}`: {text}\ntrying again every {RETRY:?}");
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
