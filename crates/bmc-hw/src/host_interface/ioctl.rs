//! The three ioctls of the kernel's BMC drivers (`linux/ipmi_bmc.h`, `linux/bt-bmc.h`). None takes an argument.

#![allow(
    unsafe_code,
    reason = "an ioctl is what the drivers offer; without an argument it touches no memory of ours"
)]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _},
};

/// Both headers use it.
const MAGIC: u8 = 0xB1;

mod raw {
    use super::MAGIC;

    nix::ioctl_none!(set_sms_atn, MAGIC, 0x00);
    nix::ioctl_none!(clear_sms_atn, MAGIC, 0x01);
    nix::ioctl_none!(force_abort, MAGIC, 0x02);
}

/// Sets the SMS attention bit: `IPMI_BMC_IOCTL_SET_SMS_ATN`, and BT's `BT_BMC_IOCTL_SMS_ATN`, which is the same number.
pub(super) fn set_sms_attention(device: &impl AsFd) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `device` is borrowed, and the call has no argument.
    unsafe { raw::set_sms_atn(device.as_fd().as_raw_fd()) }?;
    Ok(())
}

/// Clears it: `IPMI_BMC_IOCTL_CLEAR_SMS_ATN`.
pub(super) fn clear_sms_attention(device: &impl AsFd) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { raw::clear_sms_atn(device.as_fd().as_raw_fd()) }?;
    Ok(())
}

/// Puts the interface into its error state: `IPMI_BMC_IOCTL_FORCE_ABORT`.
pub(super) fn force_abort(device: &impl AsFd) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { raw::force_abort(device.as_fd().as_raw_fd()) }?;
    Ok(())
}
