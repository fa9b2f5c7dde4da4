//! IPMI messages as they travel over LAN (v2.0§13.8, figure 13-4).
//!
//! ```text
//! | to | NetFn, to's LUN | checksum | from | sequence, from's LUN | command | data ... | checksum
//! ```
//! A request goes from a requester (a client's software ID, 81h) to a responder (the BMC's address, 20h), a response back. In a response
//! the data begin with the completion code.

use crate::{FrameError, Lun, NetFn, frame_error::array};

/// The BMC's slave address, where requests go to.
pub const BMC: u8 = 0x20;

/// The software ID of a remote console, where requests of the BMC go to.
pub const REMOTE_CONSOLE: u8 = 0x81;

/// An IPMI message of a LAN channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanMessage<'a> {
    /// Slave address or software ID of the receiver.
    pub to: u8,
    /// The LUN at the receiver.
    pub to_lun: Lun,
    /// The network function; odd in a response.
    pub net_fn: NetFn,
    /// Slave address or software ID of the sender.
    pub from: u8,
    /// The LUN at the sender.
    pub from_lun: Lun,
    /// The requester's sequence number, six bits; a response repeats it.
    pub sequence: u8,
    /// The command number.
    pub command: u8,
    /// The data; in a response beginning with the completion code.
    pub data: &'a [u8],
}

impl<'a> LanMessage<'a> {
    /// Bytes that a message has beside its data.
    pub const OVERHEAD: usize = 7;

    /// Reads a message.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] for fewer than seven bytes; [`FrameError::Checksum`] where one of the two is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = bytes;
        let [to, function, head_checksum] = array(&mut rest)?;
        let [body @ .., tail_checksum] = rest else { return Err(FrameError::Truncated) };
        let mut data = body;
        let [from, sequence, command] = array(&mut data)?;
        if checksum(&[to, function]) != head_checksum || checksum(body) != *tail_checksum {
            return Err(FrameError::Checksum);
        }
        let (net_fn, to_lun) = function_and_lun(function)?;
        let (sequence, from_lun) = (sequence >> 2, lun(sequence)?);
        Ok(Self { to, to_lun, net_fn, from, from_lun, sequence, command, data })
    }

    /// Appends the message to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let head = [self.to, (self.net_fn.value() << 2) | self.to_lun.value()];
        out.extend(head);
        out.push(checksum(&head));
        let body = out.len();
        out.extend([self.from, (self.sequence << 2) | self.from_lun.value(), self.command]);
        out.extend(self.data);
        let sum = checksum(out.get(body..).unwrap_or_default());
        out.push(sum);
    }

    /// Whether it goes to the host's software: by its software ID, or by the BMC's LUN of the receive message queue (v2.0§6.13).
    pub fn is_to_host(&self) -> bool {
        is_system_software(self.to) || (self.to, self.to_lun) == (BMC, Lun::SMS)
    }

    /// Whether the host's software is its sender, so that a response finds back to it.
    pub fn is_from_host(&self) -> bool {
        is_system_software(self.from) || (self.from, self.from_lun) == (BMC, Lun::SMS)
    }

    /// The response to this request that carries `data`, completion code first.
    pub fn response<'d>(&self, data: &'d [u8]) -> LanMessage<'d> {
        LanMessage {
            to: self.from,
            to_lun: self.from_lun,
            net_fn: self.net_fn.response(),
            from: self.to,
            from_lun: self.to_lun,
            sequence: self.sequence,
            command: self.command,
            data,
        }
    }
}

/// Whether an address is a software ID of system management software (v2.0§5.5, table 5-4).
const fn is_system_software(address: u8) -> bool {
    matches!(address, 0x41..=0x5F) && address & 1 == 1
}

/// The byte that makes the sum of `bytes` and itself zero (v2.0§13.8).
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

fn function_and_lun(byte: u8) -> Result<(NetFn, Lun), FrameError> {
    Ok((NetFn::new(byte >> 2).ok_or(FrameError::Format)?, lun(byte)?))
}

fn lun(byte: u8) -> Result<Lun, FrameError> {
    Lun::new(byte & 3).ok_or(FrameError::Format)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn emitted(message: &LanMessage<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        bytes
    }

    const GET_DEVICE_ID: LanMessage<'static> = LanMessage {
        to: BMC,
        to_lun: Lun::BMC,
        net_fn: NetFn::APP,
        from: 0x81,
        from_lun: Lun::BMC,
        sequence: 1,
        command: 1,
        data: &[],
    };

    #[test]
    fn a_request_has_the_specified_bytes() {
        assert_eq!(emitted(&GET_DEVICE_ID), [0x20, 0x18, 0xC8, 0x81, 0x04, 0x01, 0x7A]);
    }

    #[test]
    fn a_response_goes_back_where_the_request_came_from() {
        let response = GET_DEVICE_ID.response(&[0xC1]);
        assert_eq!((response.to, response.from), (0x81, BMC));
        assert_eq!((response.net_fn.value(), response.sequence, response.command), (7, 1, 1));
    }

    #[test]
    fn the_hosts_software_has_ids_and_a_lun_of_the_bmcs() {
        let to = |to, to_lun| LanMessage { to, to_lun, ..GET_DEVICE_ID }.is_to_host();
        assert_eq!((to(BMC, Lun::SMS), to(0x41, Lun::BMC), to(0x5F, Lun::BMC)), (true, true, true));
        assert_eq!((to(BMC, Lun::BMC), to(0x42, Lun::SMS), to(0x61, Lun::BMC)), (false, false, false));
        let from = |from, from_lun| LanMessage { from, from_lun, ..GET_DEVICE_ID }.is_from_host();
        assert_eq!((from(BMC, Lun::SMS), from(0x41, Lun::BMC), from(BMC, Lun::BMC)), (true, true, false));
    }

    #[test]
    fn one_wrong_byte_anywhere_is_a_checksum_error() {
        let good = emitted(&LanMessage { data: &[1, 2, 3], ..GET_DEVICE_ID });
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(LanMessage::parse(&bad), Err(FrameError::Checksum), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn messages_read_back(
            (to, from, command) in any::<(u8, u8, u8)>(),
            (to_lun, from_lun, net_fn, sequence) in (0u8..4, 0u8..4, 0u8..64, 0u8..64),
            data in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let message = LanMessage {
                to, from, command, sequence, data: &data,
                to_lun: Lun::new(to_lun).unwrap(),
                from_lun: Lun::new(from_lun).unwrap(),
                net_fn: NetFn::new(net_fn).unwrap(),
            };
            let bytes = emitted(&message);
            prop_assert_eq!(LanMessage::parse(&bytes), Ok(message));
        }

        #[test]
        fn any_input_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = LanMessage::parse(&bytes);
        }
    }
}
