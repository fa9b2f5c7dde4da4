//! A pty is the port.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::unix::ffi::OsStringExt as _,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

/// The far end, and the path of the port.
fn pty() -> (File, PathBuf) {
    let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    let path = ptsname(&far, Vec::new()).unwrap().into_bytes();
    (File::from(far), PathBuf::from(std::ffi::OsString::from_vec(path)))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn every_byte_comes_through_both_ways_as_it_is() {
    let (mut far, path) = pty();
    block_on(async {
        let port = Port::open(&path, Some(115_200), FlowControl::None).unwrap();
        let all: Vec<u8> = (0..=255).collect();
        port.write_all(&all).await.unwrap();
        let mut there = [0; 256];
        far.read_exact(&mut there).unwrap();
        assert_eq!(there.to_vec(), all);
        far.write_all(&all).unwrap();
        let (mut marks, mut back) = (Marks::default(), Vec::new());
        while back.len() < all.len() {
            let mut buffer = [0; 64];
            let length = port.read(&mut buffer).await.unwrap();
            assert_eq!(marks.take(&buffer[..length], &mut back), 0);
        }
        assert_eq!(back, all);
    });
}

#[test]
fn the_rate_is_what_was_set_and_none_is_refused() {
    let (_far, path) = pty();
    block_on(async {
        let port = Port::open(&path, Some(57_600), FlowControl::Hardware).unwrap();
        assert_eq!(port.baud().unwrap(), 57_600);
        port.set_baud(1_500_000).unwrap();
        assert_eq!(port.baud().unwrap(), 1_500_000);
        assert!(port.set_baud(0).is_err());
    });
}

#[test]
fn a_port_is_opened_once() {
    let (_far, path) = pty();
    block_on(async {
        let first = Port::open(&path, None, FlowControl::None).unwrap();
        assert!(matches!(Port::open(&path, None, FlowControl::None), Err(SerialError::InUse { .. })));
        drop(first);
        Port::open(&path, None, FlowControl::None).unwrap();
    });
}

#[test]
fn what_is_no_serial_port_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Port::open(file.path(), None, FlowControl::None).unwrap_err().to_string();
    assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
}

#[test]
fn a_break_on_a_pty_is_a_nul_at_a_rate_far_too_low() {
    let (mut far, path) = pty();
    block_on(async {
        let port = Port::open(&path, Some(115_200), FlowControl::None).unwrap();
        let sender = port.send_break();
        let reader = tokio::task::spawn_blocking(move || {
            let mut byte = [9];
            far.read_exact(&mut byte).unwrap();
            (byte[0], rustix::termios::tcgetattr(&far).unwrap().output_speed(), far)
        });
        let (sent, read) = tokio::join!(sender, reader);
        sent.unwrap();
        let (byte, baud, _far) = read.unwrap();
        assert_eq!((byte, baud), (0, 50));
        assert_eq!(port.baud().unwrap(), 115_200);
    });
}

#[test]
fn a_pty_says_that_it_has_no_modem_lines() {
    let (_far, path) = pty();
    block_on(async {
        let port = Port::open(&path, None, FlowControl::None).unwrap();
        for asserted in [false, true] {
            assert_eq!(port.set_dtr(asserted).unwrap_err().kind(), std::io::ErrorKind::Unsupported);
        }
    });
}

#[test]
fn a_port_that_vanishes_ends_the_read_that_waits() {
    let (far, path) = pty();
    block_on(async {
        let port = Port::open(&path, None, FlowControl::None).unwrap();
        let mut buffer = [0; 16];
        let (read, ()) = tokio::join!(port.read(&mut buffer), async { drop(far) });
        assert!(read.is_err());
    });
}

#[test]
fn a_device_that_appears_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let path = dir.path().join("ttyVUART0");
        let appearance = appearance::Appearance::watch(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        appearance.happened().await.unwrap();
    });
}
