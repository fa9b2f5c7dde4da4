//! The host's side of a UART: a VUART's address and interrupt on the LPC or eSPI bus, and Aspeed's routing between UARTs and pins.
//! All of it is files of sysfs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the host sees of a VUART.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vuart {
    /// Its I/O address, 3F8h for COM1.
    pub lpc_address: Option<u16>,
    /// Its serial interrupt, 0 to 16.
    pub sirq: Option<u8>,
    /// 0 active low, 1 active high.
    pub sirq_polarity: Option<u8>,
}

/// One connection of the UART router: what `sink` (`uart1`, `io3`) listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// An output of the router, which begins with `io` or `uart`.
    pub sink: String,
    /// An input of the router.
    pub source: String,
}

/// A file of sysfs that did not take a value.
#[derive(Debug, thiserror::Error)]
pub enum LpcError {
    /// The kernel refuses.
    #[error("cannot write {value} to {path}: {source}")]
    Refused {
        /// The attribute.
        path: PathBuf,
        /// What was written.
        value: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No such device.
    #[error(
        "{0} is no VUART: it has no lpc_address\nhint: leave out lpc-address and sirq for a UART of the board"
    )]
    NoVuart(PathBuf),
    /// The board has no router, or several.
    #[error("{0} UART routers, where the routing needs one")]
    Routers(usize),
}

/// Sets up the VUART behind `tty` (its device file), in the sysfs at `sysfs`. Nothing to set is always fine.
///
/// # Errors
/// [`LpcError`].
pub fn set_up_vuart(sysfs: &Path, tty: &Path, vuart: &Vuart) -> Result<(), LpcError> {
    if *vuart == Vuart::default() {
        return Ok(());
    }
    let device = vuart_device(sysfs, tty).ok_or_else(|| LpcError::NoVuart(tty.to_owned()))?;
    let number = |value: Option<u8>| value.map(|value| format!("{value}"));
    // The address last: with it the host finds the device.
    for (attribute, value) in [
        ("sirq", number(vuart.sirq)),
        ("sirq_polarity", number(vuart.sirq_polarity)),
        ("lpc_address", vuart.lpc_address.map(|address| format!("{address:#x}"))),
    ] {
        if let Some(value) = value {
            write(device.join(attribute), value)?;
        }
    }
    Ok(())
}

/// Connects UARTs and pins.
///
/// # Errors
/// [`LpcError`].
pub fn route(sysfs: &Path, routes: &[Route]) -> Result<(), LpcError> {
    if routes.is_empty() {
        return Ok(());
    }
    let driver = sysfs.join("bus/platform/drivers/aspeed-uart-routing");
    let entries = fs::read_dir(driver).into_iter().flatten().flatten().map(|entry| entry.path());
    let routers =
        entries.filter(|path| path.to_string_lossy().ends_with(".uart-routing")).collect::<Vec<_>>();
    let [router] = routers.as_slice() else { return Err(LpcError::Routers(routers.len())) };
    routes.iter().try_for_each(|route| write(router.join(&route.sink), route.source.clone()))
}

/// The platform device of a VUART. From Linux 6.8 on two more directories stand between it and the tty.
fn vuart_device(sysfs: &Path, tty: &Path) -> Option<PathBuf> {
    let real = tty.canonicalize().ok()?;
    let class = sysfs.join("class/tty").join(real.file_name()?).canonicalize().ok()?;
    class.ancestors().skip(2).take(3).find(|path| path.join("lpc_address").exists()).map(Path::to_owned)
}

fn write(path: PathBuf, value: String) -> Result<(), LpcError> {
    // Not made where it is missing: a misspelt sink is an error.
    let opened = fs::OpenOptions::new().write(true).open(&path);
    match opened.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes())) {
        Ok(()) => Ok(()),
        Err(source) => Err(LpcError::Refused { path, value, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A sysfs as Linux 6.8 lays it out (`deep`) or as those before.
    fn sysfs(deep: bool) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("devices/platform/ahb/1e787000.serial");
        let between = if deep { "1e787000.serial:0/1e787000.serial:0.0/tty/ttyS5" } else { "tty/ttyS5" };
        fs::create_dir_all(device.join(between)).unwrap();
        fs::create_dir_all(dir.path().join("class/tty")).unwrap();
        symlink(device.join(between), dir.path().join("class/tty/ttyS5")).unwrap();
        fs::create_dir_all(dir.path().join("dev")).unwrap();
        fs::write(dir.path().join("dev/ttyS5"), "").unwrap();
        symlink("ttyS5", dir.path().join("dev/ttyVUART0")).unwrap();
        (dir, device)
    }

    #[test]
    fn a_vuart_gets_its_address_and_interrupt_under_either_kernels_layout() {
        let vuart = Vuart { lpc_address: Some(0x3f8), sirq: Some(4), sirq_polarity: Some(1) };
        for deep in [false, true] {
            let (dir, device) = sysfs(deep);
            for attribute in ["lpc_address", "sirq", "sirq_polarity"] {
                fs::write(device.join(attribute), "").unwrap();
            }
            set_up_vuart(dir.path(), &dir.path().join("dev/ttyVUART0"), &vuart).unwrap();
            let read = |attribute| fs::read_to_string(device.join(attribute)).unwrap();
            assert_eq!(
                (read("lpc_address"), read("sirq"), read("sirq_polarity")),
                ("0x3f8".into(), "4".into(), "1".into())
            );
        }
    }

    #[test]
    fn a_uart_of_the_board_is_no_vuart_and_needs_no_setting() {
        let (dir, _) = sysfs(true);
        let tty = dir.path().join("dev/ttyVUART0");
        let vuart = Vuart { sirq: Some(4), ..Vuart::default() };
        assert!(matches!(set_up_vuart(dir.path(), &tty, &vuart), Err(LpcError::NoVuart(_))));
        set_up_vuart(dir.path(), &tty, &Vuart::default()).unwrap();
    }

    #[test]
    fn routes_are_written_to_the_one_router_and_a_sink_that_it_lacks_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let router = dir.path().join("bus/platform/drivers/aspeed-uart-routing/1e789098.uart-routing");
        let route_to = |sink: &str| Route { sink: sink.to_owned(), source: "io1".to_owned() };
        assert!(matches!(route(dir.path(), &[route_to("uart1")]), Err(LpcError::Routers(0))));
        fs::create_dir_all(&router).unwrap();
        fs::write(router.join("uart1"), "").unwrap();
        route(dir.path(), &[route_to("uart1")]).unwrap();
        assert_eq!(fs::read_to_string(router.join("uart1")).unwrap(), "io1");
        assert!(matches!(route(dir.path(), &[route_to("uart9")]), Err(LpcError::Refused { .. })));
    }
}
