//! The parameters on the bus: OpenBMC's settings objects, and ours for IPMI.

use std::sync::Arc;

use bmc_dbus::{OwnNameError, Serve as _, boot as values, names::boot as names, own_name};
use futures_util::FutureExt as _;
use ipmi_wire::{CompletionCode, command::boot::BootFlags};
use zbus::{Connection, fdo, interface};

use super::{
    keeper::Boot,
    options::{Override, Slot},
    words::{Mode, Source},
};

/// Where each override is.
const SLOTS: [(Slot, &str); 2] = [(Slot::Always, names::PATH), (Slot::Once, names::ONE_TIME_PATH)];
/// OpenBMC's names for the types.
const LEGACY: &str = "Legacy";
const EFI: &str = "EFI";

fn known<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, prefix: &str, text: &str) -> fdo::Result<T> {
    let wanted = text.strip_prefix(prefix).unwrap_or_default();
    let found = all.iter().copied().find(|value| name(*value) == wanted);
    found.ok_or_else(|| fdo::Error::InvalidArgs(format!("`{text}` is not a value of {prefix}*")))
}

/// An override that several objects show.
#[derive(Clone)]
struct Setting(Arc<Boot>, Slot);

impl Setting {
    fn get(&self) -> Override {
        self.0.look(|options| *options.slot(self.1))
    }

    fn set(&self, change: impl FnOnce(&mut Override)) -> fdo::Result<()> {
        let slot = self.1;
        let changed = self.0.change(|options, _| options.change(slot, change));
        changed.map_err(|error| fdo::Error::Failed(error.to_string()))
    }

    fn set_flag(&self, change: impl FnOnce(BootFlags) -> BootFlags) -> fdo::Result<()> {
        self.set(|setting| setting.change(change))
    }
}

/// What the objects of an override show.
mod shown {
    use super::{EFI, LEGACY, Override, values};

    pub(super) fn source(setting: &Override) -> String {
        format!("{}{}", values::SOURCE, setting.source().name())
    }
    pub(super) fn mode(setting: &Override) -> String {
        format!("{}{}", values::MODE, setting.mode().name())
    }
    pub(super) fn kind(setting: &Override) -> String {
        format!("{}{}", values::TYPE, if setting.flags().is_efi() { EFI } else { LEGACY })
    }
    pub(super) fn cmos_clear(setting: &Override) -> bool {
        setting.flags().clears_cmos()
    }
    pub(super) fn enabled(setting: &Override) -> bool {
        setting.flags().is_valid()
    }
}

struct BootSource(Setting);

#[interface(name = "xyz.openbmc_project.Control.Boot.Source")]
impl BootSource {
    #[zbus(property)]
    fn boot_source(&self) -> String {
        shown::source(&self.0.get())
    }
    #[zbus(property)]
    fn set_boot_source(&mut self, source: String) -> fdo::Result<()> {
        let source = known(Source::ALL, Source::name, values::SOURCE, &source)?;
        self.0.set(|setting| setting.say(source, setting.mode()))
    }
}

struct BootMode(Setting);

#[interface(name = "xyz.openbmc_project.Control.Boot.Mode")]
impl BootMode {
    #[zbus(property)]
    fn boot_mode(&self) -> String {
        shown::mode(&self.0.get())
    }
    #[zbus(property)]
    fn set_boot_mode(&mut self, mode: String) -> fdo::Result<()> {
        let mode = known(Mode::ALL, Mode::name, values::MODE, &mode)?;
        self.0.set(|setting| setting.say(setting.source(), mode))
    }
}

struct BootType(Setting);

#[interface(name = "xyz.openbmc_project.Control.Boot.Type")]
impl BootType {
    #[zbus(property)]
    fn boot_type(&self) -> String {
        shown::kind(&self.0.get())
    }
    #[zbus(property)]
    fn set_boot_type(&mut self, kind: String) -> fdo::Result<()> {
        let efi = known(&[LEGACY, EFI], |name| name, values::TYPE, &kind)? == EFI;
        self.0.set_flag(|flags| flags.with_efi(efi))
    }
}

