//! The SDR repository (v2.0§33). Adding in parts, deleting and clearing have the event log's formats.

use super::{
    Access::AtLeast,
    sel::{ClearRequest, DeleteRecord, ErasureProgress, PartialRecord, RecordId},
};
use crate::Privilege::{Operator, User};

command! {
    /// Get SDR Repository Info (v2.0§33.9).
    GetSdrRepositoryInfo = STORAGE 0x20 "Get SDR Repository Info", AtLeast(User), () => RepositoryInfo
}

command! {
    /// Get SDR Repository Allocation Info (v2.0§33.10).
    GetSdrRepositoryAllocationInfo = STORAGE 0x21 "Get SDR Repository Allocation Info", AtLeast(User),
    () => AllocationInfo
}

command! {
    /// Reserve SDR Repository (v2.0§33.11).
    ReserveSdrRepository = STORAGE 0x22 "Reserve SDR Repository", AtLeast(User), () => Reservation
}

command! {
    /// Get SDR (v2.0§33.12).
    GetSdr = STORAGE 0x23 "Get SDR", AtLeast(User), ReadRecord => RecordData
}

command! {
    /// Add SDR (v2.0§33.13).
    AddSdr = STORAGE 0x24 "Add SDR", AtLeast(Operator), NewSdr => RecordId
}

command! {
    /// Partial Add SDR (v2.0§33.14).
    PartialAddSdr = STORAGE 0x25 "Partial Add SDR", AtLeast(Operator), PartialRecord => RecordId
}

command! {
    /// Delete SDR (v2.0§33.15).
    DeleteSdr = STORAGE 0x26 "Delete SDR", AtLeast(Operator), DeleteRecord => RecordId
}

command! {
    /// Clear SDR Repository (v2.0§33.16).
    ClearSdrRepository = STORAGE 0x27 "Clear SDR Repository", AtLeast(Operator),
    ClearRequest => ErasureProgress
}

command! {
    /// Get SDR Repository Time (v2.0§33.17).
    GetSdrRepositoryTime = STORAGE 0x28 "Get SDR Repository Time", AtLeast(User), () => Timestamp
}

command! {
    /// Set SDR Repository Time (v2.0§33.18).
    SetSdrRepositoryTime = STORAGE 0x29 "Set SDR Repository Time", AtLeast(Operator), Timestamp => ()
}

command! {
    /// Enter SDR Repository Update Mode (v2.0§33.19).
    EnterSdrRepositoryUpdateMode = STORAGE 0x2A "Enter SDR Repository Update Mode", AtLeast(Operator), () => ()
}

command! {
    /// Exit SDR Repository Update Mode (v2.0§33.20).
    ExitSdrRepositoryUpdateMode = STORAGE 0x2B "Exit SDR Repository Update Mode", AtLeast(Operator), () => ()
}

command! {
    /// Run Initialization Agent (v2.0§33.21).
    RunInitializationAgent = STORAGE 0x2C "Run Initialization Agent", AtLeast(Operator),
    InitializationRequest => InitializationState
}

/// "Operation support" of a repository or log: allocation info is offered.
pub const SUPPORTS_ALLOCATION_INFO: u8 = 0x01;
/// Reservations are offered.
pub const SUPPORTS_RESERVE: u8 = 0x02;
/// A record can be added in parts.
pub const SUPPORTS_PARTIAL_ADD: u8 = 0x04;
/// Single records can be deleted.
pub const SUPPORTS_DELETE: u8 = 0x08;
/// The repository can be written while it is read, without a mode for it.
pub const NON_MODAL_UPDATE: u8 = 0x20;
/// There is a mode for writing it, too.
pub const MODAL_UPDATE: u8 = 0x40;
/// Records were refused for want of space.
pub const OVERFLOW: u8 = 0x80;

/// The record ID that stands for the first record in a request.
pub const FIRST_RECORD: u16 = 0x0000;
/// The record ID that stands for the last record in a request, and for "none" as the next one in a response.
pub const LAST_RECORD: u16 = 0xFFFF;
/// The count that stands for all of a record.
pub const WHOLE_RECORD: u8 = 0xFF;

layout! {
    /// State of the SDR repository or of the SEL: both have the same fields.
    RepositoryInfo {
        /// Version of the records, 51h.
        version: u8,
        /// How many records there are.
        records: u16,
        /// Free space in bytes; FFFEh is that or more.
        free_space: u16,
        /// When a record was last added, in seconds since 1970; FFFFFFFFh is never.
        last_addition: u32,
        /// When records were last erased, as above.
        last_erase: u32,
        /// What is supported, [`SUPPORTS_RESERVE`] and so on.
        operations: u8,
    }
}

