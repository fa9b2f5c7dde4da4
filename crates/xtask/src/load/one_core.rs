//! Client and servers on one core, as all is on an AST2500. What a request costs shows there alone: where client and server are on two,
//! each wakes the other across them, and on a virtual machine those wakes are most of a round trip.

use std::{fs, io};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use super::usage::Processes;

/// Threads that are held on one core until this is dropped, and where each may be afterwards.
pub(crate) struct OneCore {
    before: Vec<(Pid, CpuSet)>,
}

impl OneCore {
    /// Holds the threads of `servers`, and whatever this thread starts from now on.
    ///
    /// # Errors
    /// Where a process has ended, or is not ours.
    pub(crate) fn hold(servers: &Processes) -> anyhow::Result<Self> {
        let ours = Pid::from_raw(0);
        let allowed = sched_getaffinity(ours)?;
        let first = (0..CpuSet::count()).find(|core| allowed.is_set(*core).unwrap_or(false));
        let mut core = CpuSet::new();
        core.set(first.context("no processor may be used")?)?;
        let mut held = Self { before: Vec::new() };
        held.take(ours, &core)?;
        for (name, pid) in servers {
            for thread in threads(*pid).with_context(|| format!("{name}, process {pid}"))? {
                held.take(thread, &core)?;
            }
        }
        Ok(held)
    }

    fn take(&mut self, thread: Pid, core: &CpuSet) -> anyhow::Result<()> {
        match sched_getaffinity(thread).and_then(|all| sched_setaffinity(thread, core).map(|()| all)) {
            Ok(all) => self.before.push((thread, all)),
            // It ended meanwhile.
            Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot hold thread {thread}")),
        }
        Ok(())
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        for (thread, all) in &self.before {
            // Whoever has ended needs none.
            let _ = sched_setaffinity(*thread, all);
        }
    }
}

fn threads(pid: u32) -> io::Result<Vec<Pid>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        threads.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw));
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_on_one_core_and_afterwards_where_it_was() {
        let count = |pid| {
            let set = sched_getaffinity(pid).unwrap();
            (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap()).count()
        };
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (own, other) = (Pid::from_raw(0), Pid::from_raw(i32::try_from(child.id()).unwrap()));
        let before = (count(own), count(other));
        let held = OneCore::hold(&Processes::from([("sleep".to_owned(), child.id())])).unwrap();
        assert_eq!((count(own), count(other)), (1, 1));
        drop(held);
        assert_eq!((count(own), count(other)), before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
