//! Packets of Serial over LAN (v2.0§15.9, table 15-2).
//!
//! ```text
//! | sequence (4 bits) | acknowledged sequence (4 bits) | accepted characters | operation or status | characters ...
//! ```
//! Both directions have the same form; the fourth byte is an [`Operation`] from the console, a [`Status`] from the BMC.

use std::ops::BitOr;

use crate::{FrameError, NetFn};

/// Bytes before the characters.
pub const HEADER: usize = 4;

/// The most characters that one packet can carry: the count of accepted ones has eight bits.
pub const MAX_CHARACTERS: usize = 255;

/// SOL Activating (v2.0§26.1): the BMC tells a remote console that another's SOL takes over what it had of the host's serial port.
/// It is a request of the BMC's, to which no response is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolActivating {
    /// Payload instance, 1 to 15.
    pub instance: u8,
}

impl SolActivating {
    /// The network function.
    pub const NET_FN: NetFn = NetFn::TRANSPORT;
    /// The command number.
    pub const CMD: u8 = 0x20;
    /// Session state "activating", in the low four bits.
    const STATE: u8 = 0;
    /// The format of SOL's packets, major and minor.
    const FORMAT: [u8; 2] = [1, 0];

    /// The request's data.
    pub fn to_bytes(self) -> [u8; 4] {
        let [major, minor] = Self::FORMAT;
        [Self::STATE, self.instance, major, minor]
    }
}

/// The number of a packet with characters, 1 to 15 and round again. Packets without such a number (0 on the wire) are informational:
/// acknowledgements and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sequence(u8);

impl Sequence {
    /// The number of the first packet.
    pub const FIRST: Self = Self(1);

    /// From the four bits on the wire; `None` for 0.
    pub const fn new(bits: u8) -> Option<Self> {
        match bits & 0x0F {
            0 => None,
            value => Some(Self(value)),
        }
    }

    /// 1 to 15.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 >= 15 { Self::FIRST } else { Self(self.0 + 1) }
    }
}

/// That a packet was received, and how much of it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Which packet.
    pub sequence: Sequence,
    /// How many of its characters were accepted, from the first.
    pub accepted: u8,
}

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident { $($(#[$bit_doc:meta])* $bit:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub u8);

        impl $name {
            /// No bit.
            pub const NONE: Self = Self(0);
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }
    };
}

bits! {
    /// What the console asks for.
    Operation {
        /// The packet that is acknowledged was not taken, or not all of it.
        NACK = 0x40,
        /// Assert the ring indicator, for wake on ring.
        RING = 0x20,
        /// Send a break to the host.
        BREAK = 0x10,
        /// Deassert CTS: the host shall pause.
        CTS_PAUSE = 0x08,
        /// Deassert DCD and DSR.
        DEASSERT_DCD_DSR = 0x04,
        /// Drop characters that are on their way to the host, those of this packet excepted.
        FLUSH_INBOUND = 0x02,
        /// Drop characters that are on their way to the console.
        FLUSH_OUTBOUND = 0x01,
    }
}

bits! {
    /// What the BMC tells.
    Status {
        /// The packet that is acknowledged was not taken, or not all of it.
        NACK = 0x40,
        /// No characters can be transferred: the host's console is gone.
        UNAVAILABLE = 0x20,
        /// SOL is deactivated, or about to be.
        DEACTIVATING = 0x10,
        /// Characters were lost before those of this packet.
        OVERRUN = 0x08,
        /// The host sent a break.
        BREAK = 0x04,
    }
}

/// A packet of either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number; `None` where it is informational.
    pub sequence: Option<Sequence>,
    /// Which packet of the other side it answers.
    pub acknowledgement: Option<Acknowledgement>,
    /// The bits of an [`Operation`] or a [`Status`].
    pub control: u8,
    /// The characters; none in an informational packet.
    pub characters: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a payload of type 01h.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] for fewer than four bytes; [`FrameError::Format`] where characters come without a sequence number.
    pub fn parse(payload: &'a [u8]) -> Result<Self, FrameError> {
        let ([sequence, acknowledged, accepted, control], characters) =
            payload.split_first_chunk::<HEADER>().ok_or(FrameError::Truncated)?;
        let sequence = Sequence::new(*sequence);
        if sequence.is_none() && !characters.is_empty() {
            return Err(FrameError::Format);
        }
        let acknowledgement =
            Sequence::new(*acknowledged).map(|sequence| Acknowledgement { sequence, accepted: *accepted });
        Ok(Self { sequence, acknowledgement, control: *control, characters })
    }

    /// Appends the packet to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let acknowledged = self.acknowledgement;
        out.extend([
            self.sequence.map_or(0, Sequence::value),
            acknowledged.map_or(0, |acknowledged| acknowledged.sequence.value()),
            acknowledged.map_or(0, |acknowledged| acknowledged.accepted),
            self.control,
        ]);
        out.extend(self.characters);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn emitted(packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.emit(&mut bytes);
        bytes
    }

    #[test]
    fn packets_have_the_specified_bytes() {
        let sequence = Sequence::new(5);
        let acknowledgement = Sequence::new(15).map(|sequence| Acknowledgement { sequence, accepted: 200 });
        let control = (Status::NACK | Status::UNAVAILABLE).0;
        let packet = Packet { sequence, acknowledgement, control, characters: b"ab" };
        assert_eq!(emitted(&packet), [5, 15, 200, 0x60, b'a', b'b']);
    }

    #[test]
    fn an_acknowledgement_alone_has_no_number_of_its_own() {
        let packet = Packet::parse(&[0, 3, 7, 0]).unwrap();
        assert_eq!(packet.sequence, None);
        assert_eq!(packet.acknowledgement.map(|ack| (ack.sequence.value(), ack.accepted)), Some((3, 7)));
        assert_eq!(Packet::parse(&[0, 3, 7]), Err(FrameError::Truncated));
    }

    #[test]
    fn characters_without_a_sequence_number_are_refused() {
        assert_eq!(Packet::parse(&[0, 3, 7, 0, b'x']), Err(FrameError::Format));
    }

    #[test]
    fn numbers_go_round_and_pass_zero_over() {
        let mut sequence = Sequence::FIRST;
        let seen: Vec<u8> = (0..31)
            .map(|_| {
                let value = sequence.value();
                sequence = sequence.next();
                value
            })
            .collect();
        assert_eq!(seen, [(1..=15).collect::<Vec<u8>>(), (1..=15).collect(), vec![1]].concat());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same_but_for_reserved_bits(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                let mut meant = bytes.clone();
                meant[0] &= 0x0F;
                meant[1] &= 0x0F;
                if meant[1] == 0 { meant[2] = 0 }
                prop_assert_eq!(emitted(&packet), meant);
            }
        }
    }
}
