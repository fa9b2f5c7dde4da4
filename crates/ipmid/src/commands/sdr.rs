//! The SDR repository: one set of records, made by ipmid from what is on the bus (NetFn 0Ah).

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode,
    command::sdr::{
        AllocationInfo, GetSdr, GetSdrRepositoryAllocationInfo, GetSdrRepositoryInfo, GetSdrRepositoryTime,
        LAST_RECORD, ReadRecord, RecordData, RepositoryInfo, Reservation, ReserveSdrRepository,
        SUPPORTS_ALLOCATION_INFO, SUPPORTS_RESERVE, Timestamp, WHOLE_RECORD,
    },
    record::sdr::VERSION,
};

use crate::{
    Ipmid,
    dispatch::{Caller, Entry, now},
    sensors::seconds_since_1970,
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetSdrRepositoryInfo, info),
    now!(GetSdrRepositoryAllocationInfo, allocation),
    now!(ReserveSdrRepository, reserve),
    now!(GetSdr, read),
    now!(GetSdrRepositoryTime, time),
];

/// Never erased by anyone (v2.0§37 gives FFFFFFFFh as "unspecified").
const NEVER: u32 = u32::MAX;
/// Space is counted in records of the largest size.
const UNIT_SIZE: u16 = 64;

fn info(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<RepositoryInfo, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    Ok(RepositoryInfo {
        version: VERSION,
        records: u16::try_from(snapshot.records().len()).unwrap_or(u16::MAX),
        // Clients cannot add any.
        free_space: 0,
        last_addition: snapshot.changed,
        last_erase: NEVER,
        operations: SUPPORTS_ALLOCATION_INFO | SUPPORTS_RESERVE,
    })
}

fn allocation(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<AllocationInfo, CompletionCode> {
    let records = ipmid.platform.sensors.snapshot().records().len();
    let units = u16::try_from(records).unwrap_or(u16::MAX);
    Ok(AllocationInfo { units, unit_size: UNIT_SIZE, free_units: 0, largest_free_block: 0, max_record: 1 })
}

/// Also for the device SDRs, which are the same records.
pub(crate) fn reserve(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Reservation, CompletionCode> {
    let generation = ipmid.platform.sensors.snapshot().generation;
    Ok(Reservation { id: ipmid.kept.reservations.reserve_sdr(generation) })
}

/// Also for the device SDRs, which are the same records.
pub(crate) fn read(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ReadRecord,
) -> Result<RecordData, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    let reserved = || ipmid.kept.reservations.holds_sdr(request.reservation, snapshot.generation);
    if request.offset != 0 && !reserved() {
        return Err(CompletionCode::RESERVATION_CANCELED);
    }
    let (record, next) = snapshot.record(request.record).ok_or(CompletionCode::NOT_PRESENT)?;
    let data = part(&record.bytes, &request, caller.medium)?.to_vec();
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

fn time(_: &Ipmid, _: &Caller, (): ()) -> Result<Timestamp, CompletionCode> {
    Ok(Timestamp { seconds: seconds_since_1970() })
}
