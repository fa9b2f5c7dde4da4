//! Reservations: a client that works in several steps learns that what it works on changed under it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reservations of the SDR repository and of the SEL. They outlive a restart of the bus.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    /// The repository changes by itself only, and reading it does not disturb other readers: each reservation since the last
    /// change stays good, so that two clients that list sensors at once do not cancel each other for ever.
    sdr: Mutex<Series>,
    /// Clients erase the SEL: here the last reservation alone is good, as v2.0§31.4 has it.
    sel: Mutex<Series>,
}

/// Reservations by number, good for one state of what they reserve.
#[derive(Debug, Default)]
struct Series {
    state: u32,
    /// The oldest that is good; 0 where none is.
    first: u16,
    last: u16,
}

impl Series {
    fn reserve(&mut self, state: u32, alone: bool) -> u16 {
        // 0 is "no reservation".
        let id = self.last.checked_add(1).unwrap_or(1);
        if alone || state != self.state || id < self.first || self.first == 0 {
            self.first = id;
        }
        (self.state, self.last) = (state, id);
        id
    }

    fn holds(&self, id: u16, state: u32) -> bool {
        state == self.state && self.first != 0 && (self.first..=self.last).contains(&id)
    }

    /// The next reservation begins anew.
    fn cancel(&mut self) {
        self.first = 0;
    }
}

impl Reservations {
    /// A reservation of the repository in `generation`.
    pub(crate) fn reserve_sdr(&self, generation: u32) -> u16 {
        lock(&self.sdr).reserve(generation, false)
    }

    /// Whether `id` still holds for the repository in `generation`.
    pub(crate) fn holds_sdr(&self, id: u16, generation: u32) -> bool {
        lock(&self.sdr).holds(id, generation)
    }

    /// A client has the repository to itself.
    pub(crate) fn cancel_sdr(&self) {
        lock(&self.sdr).cancel();
    }

    /// A reservation of the log that was last erased at `erased`; all earlier ones end.
    pub(crate) fn reserve_sel(&self, erased: u32) -> u16 {
        lock(&self.sel).reserve(erased, true)
    }

    /// Whether `id` still holds for the log that was last erased at `erased`.
    pub(crate) fn holds_sel(&self, id: u16, erased: u32) -> bool {
        lock(&self.sel).holds(id, erased)
    }

    /// Records were erased over IPMI.
    pub(crate) fn cancel_sel(&self) {
        lock(&self.sel).cancel();
    }
}

fn lock(mutex: &Mutex<Series>) -> MutexGuard<'_, Series> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_the_repository_share_it_until_it_changes_or_is_one_clients() {
        let reservations = Reservations::default();
        assert!(!reservations.holds_sdr(0, 0));
        let (a, b) = (reservations.reserve_sdr(1), reservations.reserve_sdr(1));
        assert!(a != b && reservations.holds_sdr(a, 1) && reservations.holds_sdr(b, 1));
        assert!(!reservations.holds_sdr(a, 2));
        let c = reservations.reserve_sdr(2);
        assert!(reservations.holds_sdr(c, 2) && !reservations.holds_sdr(b, 2));
        reservations.cancel_sdr();
        let d = reservations.reserve_sdr(2);
        assert!(reservations.holds_sdr(d, 2) && !reservations.holds_sdr(c, 2));
    }

    #[test]
    fn the_last_one_to_reserve_the_log_has_it_until_it_is_erased() {
        let reservations = Reservations::default();
        let (a, b) = (reservations.reserve_sel(7), reservations.reserve_sel(7));
        assert!(!reservations.holds_sel(a, 7) && reservations.holds_sel(b, 7));
        assert!(!reservations.holds_sel(b, 8), "erased by other means");
        reservations.cancel_sel();
        assert!(!reservations.holds_sel(b, 7));
        let c = reservations.reserve_sel(7);
        assert!(c != b && reservations.holds_sel(c, 7));
    }

    #[test]
    fn numbers_that_run_out_begin_again_without_zero() {
        let reservations = Reservations::default();
        for _ in 0..=u32::from(u16::MAX) {
            assert_ne!(reservations.reserve_sdr(1), 0);
        }
        let id = reservations.reserve_sdr(1);
        assert!(reservations.holds_sdr(id, 1));
    }

    #[test]
    fn a_reservation_with_the_last_number_is_cancelled_like_any_other() {
        let reservations = Reservations::default();
        let ids: Vec<_> = (0..u16::MAX).map(|_| reservations.reserve_sel(7)).collect();
        assert_eq!(ids.last(), Some(&u16::MAX));
        reservations.cancel_sel();
        assert!(!reservations.holds_sel(u16::MAX, 7) && !reservations.holds_sel(0, 7));
    }
}
