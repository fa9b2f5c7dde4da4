//! The system event log (v2.0§31). Info, allocation, reservation and reading have the repository's formats.

use super::{
    Access::AtLeast,
    sdr::{AllocationInfo, ReadRecord, RecordData, RepositoryInfo, Reservation, Timestamp},
};
use crate::{
    CompletionCode,
    Privilege::{Administrator, Operator, User},
    codec::{Decode, Encode, Reader},
    record::sel::LENGTH,
};

command! {
    /// Get SEL Info (v2.0§31.2).
    GetSelInfo = STORAGE 0x40 "Get SEL Info", AtLeast(User), () => RepositoryInfo
}

command! {
    /// Get SEL Allocation Info (v2.0§31.3).
    GetSelAllocationInfo = STORAGE 0x41 "Get SEL Allocation Info", AtLeast(User), () => AllocationInfo
}

command! {
    /// Reserve SEL (v2.0§31.4).
    ReserveSel = STORAGE 0x42 "Reserve SEL", AtLeast(User), () => Reservation
}

command! {
    /// Get SEL Entry (v2.0§31.5).
    GetSelEntry = STORAGE 0x43 "Get SEL Entry", AtLeast(User), ReadRecord => RecordData
}

command! {
    /// Add SEL Entry (v2.0§31.6).
    AddSelEntry = STORAGE 0x44 "Add SEL Entry", AtLeast(Operator), NewRecord => RecordId
}

command! {
    /// Partial Add SEL Entry (v2.0§31.7).
    PartialAddSelEntry = STORAGE 0x45 "Partial Add SEL Entry", AtLeast(Operator), PartialRecord => RecordId
}

command! {
    /// Delete SEL Entry (v2.0§31.8).
    DeleteSelEntry = STORAGE 0x46 "Delete SEL Entry", AtLeast(Operator), DeleteRecord => RecordId
}

command! {
    /// Clear SEL (v2.0§31.9).
    ClearSel = STORAGE 0x47 "Clear SEL", AtLeast(Operator), ClearRequest => ErasureProgress
}

command! {
    /// Get SEL Time (v2.0§31.10).
    GetSelTime = STORAGE 0x48 "Get SEL Time", AtLeast(User), () => Timestamp
}

command! {
    /// Set SEL Time (v2.0§31.11).
    SetSelTime = STORAGE 0x49 "Set SEL Time", AtLeast(Operator), Timestamp => ()
}

command! {
    /// Get Auxiliary Log Status (v2.0§31.12).
    GetAuxiliaryLogStatus = STORAGE 0x5A "Get Auxiliary Log Status", AtLeast(User), LogType => LogStatus
}

command! {
    /// Set Auxiliary Log Status (v2.0§31.13).
    SetAuxiliaryLogStatus = STORAGE 0x5B "Set Auxiliary Log Status", AtLeast(Administrator),
    NewLogStatus => ()
}

command! {
    /// Get SEL Time UTC Offset (v2.0§31.11a).
    GetSelTimeUtcOffset = STORAGE 0x5C "Get SEL Time UTC Offset", AtLeast(User), () => UtcOffset
}

command! {
    /// Set SEL Time UTC Offset (v2.0§31.11b).
    SetSelTimeUtcOffset = STORAGE 0x5D "Set SEL Time UTC Offset", AtLeast(Operator), UtcOffset => ()
}

layout! {
    /// How far the event log's time is ahead of UTC.
    UtcOffset {
        /// In minutes, -1440 to 1440; 07FFh is not known.
        minutes: i16,
    }
}

layout! {
    /// A record to add. Its ID is ignored, and its time where it has one.
    NewRecord {
        /// The record.
        bytes: [u8; LENGTH],
    }
}

layout! {
    /// A part of a record to add.
    PartialRecord {
        /// Number of the reservation.
        reservation: u16,
        /// 0 with the first part, then what the first response said.
        record: u16,
        /// Where in the record the part goes.
        offset: u8,
        /// Low four bits: 1 with the last part, else 0.
        progress: u8,
        /// The part.
        data: Vec<u8>,
    }
}

layout! {
    /// Which auxiliary log.
    LogType {
        /// 0 machine check architecture, 1 and 2 the vendor's; the high four bits are reserved.
        log_type: u8,
    }
}

