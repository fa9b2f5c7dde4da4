//! The parameters as a pure machine: what is stored, what lapses and when.
//!
//! What the specification leaves open: flags that a client sets over IPMI for the next boot lapse as parameter 3 says; persistent
//! ones, and OpenBMC's one-time settings, hold until somebody ends them. Flags that override nothing end both kinds. A change that
//! is in progress is kept in memory until it is committed or complete, and is complete after a minute without its client.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use ipmi_wire::{
    CompletionCode,
    command::boot::{
        BootDevice, BootFlags, KeepValid, MAILBOX_BLOCK, NOT_SUPPORTED, SET_IN_PROGRESS, parameter,
    },
};
use serde::{Deserialize, Serialize};

use super::words::{Mode, Source, device, words};
use crate::{machine::RestartCause, notice::Notice};

/// How long flags for the next boot hold without a Chassis Control (v2.0§28.13, parameter 3).
pub(super) const LAPSE: Duration = Duration::from_secs(60);
/// How long a change may be in progress.
const PROGRESS: Duration = Duration::from_secs(60);
/// Blocks of the mailbox: as many as there must be.
const BLOCKS: usize = 5;
/// The longest of the vendor's parameters, in bytes: what fits into a message on IPMB.
const OEM_MAX: usize = 24;

/// Which of the two overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// For the next boot.
    Once,
    /// For all.
    Always,
}

/// An override, in IPMI's form and in OpenBMC's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Override {
    flags: [u8; 5],
    source: Source,
    mode: Mode,
}

impl Default for Override {
    /// None; EFI is OpenBMC's default type.
    fn default() -> Self {
        Self::of(BootFlags::default().with_efi(true))
    }
}

impl Override {
    fn of(flags: BootFlags) -> Self {
        let (source, mode) = words(flags.device());
        Self { flags: flags.0, source, mode }
    }

    /// All that IPMI can say of it.
    pub(super) fn flags(&self) -> BootFlags {
        BootFlags(self.flags)
    }

    /// What to boot from.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// What to boot into.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Changes a bit of the flags.
    pub(super) fn change(&mut self, change: impl FnOnce(BootFlags) -> BootFlags) {
        self.flags = change(self.flags()).0;
    }

    /// Changes OpenBMC's words.
    pub(super) fn say(&mut self, source: Source, mode: Mode) {
        (self.source, self.mode) = (source, mode);
        self.change(|flags| flags.with_device(device(source, mode)));
    }
}

/// What outlives powerd: some 1.5 kB, written when a client changed something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    /// The BMC's boot: flags for the next boot of the host do not outlive it.
    boot_id: String,
    service_partition: u8,
    service_scan: u8,
    keep_valid: u8,
    once: Override,
    always: Override,
    /// `once` was set over IPMI.
    once_lapses: bool,
    /// Of two overrides that do not hold, the one that was set last.
    last_is_always: bool,
    initiator: [u8; 9],
    mailbox: [[u8; MAILBOX_BLOCK]; BLOCKS],
    oem: BTreeMap<u8, Vec<u8>>,
    /// Parameters that are marked as invalid, or locked.
    invalid: BTreeSet<u8>,
}

/// The parameters.
#[derive(Debug, Clone)]
pub(crate) struct BootOptions {
    stored: Stored,
    /// A change is in progress, and until when it may be.
    progress: Option<Instant>,
    /// The change so far is to be stored.
    commit: bool,
    /// Who has handled the boot info; not kept (v2.0§28.13, parameter 4).
    acknowledged: u8,
    /// When flags for the next boot lapse.
    lapse: Option<Instant>,
}

impl BootOptions {
    /// The parameters as they were stored. Flags for the next boot are semi-volatile: a restart of powerd leaves them another
    /// minute, a restart of the BMC ends them.
    pub(super) fn new(now: Instant, mut stored: Stored, boot_id: &str) -> Self {
        let lapses = stored.once_lapses && stored.once.flags().is_valid();
        let ends = lapses && stored.boot_id != boot_id;
        boot_id.clone_into(&mut stored.boot_id);
        let lapse = lapses.then_some(now + LAPSE);
        let mut options = Self { stored, progress: None, commit: false, acknowledged: 0, lapse };
        if ends {
            options.end_once();
        }
        options
    }

