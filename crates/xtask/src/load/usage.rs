//! What processes use, from `/proc`.

use std::{collections::BTreeMap, fs, io, path::Path};

use anyhow::Context as _;

/// Process id by name.
pub(crate) type Processes = BTreeMap<String, u32>;

/// Proportional set size of a process in KiB: what is shared counts in equal parts for all who share it.
///
/// # Errors
/// Where it has ended, or is not ours.
pub(crate) fn pss_kib(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    number_after(&text, "Pss:").context("smaps_rollup has no Pss")
}

/// [`pss_kib`] of each process.
///
/// # Errors
/// The first that could not be read.
pub(crate) fn pss_of(processes: &Processes) -> anyhow::Result<BTreeMap<String, u64>> {
    processes.iter().map(|(name, pid)| Ok((name.clone(), pss_kib(*pid)?))).collect()
}

/// Resident memory of each process in KiB, what is shared counted in full.
///
/// # Errors
/// The first that could not be read.
pub(crate) fn rss_of(processes: &Processes) -> anyhow::Result<BTreeMap<String, u64>> {
    let of = |pid: u32| -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        number_after(&text, "Rss:").context("smaps_rollup has no Rss")
    };
    processes.iter().map(|(name, pid)| Ok((name.clone(), of(*pid)?))).collect()
}

/// Memory of each process that no file backs, in KiB: its heap and stacks, which is where a leak would show.
///
/// # Errors
/// The first that could not be read.
pub(crate) fn anonymous_of(processes: &Processes) -> anyhow::Result<BTreeMap<String, u64>> {
    let of = |pid: u32| -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        number_after(&text, "Pss_Anon:").context("smaps_rollup has no Pss_Anon")
    };
    processes.iter().map(|(name, pid)| Ok((name.clone(), of(*pid)?))).collect()
}

/// Processor time of all threads of each process in nanoseconds. `schedstat` is exact where `stat` counts ticks of 10 ms.
///
/// # Errors
/// The first that could not be read.
pub(crate) fn cpu_ns(processes: &Processes) -> anyhow::Result<BTreeMap<String, u64>> {
    let of = |pid: u32| -> anyhow::Result<u64> {
        let mut total = 0;
        for text in of_threads(pid, "schedstat")? {
            total += text.split_ascii_whitespace().next().context("an empty schedstat")?.parse::<u64>()?;
        }
        Ok(total)
    };
    processes.iter().map(|(name, pid)| Ok((name.clone(), of(*pid)?))).collect()
}

/// How often all threads of each process have waited for something, which is how often they were woken.
///
/// # Errors
/// The first that could not be read.
pub(crate) fn wakeups(processes: &Processes) -> anyhow::Result<BTreeMap<String, u64>> {
    let of = |pid: u32| -> anyhow::Result<u64> {
        let mut total = 0;
        for text in of_threads(pid, "status")? {
            total +=
                number_after(&text, "\nvoluntary_ctxt_switches:").context("status counts no switches")?;
        }
        Ok(total)
    };
    processes.iter().map(|(name, pid)| Ok((name.clone(), of(*pid)?))).collect()
}

/// By how much each value has grown.
pub(crate) fn growth(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let since = |name: &String| before.get(name).copied().unwrap_or(0);
    after.iter().map(|(name, value)| (name.clone(), value.saturating_sub(since(name)))).collect()
}

/// Lines in all files of a directory.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn lines_in(directory: &Path) -> io::Result<usize> {
    let mut lines = 0;
    for entry in fs::read_dir(directory)? {
        lines += fs::read(entry?.path())?.iter().filter(|byte| **byte == b'\n').count();
    }
    Ok(lines)
}

/// A file of each thread. One that ends meanwhile has none any more, which is no error of the process'.
fn of_threads(pid: u32, file: &str) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid}"))? {
        match fs::read_to_string(entry?.path().join(file)) {
            Ok(text) => texts.push(text),
            Err(error) if has_ended(&error) => {}
            Err(error) => return Err(error).with_context(|| format!("{file} of process {pid}")),
        }
    }
    Ok(texts)
}

fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    text.split_once(label)?.1.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_processor() {
        let us = Processes::from([("us".to_owned(), std::process::id())]);
        assert!(pss_of(&us).unwrap()["us"] > 100);
        assert!(rss_of(&us).unwrap()["us"] >= pss_of(&us).unwrap()["us"]);
        assert!(anonymous_of(&us).unwrap()["us"] > 10);
        assert!(cpu_ns(&us).unwrap()["us"] > 1000);
        assert!(wakeups(&us).is_ok());
    }

    #[test]
    fn growth_is_per_name_and_never_negative() {
        let map = |values: [(&str, u64); 2]| values.map(|(name, value)| (name.to_owned(), value)).into();
        let grown = growth(&map([("a", 5), ("b", 9)]), &map([("a", 8), ("b", 7)]));
        assert_eq!(grown, map([("a", 3), ("b", 0)]));
    }
}