layout! {
    /// State of an auxiliary log. Of the machine check log: time of the last entry, and how many there are (LE 32 each); of the
    /// vendor's: time, then 12 bytes of the vendor's.
    LogStatus {
        /// The bytes.
        data: Vec<u8>,
    }
}

layout! {
    /// Request of [`SetAuxiliaryLogStatus`].
    NewLogStatus {
        /// As in [`LogType`].
        log_type: u8,
        /// As in [`LogStatus`].
        data: Vec<u8>,
    }
}

layout! {
    /// ID of a record that was added or deleted.
    RecordId {
        /// The ID.
        id: u16,
    }
}

layout! {
    /// Request of [`DeleteSelEntry`].
    DeleteRecord {
        /// Number of the reservation.
        reservation: u16,
        /// The record, or 0 for the first, FFFFh for the last.
        record: u16,
    }
}

/// Request of [`ClearSel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearRequest {
    /// Number of the reservation.
    pub reservation: u16,
    /// Whether to begin erasing; else only the progress is asked for.
    pub initiate: bool,
}

/// "CLR", without which nothing is cleared.
const CONFIRMATION: [u8; 3] = *b"CLR";
const INITIATE: u8 = 0xAA;
const GET_STATUS: u8 = 0x00;

impl Decode for ClearRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let reservation = reader.u16()?;
        let (confirmation, action) = (reader.array()?, reader.u8()?);
        let initiate = match action {
            INITIATE => true,
            GET_STATUS => false,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        if confirmation != CONFIRMATION {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        Ok(Self { reservation, initiate })
    }
}

impl Encode for ClearRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.reservation.to_le_bytes());
        out.extend(CONFIRMATION);
        out.push(if self.initiate { INITIATE } else { GET_STATUS });
    }
}

layout! {
    /// Response of [`ClearSel`].
    ErasureProgress {
        /// 0 erasing, 1 done.
        progress: u8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clear_sel_as_ipmitool_sends_it() {
        let request = ClearRequest { reservation: 0x0102, initiate: true };
        let bytes = [2, 1, b'C', b'L', b'R', 0xAA];
        assert_eq!(ClearRequest::from_bytes(&bytes), Ok(request.clone()));
        assert_eq!(request.to_bytes(), bytes);
    }

    #[test]
    fn a_time_behind_utc_is_a_negative_offset() {
        let new_york = UtcOffset { minutes: -300 };
        assert_eq!(UtcOffset::from_bytes(&[0xD4, 0xFE]), Ok(new_york.clone()));
        assert_eq!(new_york.to_bytes(), [0xD4, 0xFE]);
    }

    #[test]
    fn parts_and_auxiliary_logs_have_these_bytes() {
        let part =
            PartialRecord { reservation: 0x0102, record: 0x0304, offset: 5, progress: 1, data: vec![9, 8] };
        assert_eq!(part.to_bytes(), [2, 1, 4, 3, 5, 1, 9, 8]);
        let status = NewLogStatus { log_type: 1, data: vec![1, 2, 3, 4] };
        assert_eq!(status.to_bytes(), [1, 1, 2, 3, 4]);
    }

    reads_back! {
        partial_records_come_back: PartialRecord;
        log_states_come_back: NewLogStatus;
    }

    #[test]
    fn nothing_is_cleared_without_the_confirmation_or_with_an_unknown_action() {
        for bytes in [[2, 1, b'C', b'L', b'S', 0xAA], [2, 1, b'C', b'L', b'R', 0xAB]] {
            assert_eq!(ClearRequest::from_bytes(&bytes), Err(CompletionCode::INVALID_DATA_FIELD));
        }
    }

    proptest! {
        #[test]
        fn messages_come_back(reservation: u16, record: u16, initiate: bool, minutes: i16, bytes: [u8; LENGTH]) {
            prop_assert_eq!(UtcOffset::from_bytes(&UtcOffset { minutes }.to_bytes()), Ok(UtcOffset { minutes }));
            let clear = ClearRequest { reservation, initiate };
            prop_assert_eq!(ClearRequest::from_bytes(&clear.to_bytes()), Ok(clear));
            let delete = DeleteRecord { reservation, record };
            prop_assert_eq!(DeleteRecord::from_bytes(&delete.to_bytes()), Ok(delete));
            prop_assert_eq!(NewRecord::from_bytes(&bytes), Ok(NewRecord { bytes }));
        }
    }
}
