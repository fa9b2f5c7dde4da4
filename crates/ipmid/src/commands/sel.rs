//! The system event log, which seld keeps (NetFn 0Ah).

use ipmi_wire::{
    CompletionCode,
    command::{
        sdr::{
            AllocationInfo, OVERFLOW, ReadRecord, RecordData, RepositoryInfo, Reservation,
            SUPPORTS_ALLOCATION_INFO, SUPPORTS_DELETE, SUPPORTS_RESERVE, Timestamp,
        },
        sel::{
            AddSelEntry, ClearRequest, ClearSel, DeleteRecord, DeleteSelEntry, ErasureProgress,
            GetSelAllocationInfo, GetSelEntry, GetSelInfo, GetSelTime, GetSelTimeUtcOffset, NewRecord,
            RecordId, ReserveSel, UtcOffset,
        },
    },
    record::{sdr::VERSION, sel::LENGTH},
};

use super::sdr::part;
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later, now},
    sensors::seconds_since_1970,
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(GetSelInfo, info),
    later!(GetSelAllocationInfo, allocation),
    later!(ReserveSel, reserve),
    later!(GetSelEntry, read),
    later!(AddSelEntry, add),
    later!(DeleteSelEntry, delete),
    later!(ClearSel, clear),
    now!(GetSelTime, time),
    now!(GetSelTimeUtcOffset, utc_offset),
];

/// "This much or more" of the free space in bytes.
const FREE_SPACE_MAX: u16 = 0xFFFE;
/// Erasure is complete. seld erases before it answers, so that no client ever sees it in progress.
const ERASED: u8 = 1;
/// OEM records from here have a time (v2.0§32.2), as system events (02h) do.
const FIRST_OEM_TYPE: u8 = 0xC0;
/// OEM records from here have none (v2.0§32.3).
const FIRST_UNTIMED_TYPE: u8 = 0xE0;

async fn info(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<RepositoryInfo, CompletionCode> {
    let log = ipmid.platform.event_log.info().await?;
    let free_bytes = log.free.saturating_mul(RECORD_SIZE);
    Ok(RepositoryInfo {
        version: VERSION,
        records: count(log.records),
        free_space: count(free_bytes).min(FREE_SPACE_MAX),
        last_addition: log.last_addition,
        last_erase: log.last_erase,
        operations: SUPPORTS_ALLOCATION_INFO
            | SUPPORTS_RESERVE
            | SUPPORTS_DELETE
            | if log.overflow { OVERFLOW } else { 0 },
    })
}

#[allow(clippy::cast_possible_truncation, reason = "sixteen")]
const RECORD_SIZE: u32 = LENGTH as u32;

async fn allocation(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<AllocationInfo, CompletionCode> {
    let log = ipmid.platform.event_log.info().await?;
    Ok(AllocationInfo {
        units: count(log.records.saturating_add(log.free)),
        unit_size: count(RECORD_SIZE),
        free_units: count(log.free),
        largest_free_block: count(log.free),
        max_record: 1,
    })
}

async fn reserve(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Reservation, CompletionCode> {
    let erased = ipmid.platform.event_log.info().await?.last_erase;
    Ok(Reservation { id: ipmid.kept.reservations.reserve_sel(erased) })
}

async fn read(ipmid: &Ipmid, caller: &Caller, request: ReadRecord) -> Result<RecordData, CompletionCode> {
    if request.offset != 0 {
        check_reservation(ipmid, request.reservation).await?;
    }
    let record = ipmid.platform.event_log.get(request.record).await?;
    let data = part(&record.bytes, &request, caller.medium)?.to_vec();
    Ok(RecordData { next: record.next, data })
}

async fn add(ipmid: &Ipmid, _: &Caller, record: NewRecord) -> Result<RecordId, CompletionCode> {
    Ok(RecordId { id: ipmid.platform.event_log.add(stamped(record.bytes, seconds_since_1970())).await? })
}

/// The record with the time of its arrival, where its type has a time (v2.0§31.6).
fn stamped(mut record: [u8; LENGTH], now: u32) -> [u8; LENGTH] {
    if let [_, _, 0x02 | FIRST_OEM_TYPE..FIRST_UNTIMED_TYPE, rest @ ..] = &mut record
        && let Some(time) = rest.first_chunk_mut()
    {
        *time = now.to_le_bytes();
    }
    record
}

async fn delete(ipmid: &Ipmid, _: &Caller, request: DeleteRecord) -> Result<RecordId, CompletionCode> {
    check_reservation(ipmid, request.reservation).await?;
    let id = ipmid.platform.event_log.delete(request.record).await?;
    ipmid.kept.reservations.cancel_sel();
    Ok(RecordId { id })
}

/// The progress may be asked for with the reservation that the erasure ended.
async fn clear(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ClearRequest,
) -> Result<ErasureProgress, CompletionCode> {
    if request.initiate {
        check_reservation(ipmid, request.reservation).await?;
        ipmid.platform.event_log.clear().await?;
        ipmid.kept.reservations.cancel_sel();
        tracing::info!(
            "the event log was cleared over channel {} by user slot {:?}",
            caller.channel,
            caller.user_slot
        );
    }
    Ok(ErasureProgress { progress: ERASED })
}

async fn check_reservation(ipmid: &Ipmid, id: u16) -> Result<(), CompletionCode> {
    let erased = ipmid.platform.event_log.info().await?.last_erase;
    let holds = ipmid.kept.reservations.holds_sel(id, erased);
    if holds { Ok(()) } else { Err(CompletionCode::RESERVATION_CANCELED) }
}

fn time(_: &Ipmid, _: &Caller, (): ()) -> Result<Timestamp, CompletionCode> {
    Ok(Timestamp { seconds: seconds_since_1970() })
}

/// The log's time is the system clock's, which counts in UTC.
fn utc_offset(_: &Ipmid, _: &Caller, (): ()) -> Result<UtcOffset, CompletionCode> {
    Ok(UtcOffset { minutes: 0 })
}

fn count(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gets_its_time_where_its_type_has_one() {
        let timed = stamped([0, 0, 0x02, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9], 0x0403_0201);
        assert_eq!(timed, [0, 0, 0x02, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
        let untimed = [7; LENGTH].map(|_| 0xE5);
        assert_eq!(stamped(untimed, 1), untimed);
    }
}
