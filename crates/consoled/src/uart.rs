//! The UART: open while it is there, opened again when it comes back.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bmc_hw::serial::{Marks, Port, SerialError, appearance::Appearance, lpc};
use tokio::sync::mpsc;

use crate::{
    config::Settings,
    console::{Console, Input, Refusal},
    gather::Gather,
};

/// How long a device that is not there is waited for before it is looked for all the same.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Bytes that are read at once; a UART's own buffer is far smaller.
const READ: usize = 4096;

/// Moves bytes between the UART and `console` for ever.
pub(crate) async fn run(
    settings: Settings,
    sysfs: std::path::PathBuf,
    console: Arc<Console>,
    mut input: mpsc::Receiver<Input>,
) {
    // A rate that was asked for over the bus holds when the UART comes back.
    let mut baud = settings.baud;
    loop {
        let port = tokio::select! {
            port = appear(&settings, &sysfs, baud) => port,
            () = refuse(&mut input) => return,
        };
        console.set_uart(|uart| {
            uart.present = true;
            uart.baud = port.baud().unwrap_or_default();
        });
        tracing::info!(tty = %settings.tty.display(), baud = console.uart().borrow().baud, "the UART is open");
        let ended = tokio::select! {
            ended = read(&port, &console) => ended,
            ended = write(&port, &console, &mut input, &mut baud) => ended,
            () = show_carrier(&port, &console) => Ok(()),
        };
        console.set_uart(|uart| uart.present = false);
        match ended {
            Ok(()) => return,
            Err(error) => tracing::warn!("{} is gone ({error}); waiting for it", settings.tty.display()),
        }
    }
}

/// Waits until the UART is there, and opens it.
async fn appear(settings: &Settings, sysfs: &Path, baud: Option<u32>) -> Port {
    let mut reported = String::new();
    loop {
        // Before the look: what appears after it is told of.
        let appearance = Appearance::watch(&settings.tty);
        match open(settings, sysfs, baud) {
            Ok(port) => return port,
            Err(error) => {
                let reason = error.to_string();
                if reported != reason {
                    tracing::warn!("{reason}; waiting for it");
                    reported = reason;
                }
            }
        }
        let happened = async {
            match &appearance {
                Ok(appearance) => appearance.happened().await,
                Err(_) => std::future::pending().await,
            }
        };
        let _ = tokio::time::timeout(LOOK_AGAIN, happened).await;
    }
}

fn open(settings: &Settings, sysfs: &Path, baud: Option<u32>) -> Result<Port, SerialError> {
    let port = Port::open(&settings.tty, baud, settings.flow_control)?;
    // What the host sees of it may be set by the firmware's device tree as well: the console works without.
    let set_up = lpc::set_up_vuart(sysfs, &settings.tty, &settings.vuart)
        .and_then(|()| lpc::route(sysfs, &settings.routes));
    if let Err(error) = set_up {
        tracing::error!("{error}");
    }
    Ok(port)
}

/// What is typed while there is no UART goes nowhere: it would reach a host that has another question by then.
async fn refuse(input: &mut mpsc::Receiver<Input>) {
    while let Some(input) = input.recv().await {
        if let Input::Break(done) | Input::Baud(_, done) = input {
            let _ = done.send(Err(Refusal::Absent));
        }
    }
}

async fn read(port: &Port, console: &Console) -> io::Result<()> {
    let (mut marks, mut data) = (Marks::default(), Vec::with_capacity(READ));
    let (mut buffer, mut gather) = ([0; READ], Gather::new(Instant::now()));
    loop {
        let length = port.read(&mut buffer).await?;
        data.clear();
        let breaks = marks.take(buffer.get(..length).unwrap_or_default(), &mut data);
        if !data.is_empty() {
            console.output(&data);
        }
        for _ in 0..breaks {
            console.host_break();
        }
        if let Some(next) = gather.read(Instant::now(), length) {
            tokio::time::sleep_until(next.into()).await;
        }
    }
}

/// Keeps DTR as the carrier is; opening the port asserted it.
async fn show_carrier(port: &Port, console: &Console) {
    let (mut carrier, mut told) = (console.carrier.level(), false);
    loop {
        match port.set_dtr(carrier.asserted()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                if !std::mem::replace(&mut told, true) {
                    tracing::debug!("the UART has no DTR: the host does not see the carrier");
                }
            }
            // A port that is gone ends the reading as well.
            Err(error) => tracing::warn!("the UART does not drive DTR: {error}"),
        }
        carrier.changed().await;
    }
}

async fn write(
    port: &Port,
    console: &Console,
    input: &mut mpsc::Receiver<Input>,
    baud: &mut Option<u32>,
) -> io::Result<()> {
    while let Some(message) = input.recv().await {
        match message {
            Input::Bytes(bytes) => port.write_all(&bytes).await?,
            // Who asked may have gone.
            Input::Break(done) => _ = done.send(port.send_break().await.map_err(refused)),
            Input::Baud(rate, done) => {
                let changed = port.set_baud(rate);
                if changed.is_ok() {
                    *baud = Some(rate);
                    console.set_uart(|uart| uart.baud = rate);
                }
                let _ = done.send(changed.map_err(refused));
            }
        }
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn refused(error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::TimedOut => Refusal::HeldUp,
        _ => Refusal::Refused(error.to_string()),
    }
}
