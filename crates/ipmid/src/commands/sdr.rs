//! The SDR repository: records that ipmid makes from what is on the bus, and those that clients added beside them (NetFn 0Ah).

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode,
    command::{
        sdr::{
            AddSdr, AllocationInfo, ClearSdrRepository, DeleteSdr, EnterSdrRepositoryUpdateMode,
            ExitSdrRepositoryUpdateMode, GetSdr, GetSdrRepositoryAllocationInfo, GetSdrRepositoryInfo,
            GetSdrRepositoryTime, InitializationRequest, InitializationState, LAST_RECORD, MODAL_UPDATE,
            NON_MODAL_UPDATE, NewSdr, OVERFLOW, PartialAddSdr, ReadRecord, RecordData, RepositoryInfo,
            Reservation, ReserveSdrRepository, RunInitializationAgent, SUPPORTS_ALLOCATION_INFO,
            SUPPORTS_DELETE, SUPPORTS_PARTIAL_ADD, SUPPORTS_RESERVE, SetSdrRepositoryTime, Timestamp,
            WHOLE_RECORD,
        },
        sel::{ClearRequest, DeleteRecord, ErasureProgress, PartialRecord, RecordId},
    },
    record::sdr::{HEADER_LENGTH, MAX_LENGTH, VERSION},
};
use tokio::time::Instant;

use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later, now},
    partial_record::{UNFINISHED, WRONG_LENGTH},
    sensors::{MOST_ADDED, Record, RecordChange, Snapshot, record_of},
};

/// What shows no record and changes nothing is answered to all while one of them updates the repository.
pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetSdrRepositoryInfo, info),
    now!(GetSdrRepositoryAllocationInfo, allocation),
    now!(ReserveSdrRepository, reserve).yields_to_update(),
    now!(GetSdr, read).yields_to_update(),
    later!(AddSdr, add).yields_to_update(),
    later!(PartialAddSdr, add_part).yields_to_update(),
    later!(DeleteSdr, delete).yields_to_update(),
    later!(ClearSdrRepository, clear).yields_to_update(),
    now!(GetSdrRepositoryTime, time),
    now!(SetSdrRepositoryTime, set_time).yields_to_update(),
    now!(EnterSdrRepositoryUpdateMode, enter_update_mode).yields_to_update(),
    now!(ExitSdrRepositoryUpdateMode, exit_update_mode).yields_to_update(),
    now!(RunInitializationAgent, run_agent).yields_to_update(),
];

/// Space is counted in records of the largest size.
#[allow(clippy::cast_possible_truncation, reason = "64")]
const UNIT_SIZE: u16 = MAX_LENGTH as u16;
/// Erasure is complete, and the initialization agent is done: both are before they are answered.
const COMPLETED: u8 = 1;

fn info(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<RepositoryInfo, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    snapshot.shown();
    Ok(RepositoryInfo {
        version: VERSION,
        records: count(snapshot.records().len()),
        free_space: count(snapshot.room()) * UNIT_SIZE,
        last_addition: snapshot.changes.last_addition,
        last_erase: snapshot.changes.last_erase,
        operations: SUPPORTS_ALLOCATION_INFO
            | SUPPORTS_RESERVE
            | SUPPORTS_PARTIAL_ADD
            | SUPPORTS_DELETE
            | NON_MODAL_UPDATE
            | MODAL_UPDATE
            | if snapshot.changes.overflow { OVERFLOW } else { 0 },
    })
}

/// No more than [`MOST_ADDED`], whose bytes fit into sixteen bits.
const _: () = assert!(MOST_ADDED * (UNIT_SIZE as usize) < 0xFFFE);

fn count(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn allocation(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<AllocationInfo, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    let free = count(snapshot.room());
    Ok(AllocationInfo {
        units: count(snapshot.records().len()).saturating_add(free),
        unit_size: UNIT_SIZE,
        free_units: free,
        largest_free_block: free,
        max_record: 1,
    })
}

/// Also for the device SDRs, which are some of the same records.
pub(crate) fn reserve(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Reservation, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    snapshot.shown();
    Ok(Reservation { id: ipmid.kept.reservations.reserve_sdr(snapshot.generation) })
}

fn read(ipmid: &Ipmid, caller: &Caller, request: ReadRecord) -> Result<RecordData, CompletionCode> {
    read_of(Snapshot::records, ipmid, caller, &request)
}

/// Get Device SDR: without what clients added.
pub(crate) fn read_device(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ReadRecord,
) -> Result<RecordData, CompletionCode> {
    read_of(Snapshot::device_records, ipmid, caller, &request)
}

fn read_of(
    records: impl Fn(&Snapshot) -> &[Record],
    ipmid: &Ipmid,
    caller: &Caller,
    request: &ReadRecord,
) -> Result<RecordData, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    snapshot.shown();
    if request.offset != 0 {
        check_reservation(ipmid, request.reservation, &snapshot)?;
    }
    let (record, next) = record_of(records(&snapshot), request.record).ok_or(CompletionCode::NOT_PRESENT)?;
    let data = part(&record.bytes, request, caller.medium)?.to_vec();
    Ok(RecordData { next: next.map_or(LAST_RECORD, |next| next.id), data })
}

