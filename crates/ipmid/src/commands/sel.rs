//! The system event log, which seld keeps (NetFn 0Ah).

use ipmi_wire::{
    CompletionCode,
    command::{
        sdr::{
            AllocationInfo, OVERFLOW, ReadRecord, RecordData, RepositoryInfo, Reservation,
            SUPPORTS_ALLOCATION_INFO, SUPPORTS_DELETE, SUPPORTS_PARTIAL_ADD, SUPPORTS_RESERVE, Timestamp,
        },
        sel::{
            AddSelEntry, ClearRequest, ClearSel, DeleteRecord, DeleteSelEntry, ErasureProgress,
            GetAuxiliaryLogStatus, GetSelAllocationInfo, GetSelEntry, GetSelInfo, GetSelTime,
            GetSelTimeUtcOffset, LogStatus, LogType, NewLogStatus, NewRecord, PartialAddSelEntry,
            PartialRecord, RecordId, ReserveSel, SetAuxiliaryLogStatus, SetSelTime, SetSelTimeUtcOffset,
            UtcOffset,
        },
    },
    record::{sdr::VERSION, sel::LENGTH},
};

use super::sdr::part;
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later},
    partial_record::{UNFINISHED, WRONG_LENGTH},
    platform::event_log::Setting,
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(GetSelInfo, info),
    later!(GetSelAllocationInfo, allocation),
    later!(ReserveSel, reserve),
    later!(GetSelEntry, read),
    later!(AddSelEntry, add),
    later!(DeleteSelEntry, delete),
    later!(ClearSel, clear),
    later!(PartialAddSelEntry, add_part),
    later!(GetSelTime, time),
    later!(SetSelTime, set_time),
    later!(GetSelTimeUtcOffset, utc_offset),
    later!(SetSelTimeUtcOffset, set_utc_offset),
    later!(GetAuxiliaryLogStatus, auxiliary),
    later!(SetAuxiliaryLogStatus, set_auxiliary),
];

/// "This much or more" of the free space in bytes.
const FREE_SPACE_MAX: u16 = 0xFFFE;
/// Erasure is complete. seld erases before it answers, so that no client ever sees it in progress.
const ERASED: u8 = 1;
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
            | SUPPORTS_PARTIAL_ADD
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
    let erased = ipmid.platform.event_log.info().await?.erasures;
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

/// seld gives the ID, and the time of arrival where the record's type has one (v2.0§31.6).
async fn add(ipmid: &Ipmid, _: &Caller, record: NewRecord) -> Result<RecordId, CompletionCode> {
    Ok(RecordId { id: ipmid.platform.event_log.add(record.bytes).await? })
}

async fn add_part(ipmid: &Ipmid, _: &Caller, part: PartialRecord) -> Result<RecordId, CompletionCode> {
    check_reservation(ipmid, part.reservation).await?;
    let Some(bytes) = ipmid.kept.partial_event.take(&part, LENGTH)? else {
        return Ok(RecordId { id: UNFINISHED });
    };
    let bytes = bytes.try_into().map_err(|_| WRONG_LENGTH)?;
    Ok(RecordId { id: ipmid.platform.event_log.add(bytes).await? })
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
    let erased = ipmid.platform.event_log.info().await?.erasures;
    let holds = ipmid.kept.reservations.holds_sel(id, erased);
    if holds { Ok(()) } else { Err(CompletionCode::RESERVATION_CANCELED) }
}

async fn time(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Timestamp, CompletionCode> {
    let seconds = ipmid.platform.event_log.setting(Setting::Time).await?;
    Ok(Timestamp { seconds: u32::try_from(seconds).map_err(|_| CompletionCode::UNSPECIFIED)? })
}

async fn set_time(ipmid: &Ipmid, caller: &Caller, time: Timestamp) -> Result<(), CompletionCode> {
    ipmid.platform.event_log.set(Setting::Time, time.seconds.into()).await?;
    tracing::info!(
        "the log's time was set over channel {} by user slot {:?}",
        caller.channel,
        caller.user_slot
    );
    Ok(())
}

async fn utc_offset(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<UtcOffset, CompletionCode> {
    let minutes = ipmid.platform.event_log.setting(Setting::UtcOffset).await?;
    Ok(UtcOffset { minutes: i16::try_from(minutes).map_err(|_| CompletionCode::UNSPECIFIED)? })
}

async fn set_utc_offset(ipmid: &Ipmid, _: &Caller, offset: UtcOffset) -> Result<(), CompletionCode> {
    let minutes = offset.minutes;
    let is_offset = (-DAY..=DAY).contains(&minutes) || minutes == OFFSET_UNKNOWN;
    if !is_offset {
        return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
    }
    Ok(ipmid.platform.event_log.set(Setting::UtcOffset, minutes.into()).await?)
}

/// In minutes.
const DAY: i16 = 1440;
const OFFSET_UNKNOWN: i16 = 0x7FF;

/// The log types that there are: machine check, and two of the vendor's.
const LOG_TYPES: u8 = 3;
/// Time and count of the machine check log; time and 12 bytes of the vendor's logs.
const LOG_STATUS: [usize; 3] = [8, 16, 16];

async fn auxiliary(ipmid: &Ipmid, _: &Caller, log: LogType) -> Result<LogStatus, CompletionCode> {
    if log.log_type & 0x0F >= LOG_TYPES {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    Ok(LogStatus { data: ipmid.platform.event_log.auxiliary(log.log_type & 0x0F).await? })
}

async fn set_auxiliary(ipmid: &Ipmid, _: &Caller, log: NewLogStatus) -> Result<(), CompletionCode> {
    let length =
        LOG_STATUS.get(usize::from(log.log_type & 0x0F)).ok_or(CompletionCode::INVALID_DATA_FIELD)?;
    if log.data.len() != *length {
        return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
    }
    Ok(ipmid.platform.event_log.set_auxiliary(log.log_type & 0x0F, log.data).await?)
}

fn count(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}
