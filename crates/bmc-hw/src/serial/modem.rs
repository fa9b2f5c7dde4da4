//! The modem control lines of a UART: two ioctls of tty_ioctl(4), each with a pointer to the bits to change.

#![allow(unsafe_code, reason = "rustix has no safe call for the modem lines; each ioctl reads one integer")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _},
};

use nix::libc::{TIOCM_DTR, c_int};

mod raw {
    use nix::libc::{TIOCMBIC, TIOCMBIS, c_int};

    nix::ioctl_write_ptr_bad!(set_bits, TIOCMBIS, c_int);
    nix::ioctl_write_ptr_bad!(clear_bits, TIOCMBIC, c_int);
}

/// Asserts DTR, or deasserts it.
pub(super) fn set_dtr(port: &impl AsFd, asserted: bool) -> io::Result<()> {
    let (port, bits): (_, c_int) = (port.as_fd().as_raw_fd(), TIOCM_DTR);
    // SAFETY: the descriptor is open for as long as `port` is borrowed, and the kernel reads `bits`, which outlives the call.
    unsafe { if asserted { raw::set_bits(port, &bits) } else { raw::clear_bits(port, &bits) } }?;
    Ok(())
}