/// The bytes of `record` that are asked for. A count beyond its end ends there.
pub(crate) fn part<'a>(
    record: &'a [u8],
    request: &ReadRecord,
    medium: ChannelMedium,
) -> Result<&'a [u8], CompletionCode> {
    let rest = record
        .get(usize::from(request.offset)..)
        .filter(|rest| !rest.is_empty())
        .ok_or(CompletionCode::PARAMETER_OUT_OF_RANGE)?;
    let wanted = match request.count {
        WHOLE_RECORD => rest.len(),
        count => usize::from(count).min(rest.len()),
    };
    if wanted > data_limit(medium) {
        return Err(CompletionCode::CANNOT_RETURN_BYTES);
    }
    rest.get(..wanted).ok_or(CompletionCode::CANNOT_RETURN_BYTES)
}

/// How many bytes of a record or area fit into one response, beside a few bytes before them.
pub(crate) fn data_limit(medium: ChannelMedium) -> usize {
    match medium {
        // 32 bytes a message, 8 of them around the data (v2.0§13 figure 13-4), and the ID of the next record.
        ChannelMedium::Ipmb => 22,
        ChannelMedium::Lan | ChannelMedium::SystemInterface | ChannelMedium::Internal => 240,
    }
}

fn check_reservation(ipmid: &Ipmid, id: u16, snapshot: &Snapshot) -> Result<(), CompletionCode> {
    let holds = ipmid.kept.reservations.holds_sdr(id, snapshot.generation);
    if holds { Ok(()) } else { Err(CompletionCode::RESERVATION_CANCELED) }
}

async fn add(ipmid: &Ipmid, caller: &Caller, record: NewSdr) -> Result<RecordId, CompletionCode> {
    change(ipmid, caller, RecordChange::Add(record.bytes)).await
}

/// The last part makes the record, if it is as long as its header says (v2.0§33.14).
async fn add_part(ipmid: &Ipmid, caller: &Caller, part: PartialRecord) -> Result<RecordId, CompletionCode> {
    check_reservation(ipmid, part.reservation, &ipmid.platform.sensors.snapshot())?;
    let Some(bytes) = ipmid.kept.partial_sdr.take(&part, MAX_LENGTH)? else {
        return Ok(RecordId { id: UNFINISHED });
    };
    let length = bytes.get(HEADER_LENGTH - 1).map(|length| usize::from(*length) + HEADER_LENGTH);
    if length != Some(bytes.len()) {
        return Err(WRONG_LENGTH);
    }
    change(ipmid, caller, RecordChange::Add(bytes)).await
}

async fn delete(ipmid: &Ipmid, caller: &Caller, request: DeleteRecord) -> Result<RecordId, CompletionCode> {
    check_reservation(ipmid, request.reservation, &ipmid.platform.sensors.snapshot())?;
    change(ipmid, caller, RecordChange::Delete(request.record)).await
}

/// The board's records stay: they would be made again. The progress may be asked for with the reservation that the erasure ended.
async fn clear(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ClearRequest,
) -> Result<ErasureProgress, CompletionCode> {
    if request.initiate {
        check_reservation(ipmid, request.reservation, &ipmid.platform.sensors.snapshot())?;
        change(ipmid, caller, RecordChange::Clear).await?;
    }
    Ok(ErasureProgress { progress: COMPLETED })
}

async fn change(ipmid: &Ipmid, caller: &Caller, change: RecordChange) -> Result<RecordId, CompletionCode> {
    let what = match change {
        RecordChange::Add(_) => "added",
        RecordChange::Delete(_) => "deleted",
        RecordChange::Clear => "cleared",
    };
    let id = ipmid.platform.sensors.change_records(change).await??;
    tracing::info!(
        "sensor data record {id:#06x} {what} over channel {} by user slot {:?}",
        caller.channel,
        caller.user_slot
    );
    Ok(RecordId { id })
}

fn time(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Timestamp, CompletionCode> {
    Ok(Timestamp { seconds: ipmid.platform.sensors.repository_time() })
}

/// The repository's clock alone, as Set SEL Time sets the log's.
fn set_time(ipmid: &Ipmid, caller: &Caller, time: Timestamp) -> Result<(), CompletionCode> {
    ipmid.platform.sensors.set_repository_time(time.seconds);
    tracing::info!(
        "the repository's time was set over channel {} by user slot {:?}",
        caller.channel,
        caller.user_slot
    );
    Ok(())
}

/// Who enters it again stays in it, with the reservations made since.
fn enter_update_mode(ipmid: &Ipmid, caller: &Caller, (): ()) -> Result<(), CompletionCode> {
    if ipmid.kept.update_mode.enter(caller, Instant::now()) {
        ipmid.kept.reservations.cancel_sdr();
        log_update_mode("entered", caller);
    }
    Ok(())
}

/// Whose mode has ended by itself has what it asks for.
fn exit_update_mode(ipmid: &Ipmid, caller: &Caller, (): ()) -> Result<(), CompletionCode> {
    if ipmid.kept.update_mode.exit(Instant::now()) {
        log_update_mode("left", caller);
    }
    Ok(())
}

fn log_update_mode(what: &str, caller: &Caller) {
    tracing::info!(
        "the repository's update mode was {what} over channel {} by user slot {:?}",
        caller.channel,
        caller.user_slot
    );
}

/// What records say of a start, all sensors have from ipmid's start on: scanned, with all their events. Clients may have switched
/// events off since, and the agent switches them on again.
fn run_agent(
    ipmid: &Ipmid,
    _: &Caller,
    request: InitializationRequest,
) -> Result<InitializationState, CompletionCode> {
    if request.run & 1 != 0 {
        ipmid.kept.event_enables.reset();
    }
    Ok(InitializationState { completed: COMPLETED })
}

#[cfg(test)]
mod tests;