    /// What is to be on flash, unless a change is in progress.
    pub(super) fn settled(&self) -> Option<&Stored> {
        (self.progress.is_none() || self.commit).then_some(&self.stored)
    }

    /// What was to be is on flash.
    pub(super) fn saved(&mut self) {
        self.commit = false;
    }

    /// An override.
    pub(super) fn slot(&self, slot: Slot) -> &Override {
        match slot {
            Slot::Once => &self.stored.once,
            Slot::Always => &self.stored.always,
        }
    }

    /// Changes an override as OpenBMC's objects do: it holds until somebody ends it.
    pub(super) fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Override)) {
        match slot {
            Slot::Once => {
                change(&mut self.stored.once);
                (self.stored.once_lapses, self.lapse) = (false, None);
            }
            Slot::Always => change(&mut self.stored.always),
        }
        self.stored.last_is_always = slot == Slot::Always;
    }

    /// When [`BootOptions::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.lapse, self.progress].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.progress.is_some_and(|until| until <= now) {
            self.progress = None;
        }
        if self.lapse.is_some_and(|until| until <= now) {
            self.lapse = None;
            self.lapse_unless(KeepValid::TIMEOUT);
        }
    }

    /// What befell the host (v2.0§28.13, parameters 0 and 3).
    pub(super) fn hear(&mut self, now: Instant, notice: Notice) {
        if matches!(notice, Notice::Reset(_) | Notice::Restarted | Notice::Off) {
            self.progress = None;
        }
        match notice {
            Notice::Requested => self.lapse = self.lapse.map(|_| now + LAPSE),
            Notice::Reset(RestartCause::WatchdogTimer) | Notice::On(RestartCause::WatchdogTimer) => {
                self.lapse_unless(KeepValid::WATCHDOG);
            }
            Notice::Reset(RestartCause::ResetButton) | Notice::Restarted => {
                self.lapse_unless(KeepValid::RESET_BUTTON);
            }
            Notice::On(RestartCause::PowerButton) => self.lapse_unless(KeepValid::POWER_BUTTON),
            Notice::Reset(_) | Notice::On(_) | Notice::Off | Notice::Nmi => {}
        }
    }

    fn lapse_unless(&mut self, kept_by: u8) {
        if self.stored.once_lapses && self.stored.keep_valid & kept_by == 0 {
            self.end_once();
        }
    }

    fn end_once(&mut self) {
        self.stored.once.change(|flags| flags.with_valid(false));
        self.lapse = None;
    }

    /// Set System Boot Options (v2.0§28.12). Without data, only the mark changes.
    ///
    /// # Errors
    /// The completion code; then nothing changed.
    pub(super) fn set(
        &mut self,
        now: Instant,
        parameter: u8,
        invalid: bool,
        data: &[u8],
    ) -> Result<(), CompletionCode> {
        if data.is_empty() {
            self.read(parameter, 0)?;
        } else {
            self.write(now, parameter, data)?;
        }
        if invalid {
            self.stored.invalid.insert(parameter);
        } else {
            self.stored.invalid.remove(&parameter);
        }
        Ok(())
    }

    fn write(&mut self, now: Instant, parameter: u8, data: &[u8]) -> Result<(), CompletionCode> {
        let stored = &mut self.stored;
        match parameter {
            parameter::SET_IN_PROGRESS => {
                let [state] = exactly(data)?;
                return self.progress(now, state & 0x03);
            }
            parameter::SERVICE_PARTITION_SELECTOR => [stored.service_partition] = exactly(data)?,
            parameter::SERVICE_PARTITION_SCAN => stored.service_scan = exactly::<1>(data)?[0] & 0x03,
            parameter::FLAG_VALID_CLEARING => stored.keep_valid = exactly::<1>(data)?[0] & KeepValid::ALL,
            parameter::INFO_ACKNOWLEDGE => {
                let [mask, acknowledged] = exactly(data)?;
                self.acknowledged = self.acknowledged & !mask | acknowledged & mask & 0x1F;
            }
            parameter::FLAGS => self.set_flags(now, BootFlags(exactly(data)?)),
            parameter::INITIATOR_INFO => stored.initiator = exactly(data)?,
            parameter::INITIATOR_MAILBOX => return self.set_mailbox(data),
            parameter::FIRST_OEM..=parameter::LAST_OEM if data.len() > OEM_MAX => {
                return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
            }
            parameter::FIRST_OEM..=parameter::LAST_OEM => {
                stored.oem.insert(parameter, data.to_vec());
            }
            _ => return Err(NOT_SUPPORTED),
        }
        Ok(())
    }

    fn progress(&mut self, now: Instant, state: u8) -> Result<(), CompletionCode> {
        match (state, self.progress) {
            (0, _) => self.progress = None,
            (1, Some(_)) => return Err(SET_IN_PROGRESS),
            (1, None) => self.progress = Some(now + PROGRESS),
            // What was written so far stays, and the change goes on. There is no rollback.
            (2, _) => self.commit = true,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        }
        Ok(())
    }

    fn set_flags(&mut self, now: Instant, flags: BootFlags) {
        let [first, second, third, fourth, fifth] = flags.0;
        // Without the bits that are reserved.
        let flags = BootFlags([first & 0xE0, second, third, fourth & 0x0F, fifth & 0x1F]);
        let overrides_nothing = !flags.is_valid() || flags.device() == BootDevice::NO_OVERRIDE;
        let stored = &mut self.stored;
        stored.last_is_always = flags.is_persistent();
        if flags.is_persistent() {
            stored.always = Override::of(flags);
            self.end_once();
            return;
        }
        stored.once = Override::of(flags);
        stored.once_lapses = flags.is_valid();
        if overrides_nothing {
            stored.always.change(|always| always.with_valid(false));
        }
        self.lapse = flags.is_valid().then_some(now + LAPSE);
    }

    fn set_mailbox(&mut self, data: &[u8]) -> Result<(), CompletionCode> {
        let [block, bytes @ ..] = data else { return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID) };
        if bytes.is_empty() || bytes.len() > MAILBOX_BLOCK {
            return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
        }
        let mailbox = self.stored.mailbox.get_mut(usize::from(*block));
        let block = mailbox.ok_or(CompletionCode::PARAMETER_OUT_OF_RANGE)?;
        // A block that is given in part is empty behind that.
        *block = [0; MAILBOX_BLOCK];
        block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    /// Get System Boot Options (v2.0§28.13): the mark and the bytes.
    ///
    /// # Errors
    /// The completion code.
    pub(super) fn get(&self, parameter: u8, set: u8) -> Result<(bool, Vec<u8>), CompletionCode> {
        Ok((self.stored.invalid.contains(&parameter), self.read(parameter, set)?))
    }

    fn read(&self, parameter: u8, set: u8) -> Result<Vec<u8>, CompletionCode> {
        let stored = &self.stored;
        Ok(match parameter {
            parameter::SET_IN_PROGRESS => vec![u8::from(self.progress.is_some())],
            parameter::SERVICE_PARTITION_SELECTOR => vec![stored.service_partition],
            parameter::SERVICE_PARTITION_SCAN => vec![stored.service_scan],
            parameter::FLAG_VALID_CLEARING => vec![stored.keep_valid],
            // The write mask is 0 when it is read.
            parameter::INFO_ACKNOWLEDGE => vec![0, self.acknowledged],
            parameter::FLAGS => self.flags().0.to_vec(),
            parameter::INITIATOR_INFO => stored.initiator.to_vec(),
            parameter::INITIATOR_MAILBOX => {
                let block = stored.mailbox.get(usize::from(set));
                let block = block.ok_or(CompletionCode::PARAMETER_OUT_OF_RANGE)?;
                [&[set], &block[..]].concat()
            }
            _ => stored.oem.get(&parameter).ok_or(NOT_SUPPORTED)?.clone(),
        })
    }

    /// The flags that hold: those for the next boot before those for all.
    fn flags(&self) -> BootFlags {
        let once = self.stored.once.flags().with_persistent(false);
        let always = self.stored.always.flags().with_persistent(true);
        match (once.is_valid(), always.is_valid()) {
            (true, _) => once,
            (false, true) => always,
            (false, false) if self.stored.last_is_always => always,
            (false, false) => once,
        }
    }
}

/// Data of one length only.
fn exactly<const N: usize>(data: &[u8]) -> Result<[u8; N], CompletionCode> {
    data.try_into().map_err(|_| CompletionCode::REQUEST_DATA_LENGTH_INVALID)
}