struct Flags(Setting);

#[interface(name = "xyz.openbmc_project.Control.Boot.Flags")]
impl Flags {
    #[zbus(property, name = "CMOSClear")]
    fn cmos_clear(&self) -> bool {
        shown::cmos_clear(&self.0.get())
    }
    #[zbus(property, name = "CMOSClear")]
    fn set_cmos_clear(&mut self, clear: bool) -> fdo::Result<()> {
        self.0.set_flag(|flags| flags.with_cmos_clear(clear))
    }
}

struct Enable(Setting);

#[interface(name = "xyz.openbmc_project.Object.Enable")]
impl Enable {
    #[zbus(property)]
    fn enabled(&self) -> bool {
        shown::enabled(&self.0.get())
    }
    #[zbus(property)]
    fn set_enabled(&mut self, enabled: bool) -> fdo::Result<()> {
        self.0.set_flag(|flags| flags.with_valid(enabled))
    }
}

struct Ipmi(Arc<Boot>);

#[interface(name = "org.ferrite.BootOptions")]
impl Ipmi {
    fn set(&self, parameter: u8, invalid: bool, data: Vec<u8>) -> fdo::Result<u8> {
        let done = self.0.change(|options, now| options.set(now, parameter, invalid, &data));
        let done = done.map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(done.err().unwrap_or(CompletionCode::OK).0)
    }
    fn get(&self, parameter: u8, set: u8) -> (u8, bool, Vec<u8>) {
        match self.0.look(|options| options.get(parameter, set)) {
            Ok((invalid, data)) => (CompletionCode::OK.0, invalid, data),
            Err(code) => (code.0, false, Vec::new()),
        }
    }
}

/// Serves the objects, then takes the settings daemon's name, unless that runs: then our objects stand under powerd's names alone.
pub(crate) async fn serve(connection: &Connection, boot: &Arc<Boot>) -> anyhow::Result<()> {
    let server = connection.object_server();
    for (slot, path) in SLOTS {
        let setting = || Setting(Arc::clone(boot), slot);
        server.serve(path, BootSource(setting())).await?;
        server.serve(path, BootMode(setting())).await?;
        server.serve(path, BootType(setting())).await?;
        server.serve(path, Flags(setting())).await?;
        server.serve(path, Enable(setting())).await?;
    }
    server.serve(names::PATH, Ipmi(Arc::clone(boot))).await?;
    match own_name(connection, names::SETTINGS_SERVICE).await {
        Err(taken @ OwnNameError::Taken { .. }) => tracing::warn!("boot settings: {taken}"),
        other => other?,
    }
    Ok(())
}

/// Announces what changed, for as long as `connection` lives.
pub(crate) async fn announce(connection: &Connection, boot: &Arc<Boot>) -> anyhow::Result<()> {
    let mut seen = boot.shown.subscribe();
    let mut before = SLOTS.map(|(slot, _)| Setting(Arc::clone(boot), slot).get());
    loop {
        seen.changed().await?;
        let after = SLOTS.map(|(slot, _)| Setting(Arc::clone(boot), slot).get());
        for (((_, path), before), after) in SLOTS.iter().zip(&before).zip(&after) {
            changes(connection, path, before, after).await?;
        }
        before = after;
    }
}

async fn changes(
    connection: &Connection,
    path: &str,
    before: &Override,
    after: &Override,
) -> zbus::Result<()> {
    macro_rules! changed {
        ($($object:ty: $signal:ident = $shown:path),+ $(,)?) => {$(
            if $shown(before) != $shown(after) {
                let object = connection.object_server().interface::<_, $object>(path).boxed().await?;
                object.get().await.$signal(object.signal_emitter()).boxed().await?;
            }
        )+};
    }
    changed! {
        BootSource: boot_source_changed = shown::source,
        BootMode: boot_mode_changed = shown::mode,
        BootType: boot_type_changed = shown::kind,
        Flags: c_m_o_s_clear_changed = shown::cmos_clear,
        Enable: enabled_changed = shown::enabled,
    }
    Ok(())
}
