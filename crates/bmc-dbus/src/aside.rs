//! Asking others on the bus without being cut off by one's own subscriptions.

use std::collections::VecDeque;

use futures_util::{Stream, StreamExt as _};

/// Signals that are set aside at most; those beyond wait in their ring.
const MOST: usize = 8192;

/// Does `work`, which asks others on the bus, and sets aside what `signals` bring meanwhile, in its order.
///
/// The library reads a connection in the order in which messages come, and stops where a subscription's ring is full: whoever then waits
/// for an answer before it empties that ring waits for good.
pub async fn set_aside<S, T>(
    signals: &mut S,
    aside: &mut VecDeque<S::Item>,
    work: impl Future<Output = T>,
) -> T
where
    S: Stream + Unpin,
{
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            Some(signal) = signals.next(), if aside.len() < MOST => aside.push_back(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_waits_for_a_signal_to_be_taken_is_done_and_the_signals_are_kept() {
        let (taken, answer) = oneshot::channel();
        let mut taken = Some(taken);
        let mut signals = stream::iter(0..3).inspect(move |number| {
            if *number == 2 {
                taken.take().unwrap().send("the answer").unwrap();
            }
        });
        let mut aside = VecDeque::new();
        assert_eq!(set_aside(&mut signals, &mut aside, answer).await.unwrap(), "the answer");
        assert_eq!(aside, [0, 1, 2]);
    }
}