layout! {
    /// How storage is cut into units.
    AllocationInfo {
        /// How many units there can be.
        units: u16,
        /// Size of a unit in bytes.
        unit_size: u16,
        /// Free units.
        free_units: u16,
        /// Units of the largest free block.
        largest_free_block: u16,
        /// Units of the longest record.
        max_record: u8,
    }
}

layout! {
    /// A reservation, which partial reads and destructive commands need.
    Reservation {
        /// Its number; 0 is none.
        id: u16,
    }
}

layout! {
    /// Request for a record or a part of one.
    ReadRecord {
        /// Number of the reservation; not looked at for offset 0.
        reservation: u16,
        /// The record, or [`FIRST_RECORD`], [`LAST_RECORD`].
        record: u16,
        /// Where in the record to begin.
        offset: u8,
        /// How many bytes, or [`WHOLE_RECORD`].
        count: u8,
    }
}

layout! {
    /// A record or a part of one.
    RecordData {
        /// The record after it, or [`LAST_RECORD`].
        next: u16,
        /// The bytes.
        data: Vec<u8>,
    }
}

layout! {
    /// A record to add. Its ID is ignored.
    NewSdr {
        /// The record, header and all.
        bytes: Vec<u8>,
    }
}

layout! {
    /// Request of [`RunInitializationAgent`].
    InitializationRequest {
        /// Bit 0: run the agent; else only its state is asked for.
        run: u8,
    }
}

layout! {
    /// Response of [`RunInitializationAgent`].
    InitializationState {
        /// Bit 0: the agent has done its work.
        completed: u8,
    }
}

layout! {
    /// A time.
    Timestamp {
        /// Seconds since 1970.
        seconds: u32,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::{Decode as _, Encode as _};

    #[test]
    fn repository_info_has_these_bytes() {
        let info = RepositoryInfo {
            version: 0x51,
            records: 0x0102,
            free_space: 0,
            last_addition: 0x6123_4567,
            last_erase: 0xFFFF_FFFF,
            operations: SUPPORTS_ALLOCATION_INFO | SUPPORTS_RESERVE,
        };
        let bytes = [0x51, 2, 1, 0, 0, 0x67, 0x45, 0x23, 0x61, 0xFF, 0xFF, 0xFF, 0xFF, 3];
        assert_eq!(info.to_bytes(), bytes);
        assert_eq!(RepositoryInfo::from_bytes(&bytes), Ok(info));
    }

    #[test]
    fn allocation_info_has_these_bytes() {
        let info =
            AllocationInfo { units: 100, unit_size: 64, free_units: 0, largest_free_block: 0, max_record: 1 };
        assert_eq!(info.to_bytes(), [100, 0, 64, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn get_sdr_as_ipmitool_sends_it() {
        let request = ReadRecord { reservation: 0x1234, record: FIRST_RECORD, offset: 0, count: 5 };
        assert_eq!(ReadRecord::from_bytes(&[0x34, 0x12, 0, 0, 0, 5]), Ok(request));
    }

    #[test]
    fn records_and_the_agent_have_these_bytes() {
        let record = NewSdr { bytes: vec![0, 0, 0x51, 0xC0, 3, 1, 2, 3] };
        assert_eq!(record.to_bytes(), [0, 0, 0x51, 0xC0, 3, 1, 2, 3]);
        assert_eq!(InitializationRequest::from_bytes(&[1]), Ok(InitializationRequest { run: 1 }));
        assert_eq!(InitializationState { completed: 1 }.to_bytes(), [1]);
    }

    reads_back! {
        new_records_come_back: NewSdr;
        what_the_agent_is_asked_comes_back: InitializationRequest;
        what_the_agent_answers_comes_back: InitializationState;
    }

    proptest! {
        #[test]
        fn requests_and_responses_come_back(
            reservation: u16, record: u16, offset: u8, count: u8, seconds: u32,
            data in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let request = ReadRecord { reservation, record, offset, count };
            prop_assert_eq!(ReadRecord::from_bytes(&request.to_bytes()), Ok(request));
            let response = RecordData { next: record, data };
            prop_assert_eq!(RecordData::from_bytes(&response.to_bytes()), Ok(response));
            prop_assert_eq!(Timestamp::from_bytes(&seconds.to_le_bytes()), Ok(Timestamp { seconds }));
            let reservation = Reservation { id: reservation };
            prop_assert_eq!(Reservation::from_bytes(&reservation.to_bytes()), Ok(reservation));
        }
    }
}
