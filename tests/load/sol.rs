//! Serial over LAN on a simulated host.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use system_tests::remote_console::{HostShell, Login, Session};

/// A packet that is not acknowledged is sent again after this; on loopback none is lost.
const RETRY: Duration = Duration::from_millis(500);

/// Less than a console keeps for a reader that is slower than the host.
const BURST: usize = 96 * 1024;

/// Between two keys, so that each is pressed on an idle line.
const THINKING: Duration = Duration::from_millis(40);

/// How long the host may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much came how fast.
#[derive(Debug, Serialize)]
pub(crate) struct Throughput {
    what: &'static str,
    clients: usize,
    bytes: usize,
    seconds: f64,
    bytes_per_second: f64,
}

impl Throughput {
    #[allow(clippy::cast_precision_loss, reason = "a count of bytes is far below 2^52")]
    fn new(what: &'static str, clients: usize, bytes: usize, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self { what, clients, bytes, seconds, bytes_per_second: bytes as f64 / seconds }
    }

    /// Prints one line.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        let Self { what, clients, bytes, seconds, bytes_per_second } = self;
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            println!(
                "{what}: {bytes} bytes to {clients} client(s) in {seconds:.2} s, {bytes_per_second:.0} bytes/s each"
            );
        }
        Ok(())
    }
}

fn attach(login: &Login, instance: u8) -> Result<HostShell> {
    HostShell::attach(Session::open(login)?, instance, RETRY)
}

/// The host prints at least `count` bytes as fast as one client takes them.
pub(crate) fn output(login: &Login, count: usize) -> Result<Throughput> {
    let mut shell = attach(login, 1)?;
    shell.prompt()?;
    let bursts = count.div_ceil(BURST);
    let start = Instant::now();
    for _ in 0..bursts {
        shell.burst(BURST)?;
    }
    let elapsed = start.elapsed();
    ensure!(shell.client.counts.overruns == 0, "bytes were lost: {:?}", shell.client.counts);
    shell.detach()?;
    Ok(Throughput::new("SOL output", 1, bursts * BURST, elapsed))
}

/// Presses `count` keys, one after the other; how long each took to be seen.
pub(crate) fn keys(login: &Login, count: usize) -> Result<Vec<Duration>> {
    // A letter, and its erasure with what that shows.
    const KEYS: [(&str, &str); 2] = [("x", "x"), ("\x7f", "\x08 \x08")];
    let mut shell = attach(login, 1)?;
    shell.prompt()?;
    let mut latencies = Vec::with_capacity(count);
    for (key, echo) in KEYS.iter().cycle().take(count) {
        sleep(THINKING);
        let start = Instant::now();
        shell.client.write(key.as_bytes());
        let shown = shell.client.run(PATIENCE, |client| client.received().ends_with(echo.as_bytes()))?;
        ensure!(shown, "the host does not echo");
        latencies.push(start.elapsed());
        shell.client.take_received();
    }
    shell.detach()?;
    Ok(latencies)
}

/// The host prints `count` bytes, and as many clients watch as there are instances up to `clients`.
pub(crate) fn watchers(login: &Login, clients: usize, count: usize) -> Result<Throughput> {
    let instances = u8::try_from(clients).context("too many clients")?;
    let mut shells = (1..=instances).map(|instance| attach(login, instance)).collect::<Result<Vec<_>>>()?;
    let first = shells.first_mut().context("no clients")?;
    first.prompt()?;
    first.keys(format!("burst {count}\r"))?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let watch = |mut shell: HostShell| {
            // The prompt behind the burst, of which there are none in it.
            let whole = |client: &system_tests::remote_console::SolClient| {
                client.received().len() >= count && client.received().ends_with(b"# ")
            };
            ensure!(shell.client.run(PATIENCE, whole)?, "{} bytes came", shell.client.received().len());
            ensure!(shell.client.counts.overruns == 0, "bytes were lost: {:?}", shell.client.counts);
            shell.detach()
        };
        let threads: Vec<_> = shells.into_iter().map(|shell| scope.spawn(move || watch(shell))).collect();
        for thread in threads {
            thread.join().ok().context("a thread ended early")??;
        }
        anyhow::Ok(())
    })?;
    Ok(Throughput::new("SOL watchers", clients, count, start.elapsed()))
}
